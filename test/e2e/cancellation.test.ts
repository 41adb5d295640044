// Cancelled calls. The flows are real; their modes do not end while a client waits, so that only
// the cancellation can stop them.
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { auditEventsIn } from "../support/audit-log.ts";
import { EVENTUALLY } from "../support/eventually.ts";
import {
  accessTokenOf,
  type Connected,
  type ConnectOptions,
  callTool,
  connect,
  MODES,
  type Mode,
  userIdOf,
} from "../support/mcp-clients.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem();

/** A client with a capability gets a session in the older revisions. */
const WITH_CAPABILITY: ConnectOptions = { capabilities: { roots: {} } };

interface Flow {
  readonly flowId: string;
  readonly status: string;
  readonly currentMode: string;
  readonly progress: number;
}

async function createFlow(connected: Connected): Promise<string> {
  const flow = await callTool<Flow>(connected, "flow_create", { projectDescription: "A held kiosk." });
  return flow.flowId;
}

/** Calls `flow_advance`, and cancels the call at the first progress notification. */
function advanceAndCancel({ client }: Connected, mode: Mode, flowId: string): Promise<unknown> {
  const stop = new AbortController();
  const options = { signal: stop.signal, onprogress: () => stop.abort("Enough.") };
  const call = { name: "flow_advance", arguments: { flowId } };
  // The older package takes the schema of the result before the options.
  const { callTool } = client as unknown as { callTool(params: object, ...rest: unknown[]): Promise<unknown> };
  return callTool.call(client, call, ...(mode === "older-sdk" ? [undefined, options] : [options]));
}

/** The decisions and outcomes in the audit records of this user's `flow_advance` calls. */
function outcomes(connected: Connected): string[] {
  return auditEventsIn(system.logs()).flatMap((event) =>
    event.type === "tool.called" && event.tool === "flow_advance" && event.subject === userIdOf(connected)
      ? [`${event.decision}: ${event.outcome}`]
      : [],
  );
}

const CANCELLED = "allowed: cancelled";
const UNCHANGED = { status: "draft", currentMode: "PRODUCT", progress: 0 };

/** Waits for `count` audit records of `flow_advance`. Returns their outcomes, and the flow. */
async function stateAfterCalls(connected: Connected, flowId: string, count = 1): Promise<object> {
  await vi.waitUntil(() => outcomes(connected).length >= count, EVENTUALLY);
  const { status, currentMode, progress } = await callTool<Flow>(connected, "flow_status", { flowId });
  return { outcomes: outcomes(connected), status, currentMode, progress };
}

/**
 * Calls `flow_advance` by a request of this revision, and disconnects after the first chunk of the
 * response. Returns the chunk.
 */
async function advanceAndDisconnect(
  connected: Connected,
  flowId: string,
  revision: "2025-11-25" | "2026-07-28",
): Promise<string> {
  const connection = new AbortController();
  const params = { name: "flow_advance", arguments: { flowId }, _meta: { progressToken: 1 } };
  const response = await postRequest(
    system,
    accessTokenOf(connected),
    { method: "tools/call", params },
    { revision, headers: { accept: "application/json, text/event-stream" }, signal: connection.signal },
  );
  const reader = response.body?.getReader();
  const chunk = new TextDecoder().decode((await reader?.read())?.value);
  connection.abort();
  return chunk;
}

describe.each(MODES)("the %s client", (mode) => {
  it("cancels a call: the backend stops, the record says so, and the next call succeeds", async () => {
    const connected = await connect(system.origin, mode, WITH_CAPABILITY);
    const hasSession = mode === "legacy" || mode === "older-sdk";
    expect(typeof connected.client.transport?.sessionId).toBe(hasSession ? "string" : "undefined");
    const flowId = await createFlow(connected);
    await expect(advanceAndCancel(connected, mode, flowId)).rejects.toThrow("Enough.");
    expect(await stateAfterCalls(connected, flowId)).toEqual({ outcomes: [CANCELLED], ...UNCHANGED });
    // A second call has a new id, and does not change the first one's record.
    await expect(advanceAndCancel(connected, mode, flowId)).rejects.toThrow("Enough.");
    expect(await stateAfterCalls(connected, flowId, 2)).toEqual({ outcomes: [CANCELLED, CANCELLED], ...UNCHANGED });
    await connected.close();
  });
});

describe.each(["legacy", "older-sdk"] as const)("the %s client without a session", (mode) => {
  it("cannot stop the work by a notification, which has no session: it stops when the client disconnects", async () => {
    const first = await connect(system.origin, mode);
    expect(first.client.transport?.sessionId).toBeUndefined();
    const flowId = await createFlow(first);
    await expect(advanceAndCancel(first, mode, flowId)).rejects.toThrow("Enough.");
    expect(await callTool(first, "flow_status", { flowId })).toMatchObject({ status: "running" });
    const second = await connect(system.origin, mode, { account: first.account });
    await first.close();
    expect(await stateAfterCalls(second, flowId)).toEqual({ outcomes: [CANCELLED], ...UNCHANGED });
    await second.close();
  });
});

it.each(["2025-11-25", "2026-07-28"] as const)(
  "a client of %s that disconnects during the response cancels the call",
  async (revision) => {
    const connected = await connect(system.origin, "modern");
    const flowId = await createFlow(connected);
    expect(await advanceAndDisconnect(connected, flowId, revision)).toContain("notifications/progress");
    expect(await stateAfterCalls(connected, flowId)).toEqual({ outcomes: [CANCELLED], ...UNCHANGED });
    await connected.close();
  },
);

it("a client that disconnects during its request makes no call, and its next request succeeds", async () => {
  const connected = await connect(system.origin, "modern");
  const flowId = await createFlow(connected);
  const { hostname, port, host } = new URL(system.origin);
  const socket = connectSocket(Number(port), hostname);
  await once(socket, "connect");
  const call = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "flow_advance", arguments: { flowId } },
  });
  const head = ["POST /mcp HTTP/1.1", `Host: ${host}`, `Authorization: Bearer ${accessTokenOf(connected)}`];
  head.push("Content-Type: application/json", `Content-Length: ${call.length + 10}`, "", call);
  // The JSON is complete, but the body is shorter than its Content-Length.
  await new Promise((resolve) => socket.write(head.join("\r\n"), resolve));
  socket.destroy();
  await once(socket, "close");
  expect(await callTool(connected, "flow_status", { flowId })).toMatchObject({ status: "draft", progress: 0 });
  expect(outcomes(connected)).toEqual([]);
  await connected.close();
});
