// A person changes their mind in the middle of a call. The flows are real; their modes do not end while they are wanted, so that what
// stops them can only be the person.
import { once } from "node:events";
import { connect as dial } from "node:net";
import { describe, expect, it, vi } from "vitest";
import type { AuditEvent } from "../../src/audit/event.ts";
import { type Connected, type ConnectOptions, connect, MODES, type Mode } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem({ mains: { stackbilder: "test/support/fakes/held-flows.ts" } });

/** Slow machines stop late. */
const SOON = { timeout: 15_000, interval: 100 };
const ASKABLE: ConnectOptions = { capabilities: { roots: {} } };

interface Flow {
  readonly flowId: string;
  readonly status: string;
  readonly currentMode: string;
  readonly progress: number;
}

async function use({ client }: Connected, name: string, args: object): Promise<Flow> {
  const { structuredContent, content, isError } = await client.callTool({ name, arguments: { ...args } });
  if (isError) throw new Error(JSON.stringify(content));
  return structuredContent as unknown as Flow;
}

const newFlow = async (somebody: Connected) =>
  (await use(somebody, "flow_create", { policy: {}, projectDescription: "A kiosk." })).flowId;

/** Advances, and gives up at the first sign of progress. */
function changeMind({ client }: Connected, mode: Mode, flowId: string): Promise<unknown> {
  const stop = new AbortController();
  const options = { signal: stop.signal, onprogress: () => stop.abort("Enough.") };
  const call = { name: "flow_advance", arguments: { flowId } };
  // This package takes the shape of the result before the options.
  const { callTool } = client as unknown as { callTool(params: object, ...rest: unknown[]): Promise<unknown> };
  return callTool.call(client, call, ...(mode === "older-sdk" ? [undefined, options] : [options]));
}

/** What is on record of this person's `flow_advance`. */
function outcomes({ auth }: Connected): string[] {
  const [subject] = auth.saved?.access_token.split(":") ?? [];
  return system
    .logs()
    .filter((line) => line.includes('"event":"audit"'))
    .map((line) => JSON.parse(line.slice(line.indexOf("{"))) as AuditEvent)
    .filter((record) => record.subject === subject && record.tool === "flow_advance")
    .map(({ decision, outcome }) => `${decision}: ${outcome}`);
}

/** The flow is as it was, and the record says why. */
async function expectStopped(somebody: Connected, flowId: string, count = 1): Promise<void> {
  await vi.waitFor(() => expect(outcomes(somebody)).toEqual(Array(count).fill("allowed: cancelled")), SOON);
  expect(await use(somebody, "flow_status", { flowId })).toMatchObject({
    status: "draft",
    currentMode: "PRODUCT",
    progress: 0,
  });
}

/** Begins to advance with a request sent by hand, and hangs up in the middle of the answer. */
async function hangUp({ auth }: Connected, flowId: string, revision: "2025-11-25" | "2026-07-28"): Promise<void> {
  const line = new AbortController();
  const modern = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const _meta = { progressToken: 1, ...(revision === "2026-07-28" && modern) };
  const answer = await system.fetch("/mcp", {
    method: "POST",
    signal: line.signal,
    headers: {
      authorization: `Bearer ${auth.saved?.access_token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": revision,
      ...(revision === "2026-07-28" && { "mcp-method": "tools/call", "mcp-name": "flow_advance" }),
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "flow_advance", arguments: { flowId }, _meta },
    }),
  });
  const reader = answer.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain("notifications/progress");
  line.abort();
}

describe.each(MODES)("the %s client", (mode) => {
  it("gives up at once; the backend stops, the record says so, and the next call is served", async () => {
    const somebody = await connect(system.origin, mode, ASKABLE);
    const isSession = mode === "legacy" || mode === "older-sdk";
    expect(typeof somebody.client.transport?.sessionId).toBe(isSession ? "string" : "undefined");
    const flowId = await newFlow(somebody);
    await expect(changeMind(somebody, mode, flowId)).rejects.toThrow("Enough.");
    await expectStopped(somebody, flowId);
    // Ids go on, and what was cancelled stays what it was.
    await expect(changeMind(somebody, mode, flowId)).rejects.toThrow("Enough.");
    await expectStopped(somebody, flowId, 2);
    await somebody.close();
  });
});

describe.each(["legacy", "older-sdk"] as const)("the %s client without a session", (mode) => {
  it("gives up at once, but its word reaches nobody: the work goes on until it hangs up", async () => {
    const somebody = await connect(system.origin, mode);
    expect(somebody.client.transport?.sessionId).toBeUndefined();
    const flowId = await newFlow(somebody);
    await expect(changeMind(somebody, mode, flowId)).rejects.toThrow("Enough.");
    expect(await use(somebody, "flow_status", { flowId })).toMatchObject({ status: "running" });
    const again = await connect(system.origin, mode, { account: somebody.account });
    await somebody.close();
    await expectStopped(again, flowId);
    await again.close();
  });
});

it.each(["2025-11-25", "2026-07-28"] as const)(
  "who hangs up in the middle of an answer of %s cancels the call",
  async (revision) => {
    const somebody = await connect(system.origin, "modern");
    const flowId = await newFlow(somebody);
    await hangUp(somebody, flowId, revision);
    await expectStopped(somebody, flowId);
    await somebody.close();
  },
);

it("who breaks off in the middle of a request has asked for nothing, and the next request is served", async () => {
  const somebody = await connect(system.origin, "modern");
  const flowId = await newFlow(somebody);
  const { hostname, port, host } = new URL(system.origin);
  const line = dial(Number(port), hostname);
  await once(line, "connect");
  const call = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "flow_advance", arguments: { flowId } },
  });
  const head = ["POST /mcp HTTP/1.1", `Host: ${host}`, `Authorization: Bearer ${somebody.auth.saved?.access_token}`];
  head.push("Content-Type: application/json", `Content-Length: ${call.length + 10}`, "", call);
  // The call is whole, but not the body that was announced.
  await new Promise((resolve) => line.write(head.join("\r\n"), resolve));
  line.destroy();
  await once(line, "close");
  expect(await use(somebody, "flow_status", { flowId })).toMatchObject({ status: "draft", progress: 0 });
  expect(outcomes(somebody)).toEqual([]);
  await somebody.close();
});
