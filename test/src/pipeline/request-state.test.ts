// Request state opens only for the request that it was sealed for.
import { env as bound } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { TenantId } from "../../../contracts/rpc/identity.ts";
import type { Env } from "../../../src/env.ts";
import { claimState, openState, type StateBinding, sealState } from "../../../src/pipeline/request-state.ts";
import { newContext } from "../context.ts";

const env = bound as unknown as Env;
const { context } = newContext(env);
/** A gateway with these settings. */
const gatewayWith = (settings: Partial<Env>) => newContext({ ...env, ...settings } as Env).context;
const tenant = (text: string) => text as TenantId; // the brand lives in TypeScript only
const ADA = { subject: "u", tenantId: tenant("t"), clientId: "c" };
const binding: StateBinding = {
  identity: ADA,
  method: "tools/call",
  target: ["draw", "digest"],
  args: { a: 1, b: ["x"] },
};
const NOW_MS = 1_800_000_000_000;

describe("a request state", () => {
  it("opens with its payload for any order of the arguments, and is unreadable outside", async () => {
    const sealed = await sealState(context, binding, "a secret of the backend", NOW_MS);
    expect(sealed).toMatch(/^[0-9a-f]{8}\.[\w-]+\.[\w-]+$/);
    expect(atob(sealed.split(".")[2]?.replaceAll("-", "+").replaceAll("_", "/") ?? "")).not.toContain("secret");
    const opened = await openState(context, { ...binding, args: { b: ["x"], a: 1 } }, sealed, NOW_MS);
    expect(opened).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), payload: "a secret of the backend" });
    expect(await sealState(context, binding, "a secret of the backend", NOW_MS)).not.toBe(sealed);
  });

  it.each<[string, Partial<StateBinding>]>([
    ["another user", { identity: { ...ADA, subject: "v" } }],
    ["the same user in another tenant", { identity: { ...ADA, tenantId: tenant("test:t") } }],
    ["the same user without a tenant", { identity: { ...ADA, tenantId: null } }],
    ["another client", { identity: { ...ADA, clientId: "d" } }],
    ["another method", { method: "prompts/get" }],
    ["another tool", { target: ["erase", "digest"] }],
    ["the tool after it changed", { target: ["draw", "other"] }],
    ["a name that runs into the next", { target: ["drawdigest"] }],
    ["other arguments", { args: { a: 2, b: ["x"] } }],
    ["one argument more", { args: { a: 1, b: ["x"], c: null } }],
    ["no arguments", { args: {} }],
  ])("does not open for %s", async (_, other) => {
    const sealed = await sealState(context, binding, "", NOW_MS);
    expect(await openState(context, binding, sealed, NOW_MS)).not.toBeNull();
    expect(await openState(context, { ...binding, ...other }, sealed, NOW_MS)).toBeNull();
  });

  it("expires after ten minutes", async () => {
    const sealed = await sealState(context, binding, "", NOW_MS);
    expect(await openState(context, binding, sealed, NOW_MS + 599_000)).not.toBeNull();
    expect(await openState(context, binding, sealed, NOW_MS + 600_000)).toBeNull();
  });

  it("does not open after any change of its text", async () => {
    const sealed = await sealState(context, binding, "", NOW_MS);
    const [kid, iv, body = ""] = sealed.split(".");
    const flipped = `${body[0] === "A" ? "B" : "A"}${body.slice(1)}`;
    for (const other of [
      "",
      "x",
      `${sealed}-TAMPERED`,
      ` ${sealed}`,
      `${kid}.${iv}.${flipped}`,
      `00000000.${iv}.${body}`,
      "x".repeat(100_000),
    ]) {
      expect(await openState(context, binding, other, NOW_MS), other.slice(0, 100)).toBeNull();
    }
  });

  it("opens after a rotation of the secret, and not at another gateway", async () => {
    const sealed = await sealState(context, binding, "", NOW_MS);
    const next = "the root secret after that one, 32 bytes+";
    const previous = env.SERVICE_BINDING_SECRET;
    const rotated = gatewayWith({ SERVICE_BINDING_SECRET: next, SERVICE_BINDING_SECRET_PREVIOUS: previous });
    expect(await openState(rotated, binding, sealed, NOW_MS)).not.toBeNull();
    expect(await openState(gatewayWith({ SERVICE_BINDING_SECRET: next }), binding, sealed, NOW_MS)).toBeNull();
    const other = gatewayWith({ API_BASE_URL: "https://mcp.stackbilt.dev" });
    expect(await openState(other, binding, sealed, NOW_MS)).toBeNull();
  });

  it("is claimed by exactly one of many requests at once", async () => {
    const opened = await openState(context, binding, await sealState(context, binding));
    if (opened === null) throw new Error("It does not open.");
    const uses = await Promise.all(Array.from({ length: 5 }, () => claimState(context, opened)));
    expect(uses.filter(Boolean)).toHaveLength(1);
    const another = await openState(context, binding, await sealState(context, binding));
    expect(another && (await claimState(context, another))).toBe(true);
  });
});
