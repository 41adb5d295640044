// A task id carries the work behind it, and opens for its owner only, for a day.
import { env as bound } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { TenantId } from "../../../contracts/rpc/identity.ts";
import type { Env } from "../../../src/env.ts";
import { openState, sealState } from "../../../src/pipeline/request-state.ts";
import { openTask, sealTask, type TaskWork } from "../../../src/pipeline/task-handle.ts";
import { newContext } from "../context.ts";

const env = bound as unknown as Env;
const { context } = newContext(env);
/** A gateway with these settings. */
const gatewayWith = (settings: Partial<Env>) => newContext({ ...env, ...settings } as Env).context;
const tenant = (text: string) => text as TenantId; // the brand lives in TypeScript only
const ADA = { subject: "u", tenantId: tenant("t"), clientId: "c" };
const NOW_MS = 1_800_000_000_000;
const work: TaskWork = { tool: "draw", ref: { job_id: "a secret job" }, inputDigest: "d", createdAtMs: NOW_MS };

describe("a task id", () => {
  it("opens with its work, is unreadable outside, and fits into a header", async () => {
    const taskId = await sealTask(context, ADA, work);
    expect(taskId).toMatch(/^[0-9a-f]{8}\.[\w-]{16}\.[\w-]+$/);
    expect(atob(taskId.split(".")[2]?.replaceAll("-", "+").replaceAll("_", "/") ?? "")).not.toContain("secret");
    expect(await openTask(context, ADA, taskId, NOW_MS)).toEqual(work);
    expect(await openTask(context, { subject: "u", tenantId: tenant("t") }, taskId, NOW_MS)).toEqual(work);
  });

  it.each([
    ["another user", { ...ADA, subject: "v" }],
    ["the same user in another tenant", { ...ADA, tenantId: tenant("test:t") }],
    ["the same user without a tenant", { ...ADA, tenantId: null }],
  ])("does not open for %s", async (_, other) => {
    expect(await openTask(context, other, await sealTask(context, ADA, work), NOW_MS)).toBeNull();
  });

  it("expires after exactly a day", async () => {
    const taskId = await sealTask(context, ADA, work);
    expect(await openTask(context, ADA, taskId, NOW_MS + 86_399_999)).toEqual(work);
    expect(await openTask(context, ADA, taskId, NOW_MS + 86_400_000)).toBeNull();
  });

  it("does not open after any change of its text, and is no request state", async () => {
    const taskId = await sealTask(context, ADA, work);
    const [kid, iv, body = ""] = taskId.split(".");
    const flipped = `${body[0] === "A" ? "B" : "A"}${body.slice(1)}`;
    for (const other of [
      "",
      "x",
      `${taskId}A`,
      ` ${taskId}`,
      `${kid}.${iv}.${flipped}`,
      `00000000.${iv}.${body}`,
      "x".repeat(100_000),
    ]) {
      expect(await openTask(context, ADA, other, NOW_MS)).toBeNull();
    }
    const binding = { identity: ADA, method: "tools/call", target: ["draw"], args: {} };
    expect(await openTask(context, ADA, await sealState(context, binding), NOW_MS)).toBeNull();
    expect(await openState(context, binding, taskId)).toBeNull();
  });

  it("opens after one rotation of the root secret, and not after two", async () => {
    const taskId = await sealTask(context, ADA, work);
    const secret = "another root secret that only these tests know";
    const previous = env.SERVICE_BINDING_SECRET;
    const rotated = gatewayWith({ SERVICE_BINDING_SECRET: secret, SERVICE_BINDING_SECRET_PREVIOUS: previous });
    expect(await openTask(rotated, ADA, taskId, NOW_MS)).toEqual(work);
    expect(await openTask(gatewayWith({ SERVICE_BINDING_SECRET: secret }), ADA, taskId, NOW_MS)).toBeNull();
  });
});
