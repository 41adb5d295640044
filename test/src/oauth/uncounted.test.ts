// Requests that no limit counts: those for pages that cost nothing, and all of them while the
// counters fail.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import gateway from "../../../entrypoints/gateway/index.ts";
import type { Env } from "../../../src/env.ts";
import { ADDRESS_HEADER, newAddress } from "../../support/address.ts";
import {
  adasEmail,
  authorizePath,
  Browser,
  envWith,
  json,
  ORIGIN,
  PASSWORD,
  REDIRECT,
  redeem,
  register,
  send,
} from "./browser.ts";

const env = envWith({ validateApiKey: async () => ({ valid: false, error: "INVALID_KEY" }) });

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("while every counter fails", () => {
  const failing = () => {
    throw new Error("a secret of the platform");
  };
  const limits = ["LIMIT_5", "LIMIT_10", "LIMIT_20", "LIMIT_30", "LIMIT_60", "LIMIT_300", "LIMIT_1000", "LIMIT_3000"];

  it("users still sign up and in, and clients still get their tokens", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const bindings = {
      ...Object.fromEntries(limits.map((name) => [name, { limit: failing }])),
      RATE_COUNTER: { idFromName: failing },
    };
    const uncounted = envWith({}, bindings as unknown as Partial<Env>); // the members that are called
    const client = await register(uncounted);
    const browser = new Browser(uncounted);
    const page = await browser.open(signUpPath((await browser.signInPage(client)).text));
    const entered = await browser.submit(page, "/signup", { name: "Ada", email: adasEmail(), password: PASSWORD });
    const left = await browser.submit(await browser.open(entered.next), "/authorize", {
      decision: "approve",
      scope: "generate",
    });
    expect(await redeem(uncounted, client, left.next)).toMatchObject({ access_token: expect.any(String) });
    expect((await new Browser(uncounted).consentPage(client)).status).toBe(200);
  });
});

function signUpPath(login: string): string {
  const [, path = ""] = /href="(\/signup\?tx=[^"]*)"/.exec(login) ?? [];
  return path;
}

describe("a request without any credential", () => {
  /** The binding, with every use of a member added to `used`. */
  function recorded<T extends object>(used: string[], name: string, real: T): T {
    return new Proxy(real, {
      get(target, key) {
        used.push(`${name}.${String(key)}`);
        const member: unknown = Reflect.get(target, key);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  }

  it("writes nothing and wakes no Durable Object, whatever page it opens", async () => {
    const used: string[] = [];
    const real = bound as unknown as Env; // the bindings of wrangler.toml, which the runtime types as unknown
    const names = [
      "OAUTH_KV",
      "ONE_TIME",
      "GRANTS",
      "USERS",
      "RATE_COUNTER",
      "PLATFORM_EVENTS_QUEUE",
      "AUDIT_LOG",
      "AUTH_SERVICE",
    ] as const;
    const partly = envWith({}, Object.fromEntries(names.map((name) => [name, recorded(used, name, real[name])])));
    const recording = { ...partly, AUTH_SERVICE: recorded(used, "AUTH_SERVICE", partly.AUTH_SERVICE) };
    const client = await register(env);
    const state = "s".repeat(43);
    const junk = { Cookie: "__Host-gw_s=00000000.AAAA.AAAA; __Host-gw_tx_aaaaaaaaaaaa=00000000.AAAA.AAAA" };
    for (const path of [
      ...[
        "/",
        "/favicon.svg",
        "/health",
        "/apps",
        "/logout",
        "/login",
        "/signup",
        "/consent",
        "/authorize",
        "/oauth/callback",
        "/register",
      ],
      ...[
        "/login?tx=aaaaaaaaaaaa",
        "/signup?tx=aaaaaaaaaaaa",
        "/consent?tx=aaaaaaaaaaaa",
        "/apps?cursor=abc",
        "/token",
        "/mcp",
        "/nowhere",
      ],
      ...[
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
      ],
      ...[
        `/oauth/callback?state=${state}&code=c`,
        "/oauth/callback?state=a&code=b",
        `/oauth/callback?state=${state}&error=access_denied`,
      ],
      ...[await authorizePath(client), await authorizePath("unknown"), await authorizePath(client, { prompt: "none" })],
    ]) {
      for (const headers of [{}, junk]) {
        const ctx = createExecutionContext();
        const opened = new Request<unknown, IncomingRequestCfProperties>(ORIGIN + path, {
          redirect: "manual",
          headers: { ...headers, [ADDRESS_HEADER]: newAddress() },
        });
        const response = await gateway.fetch(opened, recording, ctx);
        await waitOnExecutionContext(ctx);
        expect(response.status, path).toBeLessThan(500);
        expect(response.status, path).not.toBe(429);
        expect(
          used.splice(0).filter((member) => member !== "OAUTH_KV.get"),
          path,
        ).toEqual([]);
      }
    }
    await send(recording, "/register", json({ redirect_uris: [REDIRECT] }));
    expect(used).toEqual(expect.arrayContaining(["OAUTH_KV.put", "RATE_COUNTER.get"]));
  });
});
