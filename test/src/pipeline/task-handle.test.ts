// The id of a task holds all that is known of it, and opens for its owner only, for a day.
import { env as bound } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { TenantId } from "../../../contracts/rpc/identity.ts";
import type { Env } from "../../../src/env.ts";
import { openState, sealState } from "../../../src/pipeline/request-state.ts";
import { openTask, sealTask, type TaskWork } from "../../../src/pipeline/task-handle.ts";

const env = bound as unknown as Env;
const tenant = (text: string) => text as TenantId; // the brand lives in TypeScript only
const ADA = { subject: "u", tenantId: tenant("t"), clientId: "c" };
const NOW_MS = 1_800_000_000_000;
const work: TaskWork = { tool: "draw", ref: { job_id: "a secret job" }, inputDigest: "d", createdAtMs: NOW_MS };

describe("a task's id", () => {
  it("comes back as it was sealed, shows nothing of it, and fits into a header", async () => {
    const taskId = await sealTask(env, ADA, work);
    expect(taskId).toMatch(/^[0-9a-f]{8}\.[\w-]{16}\.[\w-]+$/);
    expect(atob(taskId.split(".")[2]?.replaceAll("-", "+").replaceAll("_", "/") ?? "")).not.toContain("secret");
    expect(await openTask(env, ADA, taskId, NOW_MS)).toEqual(work);
    expect(await openTask(env, { subject: "u", tenantId: tenant("t") }, taskId, NOW_MS)).toEqual(work);
  });

  it.each([
    ["another person", { ...ADA, subject: "v" }],
    ["the same person in another tenant", { ...ADA, tenantId: tenant("test:t") }],
    ["the same person in no tenant", { ...ADA, tenantId: null }],
  ])("is nothing for %s", async (_, other) => {
    expect(await openTask(env, other, await sealTask(env, ADA, work), NOW_MS)).toBeNull();
  });

  it("ends after a day, and not earlier", async () => {
    const taskId = await sealTask(env, ADA, work);
    expect(await openTask(env, ADA, taskId, NOW_MS + 86_399_999)).toEqual(work);
    expect(await openTask(env, ADA, taskId, NOW_MS + 86_400_000)).toBeNull();
  });

  it("opens in no form but its own, and is no state of a request", async () => {
    const taskId = await sealTask(env, ADA, work);
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
      expect(await openTask(env, ADA, other, NOW_MS)).toBeNull();
    }
    const round = { caller: ADA, method: "tools/call", target: ["draw"], args: {} };
    expect(await openTask(env, ADA, await sealState(env, round), NOW_MS)).toBeNull();
    expect(await openState(env, round, taskId)).toBeNull();
  });

  it("still opens after the root secret was replaced once, and not after it was replaced twice", async () => {
    const taskId = await sealTask(env, ADA, work);
    const secret = "another root secret that only these tests know";
    const rotated = {
      ...env,
      SERVICE_BINDING_SECRET: secret,
      SERVICE_BINDING_SECRET_PREVIOUS: env.SERVICE_BINDING_SECRET,
    };
    expect(await openTask(rotated, ADA, taskId, NOW_MS)).toEqual(work);
    expect(await openTask({ ...env, SERVICE_BINDING_SECRET: secret }, ADA, taskId, NOW_MS)).toBeNull();
  });
});
