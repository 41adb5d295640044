// What a client carries from one round to the next opens only where it was made for.
import { env as bound } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { TenantId } from "../../../contracts/rpc/identity.ts";
import type { Env } from "../../../src/env.ts";
import { openState, type StateBinding, sealState, useUpState } from "../../../src/pipeline/request-state.ts";

const env = bound as unknown as Env;
const tenant = (text: string) => text as TenantId; // the brand lives in TypeScript only
const ADA = { subject: "u", tenantId: tenant("t"), clientId: "c" };
const round: StateBinding = { caller: ADA, method: "tools/call", target: ["draw", "digest"], args: { a: 1, b: ["x"] } };
const NOW_MS = 1_800_000_000_000;

describe("a state", () => {
  it("comes back as it was sealed, however the arguments are ordered, and shows nothing of it", async () => {
    const sealed = await sealState(env, round, "a secret of the backend", NOW_MS);
    expect(sealed).toMatch(/^[0-9a-f]{8}\.[\w-]+\.[\w-]+$/);
    expect(atob(sealed.split(".")[2]?.replaceAll("-", "+").replaceAll("_", "/") ?? "")).not.toContain("secret");
    const opened = await openState(env, { ...round, args: { b: ["x"], a: 1 } }, sealed, NOW_MS);
    expect(opened).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), kept: "a secret of the backend" });
    expect(await sealState(env, round, "a secret of the backend", NOW_MS)).not.toBe(sealed);
  });

  it.each<[string, Partial<StateBinding>]>([
    ["another person", { caller: { ...ADA, subject: "v" } }],
    ["the same person in another tenant", { caller: { ...ADA, tenantId: tenant("test:t") } }],
    ["the same person in no tenant", { caller: { ...ADA, tenantId: null } }],
    ["another client", { caller: { ...ADA, clientId: "d" } }],
    ["another method", { method: "prompts/get" }],
    ["another tool", { target: ["erase", "digest"] }],
    ["the tool after it changed", { target: ["draw", "other"] }],
    ["a name that runs into the next", { target: ["drawdigest"] }],
    ["other arguments", { args: { a: 2, b: ["x"] } }],
    ["one argument more", { args: { a: 1, b: ["x"], c: null } }],
    ["no arguments", { args: {} }],
  ])("is nothing for %s", async (_, other) => {
    const sealed = await sealState(env, round, "", NOW_MS);
    expect(await openState(env, round, sealed, NOW_MS)).not.toBeNull();
    expect(await openState(env, { ...round, ...other }, sealed, NOW_MS)).toBeNull();
  });

  it("ends after ten minutes", async () => {
    const sealed = await sealState(env, round, "", NOW_MS);
    expect(await openState(env, round, sealed, NOW_MS + 599_000)).not.toBeNull();
    expect(await openState(env, round, sealed, NOW_MS + 600_000)).toBeNull();
  });

  it("opens in no form but its own", async () => {
    const sealed = await sealState(env, round, "", NOW_MS);
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
      expect(await openState(env, round, other, NOW_MS), other.slice(0, 100)).toBeNull();
    }
  });

  it("is still good after a rotation of the secret, and not at another gateway", async () => {
    const sealed = await sealState(env, round, "", NOW_MS);
    const next = "the root secret after that one, 32 bytes+";
    const rotated = {
      ...env,
      SERVICE_BINDING_SECRET: next,
      SERVICE_BINDING_SECRET_PREVIOUS: env.SERVICE_BINDING_SECRET,
    } as Env;
    expect(await openState(rotated, round, sealed, NOW_MS)).not.toBeNull();
    expect(await openState({ ...env, SERVICE_BINDING_SECRET: next } as Env, round, sealed, NOW_MS)).toBeNull();
    expect(
      await openState({ ...env, API_BASE_URL: "https://mcp.stackbilt.dev" } as Env, round, sealed, NOW_MS),
    ).toBeNull();
  });

  it("is used up by one of many that come together", async () => {
    const opened = await openState(env, round, await sealState(env, round));
    if (opened === null) throw new Error("It does not open.");
    const uses = await Promise.all(Array.from({ length: 5 }, () => useUpState(env, opened)));
    expect(uses.filter(Boolean)).toHaveLength(1);
    const another = await openState(env, round, await sealState(env, round));
    expect(another && (await useUpState(env, another))).toBe(true);
  });
});
