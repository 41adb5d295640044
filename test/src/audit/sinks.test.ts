import { afterEach, expect, it, vi } from "vitest";
import type { AuditEvent } from "../../../src/audit/event.ts";
import { record } from "../../../src/audit/sinks.ts";

const event: AuditEvent = {
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

afterEach(() => vi.restoreAllMocks());

it("a message that cannot be sent is logged with its record, and delays nobody", async () => {
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const kept: Promise<unknown>[] = [];
  const broken = { send: () => Promise.reject(new Error("the queue is full of secrets")) } as unknown as Queue;
  record(broken, { waitUntil: (work) => void kept.push(work) }, event);
  await Promise.all(kept);
  expect(errors).toHaveBeenCalledOnce();
  const line = String(errors.mock.calls[0]?.[0]);
  expect(JSON.parse(line)).toMatchObject({ event: "audit.undelivered", record: event });
  expect(line).not.toContain("full of secrets");
});
