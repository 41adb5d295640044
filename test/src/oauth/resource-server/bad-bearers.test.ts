// Bad bearer tokens are counted before the question to the auth Worker: a source of too many does
// not reach it, and the good tokens of that source still pass.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BearerSource } from "../../../../src/limits/bad-bearers.ts";
import { authenticate } from "../../../../src/oauth/resource-server/authenticate.ts";
import { newAddress } from "../../../support/address.ts";
import { newContext } from "../../context.ts";
import { AUTH, envWith } from "../browser.ts";
import { accessToken, env, KEY, newJwt, newKey, validateApiKey, validateJwt } from "../credentials.ts";

const good = new Set<string>();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  validateApiKey.mockReset().mockImplementation(async (key) => {
    await Promise.resolve();
    return good.has(key) ? KEY : { valid: false, error: "INVALID_KEY" };
  });
  validateJwt.mockReset().mockResolvedValue({ valid: false, error: "INVALID_TOKEN" });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The source of one address, and the result of a token from there: "good" or the refusal. */
function newSource(limit: BearerSource["limit"] = "foreignBearer") {
  const source = { key: newAddress(), limit };
  return async (bearer: string): Promise<string> => {
    const result = await authenticate(newContext(env).context, bearer, undefined, source);
    return typeof result === "string" ? result : "good";
  };
}

function newGoodKey(): string {
  const key = newKey();
  good.add(key);
  return key;
}

describe("an address that sends bad API keys and JWTs", () => {
  it("is not asked about at the auth Worker once it has sent too many, until a minute later", async () => {
    const send = newSource();
    const results: string[] = [];
    for (let at = 0; at < 50; at++) results.push(await send(at % 2 === 0 ? newKey() : newJwt()));
    const asked = validateApiKey.mock.calls.length + validateJwt.mock.calls.length;
    expect([asked, results.lastIndexOf("unauthenticated"), results.indexOf("rate_limited")]).toEqual([31, 30, 31]);
    vi.setSystemTime(Date.now() + 60_000);
    expect(await send(newGoodKey())).toBe("good");
  });

  it("reaches the auth Worker with a bounded number, also if all arrive at once", async () => {
    const send = newSource();
    await Promise.all(Array.from({ length: 1_000 }, () => send(newKey())));
    expect(validateApiKey.mock.calls.length).toBeLessThanOrEqual(301);
  });

  it("can still use a key that this isolate knows, also when it is not cached any more", async () => {
    const send = newSource();
    const key = newGoodKey();
    expect(await send(key)).toBe("good");
    for (let at = 0; at < 40; at++) await send(newKey());
    expect(await send(key), "cached").toBe("good");
    vi.setSystemTime(Date.now() + 31_000);
    expect(await send(key), "asked again").toBe("good");
    good.delete(key);
    vi.setSystemTime(Date.now() + 31_000);
    expect(await send(key), "revoked").toBe("unauthenticated");
  });

  it("does not limit another address, nor a crowd of good keys from its own", async () => {
    const [send, sendFromElsewhere, sendFromHost] = [newSource(), newSource(), newSource()];
    for (let at = 0; at < 40; at++) await send(newKey());
    expect(await sendFromElsewhere(newGoodKey())).toBe("good");
    const crowd = await Promise.all(Array.from({ length: 200 }, () => sendFromHost(newGoodKey())));
    expect(new Set(crowd)).toEqual(new Set(["good"]));
  });

  it("is told to wait later if it is a sibling Worker, which stands for many addresses", async () => {
    const send = newSource("expiredBearer");
    for (let at = 0; at < 100; at++) await send(newKey());
    expect(await send(newGoodKey())).toBe("good");
  });
});

describe("an address that sends bad access tokens", () => {
  it("reaches KV alone once it has sent too many, and a new good token from there still passes", async () => {
    const getUser = vi.fn(AUTH.getUser);
    const counting = envWith({ getUser });
    const source = { key: newAddress(), limit: "foreignBearer" } as const;
    const send = (bearer: string) => authenticate(newContext(counting).context, bearer, "oauth", source);
    const forged = (at: number) => send(`u_ada:${"g".repeat(16)}:${String(at).padStart(32, "s")}`);
    for (let at = 0; at <= 300; at++) await forged(at);
    const asked = getUser.mock.calls.length;
    for (let at = 301; at < 310; at++) expect(await forged(at)).toBe("unauthenticated");
    expect(getUser.mock.calls.length - asked).toBe(0);
    expect(await send(await accessToken())).toMatchObject({ kind: "oauth" });
  });
});
