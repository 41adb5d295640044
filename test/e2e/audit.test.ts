// Every tool call and every refused one leaves one record, as a log line and as a message on the platform's queue, and so does every
// change of who has access; no record holds a secret or a person's words.
import { expect, it, vi } from "vitest";
import type { AccessEvent, AuditEvent } from "../../src/audit/event.ts";
import { connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem({
  also: [
    {
      name: "event-consumer",
      main: "test/support/event-consumer.ts",
      queues: { consumers: [{ queue: "stackbilt-user-events", max_batch_size: 50, max_batch_timeout: 1 }] },
    },
  ],
});

const SECRETS = [
  "sb_live_abcdefghijklmnop1234",
  "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
  "deadbeefdeadbeefdeadbeefdeadbeef",
  "hunter2hunter2",
];

it("one record for each call: who, what, why, how it ended, and nothing that is not the platform's to know", async () => {
  const { client, auth, account, close } = await connect(system.origin, "modern", { generate: false });
  const accessToken = auth.saved?.access_token ?? "";
  const raw = (name: unknown, args: object) =>
    system.fetch("/mcp", {
      method: "POST",
      headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } }),
    });

  await client.callTool({ name: "image_list_models", arguments: {} });
  await client.callTool({ name: "flow_status", arguments: { flowId: "unknown-flow" } });
  await client.callTool({
    name: "flow_status",
    arguments: { flowId: "f", password: SECRETS[3], [SECRETS[0] as string]: SECRETS[2] },
  });
  await raw("image_generate", {
    prompt: `a portrait of my neighbour ${SECRETS[1]}`,
    model: SECRETS[1],
    quality_tier: "draft",
  });
  await raw(`no_such_tool_${SECRETS[0]}`, { token: SECRETS[1] });
  await close();

  const isCall = (record: AuditEvent | AccessEvent): record is AuditEvent => record.type === "tool.called";
  const arrived = await vi.waitFor(
    async () => {
      const all = (await (await system.worker("event-consumer").fetch("/")).json()) as (AuditEvent | AccessEvent)[];
      expect(all.filter(isCall)).toHaveLength(5);
      return all;
    },
    { timeout: 20_000, interval: 200 },
  );
  const records = arrived.filter(isCall);
  const logged = system
    .logs()
    .filter((line) => line.includes('"event":"audit"'))
    .map((line) => JSON.parse(line.slice(line.indexOf("{"))) as AuditEvent | AccessEvent);
  const byTrace = (a: { traceId: string }, b: { traceId: string }) => (a.traceId < b.traceId ? -1 : 1);
  expect(logged.toSorted(byTrace)).toEqual(arrived.map((record) => ({ event: "audit", ...record })).toSorted(byTrace));

  const { client_id } = auth.clientInformation() as { client_id: string };
  const [userId] = accessToken.split(":");
  const change = {
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    subject: userId,
  };
  expect(arrived.filter((record) => !isCall(record)).toSorted((a, b) => (a.type < b.type ? -1 : 1))).toEqual([
    { ...change, type: "grant.made", clientId: client_id, scopes: ["read", "offline_access"] },
    { ...change, type: "session.started", clientId: null },
  ]);

  const common = {
    type: "tool.called",
    channel: "mcp",
    tier: "free",
    scopes: ["read"],
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    durationMs: expect.any(Number),
  };
  const told = records.map(({ tool, risk, decision, outcome, input }) => ({ tool, risk, decision, outcome, input }));
  expect(told).toEqual(
    expect.arrayContaining([
      { tool: "image_list_models", risk: "READ_ONLY", decision: "allowed", outcome: "ok", input: {} },
      {
        tool: "flow_status",
        risk: "READ_ONLY",
        decision: "allowed",
        outcome: "flow_not_found",
        input: { flowId: "unknown-flow" },
      },
      {
        tool: "flow_status",
        risk: "READ_ONLY",
        decision: "invalid_arguments",
        outcome: "invalid_arguments",
        input: { flowId: "f", password: "[hidden]", "[hidden]": "[hidden]" },
      },
      {
        tool: "image_generate",
        risk: "EXTERNAL_MUTATION",
        decision: "insufficient_scope",
        outcome: "insufficient_scope",
        input: { prompt: expect.stringMatching(/^<\d+ characters>$/), model: "[hidden]", quality_tier: "draft" },
      },
      { tool: "[hidden]", risk: null, decision: "unknown_tool", outcome: "unknown_tool", input: { token: "[hidden]" } },
    ]),
  );
  for (const record of records) expect(record).toMatchObject(common);
  expect(new Set(records.map(({ subject, tenantId, clientId }) => `${subject} ${tenantId} ${clientId}`)).size).toBe(1);
  expect(new Set(records.map(({ traceId }) => traceId)).size).toBe(5);

  const everything = JSON.stringify(arrived) + system.logs().join("\n");
  for (const secret of [...SECRETS, accessToken, auth.saved?.refresh_token ?? "", "neighbour", account.email])
    expect(everything).not.toContain(secret);
});

it("a call whose client hangs up is stopped, and leaves its record all the same", async () => {
  const { client, auth, close } = await connect(system.origin, "modern");
  const created = await client.callTool({ name: "flow_create", arguments: { policy: {} } });
  const { flowId } = created.structuredContent as { flowId: string };
  const recordsOf = () =>
    system.logs().filter((line) => line.includes('"event":"audit"') && line.includes('"flow_advance"'));
  const hangUp = new AbortController();
  const response = await system.fetch("/mcp", {
    method: "POST",
    signal: hangUp.signal,
    headers: {
      authorization: `Bearer ${auth.saved?.access_token}`,
      "content-type": "application/json",
      accept: "text/event-stream",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "flow_advance", arguments: { flowId }, _meta: { progressToken: 1 } },
    }),
  });
  await response.body?.getReader().read();
  hangUp.abort();
  await vi.waitFor(() => expect(recordsOf()).toHaveLength(1), { timeout: 20_000, interval: 100 });
  const after = await client.callTool({ name: "flow_status", arguments: { flowId } });
  expect(after.structuredContent).toMatchObject({ currentMode: "PRODUCT", progress: 0 });
  await close();
});
