// Each tool call, refused or not, and each change of access makes one audit record: a log line and
// a message on the platform's queue. No record holds a secret or text that a user wrote.
import { createHash } from "node:crypto";
import { expect, it, vi } from "vitest";
import { chainIdOf, chainNameOf, verifyRecords } from "../../contracts/audit-record.ts";
import type { AuditEvent, ToolCallEvent } from "../../src/audit/event.ts";
import { auditEventsIn } from "../support/audit-log.ts";
import { EVENTUALLY } from "../support/eventually.ts";
import { accessTokenOf, clientIdOf, connect, userIdOf } from "../support/mcp-clients.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem("confirming");

const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");
const SECRETS = [
  "sb_live_abcdefghijklmnop1234",
  "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
  "deadbeefdeadbeefdeadbeefdeadbeef",
  "hunter2hunter2",
];

it("records each call once, with identity, decision and outcome, and without secrets and user text", async () => {
  const connected = await connect(system.origin, "modern", { generate: false });
  const { client, auth, account, close } = connected;
  const accessToken = accessTokenOf(connected);
  const call = (name: string, args: object) =>
    postRequest(system, accessToken, { method: "tools/call", params: { name, arguments: args } });

  await client.callTool({ name: "image_list_models", arguments: {} });
  await client.callTool({ name: "flow_status", arguments: { flowId: "unknown-flow" } });
  await client.callTool({
    name: "flow_status",
    arguments: { flowId: "f", password: SECRETS[3], [SECRETS[0] as string]: SECRETS[2] },
  });
  await call("image_generate", {
    prompt: `a portrait of my neighbour ${SECRETS[1]}`,
    model: SECRETS[1],
    quality_tier: "draft",
  });
  await call(`no_such_tool_${SECRETS[0]}`, { token: SECRETS[1] });
  await close();

  const isCall = (record: AuditEvent): record is ToolCallEvent => record.type === "tool.called";
  const arrived = await vi.waitFor(async () => {
    const all = (await (await system.worker("event-consumer").fetch("/")).json()) as AuditEvent[];
    const own = all.filter(({ subject }) => subject === userIdOf(connected));
    expect([own.filter(isCall).length, own.length]).toEqual([5, 7]);
    return own;
  }, EVENTUALLY);
  const records = arrived.filter(isCall);
  const logged = auditEventsIn(system.logs()).filter(({ subject }) => subject === userIdOf(connected));
  const unchained = arrived.map(({ chain: _, ...record }: AuditEvent & { readonly chain?: object }) => record);
  const byTrace = (a: { traceId: string }, b: { traceId: string }) => (a.traceId < b.traceId ? -1 : 1);
  expect(logged.toSorted(byTrace)).toEqual(
    unchained.map((record) => ({ event: "audit", ...record })).toSorted(byTrace),
  );

  const change = {
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    subject: userIdOf(connected),
    tenantId: records[0]?.tenantId,
  };
  expect(unchained.filter((record) => !isCall(record)).toSorted((a, b) => (a.type < b.type ? -1 : 1))).toEqual([
    { ...change, type: "grant.made", clientId: clientIdOf(connected), scopes: ["read", "offline_access"] },
    { ...change, type: "session.started", clientId: null },
  ]);

  const chain = arrived.filter((record) => !isCall(record));
  const id = chainIdOf(chainNameOf(records[0]?.tenantId ?? null), sha256);
  expect(verifyRecords(chain, { id }, sha256)).toEqual([]);

  const common = {
    type: "tool.called",
    channel: "mcp",
    tier: "free",
    scopes: ["read"],
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    durationMs: expect.any(Number),
  };
  const calls = records.map(({ tool, risk, decision, outcome, input }) => ({ tool, risk, decision, outcome, input }));
  expect(calls).toEqual(
    expect.arrayContaining([
      { tool: "image_list_models", risk: "READ_ONLY", decision: "allowed", outcome: "ok", input: {} },
      {
        tool: "flow_status",
        risk: "READ_ONLY",
        decision: "allowed",
        outcome: "flow_not_found",
        input: { flowId: "<12 characters>" },
      },
      {
        tool: "flow_status",
        risk: "READ_ONLY",
        decision: "invalid_arguments",
        outcome: "invalid_arguments",
        input: { flowId: "<1 characters>", "<unknown fields>": 2 },
      },
      {
        tool: "image_generate",
        risk: "EXTERNAL_MUTATION",
        decision: "insufficient_scope",
        outcome: "insufficient_scope",
        input: { prompt: expect.stringMatching(/^<\d+ characters>$/), model: "<40 characters>", quality_tier: "draft" },
      },
      {
        tool: "<41 characters>",
        risk: null,
        decision: "unknown_tool",
        outcome: "unknown_tool",
        input: { "<unknown fields>": 1 },
      },
    ]),
  );
  for (const record of records) expect(record).toMatchObject(common);
  expect(new Set(records.map(({ subject, tenantId, clientId }) => `${subject} ${tenantId} ${clientId}`)).size).toBe(1);
  expect(new Set(records.map(({ traceId }) => traceId)).size).toBe(5);

  const everything = JSON.stringify(arrived) + system.logs().join("\n");
  for (const secret of [...SECRETS, accessToken, auth.saved?.refresh_token ?? "", "neighbour", account.email])
    expect(everything).not.toContain(secret);
});

it("records a call whose client disconnects, which stops it", async () => {
  const connected = await connect(system.origin, "modern");
  const { client, close } = connected;
  const created = await client.callTool({ name: "flow_create", arguments: { projectDescription: "A held kiosk" } });
  const { flowId } = created.structuredContent as { flowId: string };
  const recordsOf = () =>
    auditEventsIn(system.logs()).filter(
      (event) => event.type === "tool.called" && event.tool === "flow_advance" && event.subject === userIdOf(connected),
    );
  const disconnect = new AbortController();
  const response = await postRequest(
    system,
    accessTokenOf(connected),
    {
      method: "tools/call",
      params: { name: "flow_advance", arguments: { flowId }, _meta: { progressToken: 1 } },
    },
    { signal: disconnect.signal, headers: { accept: "text/event-stream" } },
  );
  await response.body?.getReader().read();
  disconnect.abort();
  await vi.waitFor(() => expect(recordsOf()).toHaveLength(1), EVENTUALLY);
  const after = await client.callTool({ name: "flow_status", arguments: { flowId } });
  expect(after.structuredContent).toMatchObject({ currentMode: "PRODUCT", progress: 0 });
  await close();
});
