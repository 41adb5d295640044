import { afterEach, expect, it, vi } from "vitest";
import { Deadlines } from "../../../contracts/rpc/deadlines.ts";
import type { AccessEvent, ToolCallEvent } from "../../../src/audit/event.ts";
import { deliver, store } from "../../../src/audit/sinks.ts";
import type { RequestContext } from "../../../src/context.ts";

const event: ToolCallEvent = {
  type: "tool.called",
  at: "2026-11-22T00:00:00.000Z",
  traceId: "a".repeat(32),
  channel: "mcp",
  subject: "u1",
  tenantId: "t1",
  clientId: "c1",
  tier: "free",
  scopes: ["read"],
  tool: "flow_status",
  risk: "READ_ONLY",
  toolDigest: "d".repeat(43),
  decision: "allowed",
  outcome: "ok",
  durationMs: 1,
  input: {},
};

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("logs a message that cannot be sent together with its record, and delays nothing", async () => {
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const background: Promise<unknown>[] = [];
  const broken = { send: () => Promise.reject(new Error("the queue is full of secrets")) } as unknown as Queue;
  const ctx = { waitUntil: (work: Promise<unknown>) => void background.push(work) };
  deliver({ env: { PLATFORM_EVENTS_QUEUE: broken }, ctx } as unknown as RequestContext, event); // all that it uses
  await Promise.all(background);
  expect(errors).toHaveBeenCalledOnce();
  const line = String(errors.mock.calls[0]?.[0]);
  expect(JSON.parse(line)).toMatchObject({ event: "audit.undelivered", record: event });
  expect(line).not.toContain("full of secrets");
});

it("sends a change of access to the queue if the audit log does not answer within five seconds", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const sent = vi.fn(async () => undefined);
  const hanging = { idFromName: (name: string) => name, get: () => ({ append: () => new Promise(() => undefined) }) };
  const context = {
    env: { PLATFORM_EVENTS_QUEUE: { send: sent }, AUDIT_LOG: hanging },
    ctx: { waitUntil: () => undefined },
    trace: { traceId: event.traceId },
    deadlines: new Deadlines(),
  } as unknown as RequestContext; // all that it uses
  const { at, traceId, subject, tenantId } = event;
  const change: AccessEvent = { type: "key.revoked", at, traceId, subject, tenantId, clientId: "key:1" };
  const stored = store(context, change);
  await vi.advanceTimersByTimeAsync(4_900);
  expect(sent).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  await stored;
  expect(sent.mock.calls).toEqual([[change]]);
  expect(log.mock.calls.map(([line]) => JSON.parse(String(line)))).toEqual([{ event: "audit", ...change }]);
  expect(JSON.parse(String(errors.mock.calls[0]?.[0]))).toMatchObject({
    event: "audit.unchained",
    type: "key.revoked",
  });
});
