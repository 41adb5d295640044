// Identity tokens: signing, verification, and the encodings that both sides share.
import { beforeAll, describe, expect, it } from "vitest";
import { canonicalJson, toBase64url } from "../../contracts/rpc/encoding.ts";
import type { Identity, TenantId } from "../../contracts/rpc/identity.ts";
import { type IdentityKey, importIdentityKey, signIdentity } from "../../contracts/rpc/identity-token.ts";
import { type ExpectedClaims, importIdentityKeys, verifyIdentity } from "../../contracts/rpc/verify.ts";

const NOW = 1_800_000_000;
const raw = crypto.getRandomValues(new Uint8Array(32));
const identity: Identity = {
  subject: "user-1",
  tenantId: "tenant-1" as TenantId,
  tier: "pro",
  scopes: ["read", "generate"],
  clientId: "client-1",
};
const input = { flowId: "f1", policy: { profile: "strict", minQuality: 0.1 } };
let key: IdentityKey;

function sign(overrides: { audience?: string; key?: IdentityKey; now?: number } = {}) {
  const { audience = "stackbilder", key: signer = key, now = NOW } = overrides;
  const statement = {
    identity,
    issuer: "https://gw.test",
    audience,
    tool: "flow_create",
    traceId: "a".repeat(32),
    nonce: "n1",
  };
  return signIdentity(signer, statement, input, now);
}

/** Verifies a token with these keys, as the backend that it is for. */
function verify(keys: readonly IdentityKey[], token: string, changes: Partial<ExpectedClaims> = {}) {
  return verifyIdentity(keys, token, { audience: "stackbilder", input, nowSeconds: NOW, ...changes });
}

beforeAll(async () => {
  key = await importIdentityKey("0123abcd", raw);
});

describe("an identity token", () => {
  it("contains the identity, the tool and the trace", async () => {
    expect(await verify([key], await sign())).toEqual({
      ...identity,
      audience: "stackbilder",
      tool: "flow_create",
      traceId: "a".repeat(32),
      tokenId: `${"a".repeat(32)}.n1`,
      issuedAt: NOW,
      expiresAt: NOW + 60,
    });
  });

  it("is valid for any order of the input's keys, and for undefined instead of absent keys", async () => {
    const same = { policy: { minQuality: 0.1, profile: "strict" }, flowId: "f1", projectId: undefined };
    expect(await verify([key], await sign(), { input: same })).not.toBeNull();
  });

  it.each([
    ["another backend", "img-forge" as const, input, NOW],
    ["another input", "stackbilder" as const, { ...input, flowId: "f2" }, NOW],
    ["more input", "stackbilder" as const, { ...input, extra: 1 }, NOW],
    ["a time after its expiry", "stackbilder" as const, input, NOW + 60],
    ["a time well before it was issued", "stackbilder" as const, input, NOW - 31],
  ])("is refused for %s", async (_, audience, presented, now) => {
    expect(await verify([key], await sign(), { audience, input: presented, nowSeconds: now })).toBeNull();
  });

  it("tolerates half a minute of clock skew", async () => {
    expect(await verify([key], await sign(), { nowSeconds: NOW - 30 })).not.toBeNull();
  });

  it("is refused with a key of another secret, even one with the same key id", async () => {
    const other = await importIdentityKey(key.kid, crypto.getRandomValues(new Uint8Array(32)));
    expect(await verify([other], await sign())).toBeNull();
    expect(await verify([], await sign())).toBeNull();
  });

  it("is accepted with the previous key while keys are rotated", async () => {
    const next = await importIdentityKey("ffffffff", crypto.getRandomValues(new Uint8Array(32)));
    expect(await verify([next, key], await sign())).not.toBeNull();
  });

  it("is refused if it is altered, has another algorithm or no signature", async () => {
    const [head = "", body = "", signature = ""] = (await sign()).split(".");
    const none = toBase64url(
      new TextEncoder().encode(JSON.stringify({ alg: "none", typ: "gw-assert+jwt", kid: key.kid })),
    );
    const richer = toBase64url(
      new TextEncoder().encode(atob(body.replaceAll("-", "+").replaceAll("_", "/")).replace('"pro"', '"enterprise"')),
    );
    const forgeries = [
      `${none}.${body}.`,
      `${none}.${body}.${signature}`,
      `${head}.${richer}.${signature}`,
      `${head}.${body}`,
      "",
      "...",
      "a.b.c",
      `${head}.${body}.${signature}.x`,
    ];
    for (const forged of forgeries) expect(await verify([key], forged), forged).toBeNull();
  });

  it("is refused if its lifetime is longer than a minute", async () => {
    const claims = {
      iss: "x",
      aud: "stackbilder",
      sub: "u",
      tenant: "t",
      tier: "pro",
      scope: [],
      cid: "c",
      tool: "t",
      jti: "j",
      trace: "t",
      iat: NOW,
      exp: NOW + 3600,
      ih: "",
    };
    const encode = (value: unknown) => toBase64url(new TextEncoder().encode(JSON.stringify(value)));
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonicalJson(input)));
    const signed = `${encode({ alg: "HS256", typ: "gw-assert+jwt", kid: key.kid })}.${encode({ ...claims, ih: toBase64url(new Uint8Array(digest)) })}`;
    const signature = await crypto.subtle.sign("HMAC", key.key, new TextEncoder().encode(signed));
    expect(await verify([key], `${signed}.${toBase64url(new Uint8Array(signature))}`)).toBeNull();
  });
});

describe("IDENTITY_KEYS", () => {
  it("contains one key, or several while keys are rotated", async () => {
    const entry = `0123abcd:${toBase64url(raw)}`;
    expect(await importIdentityKeys(entry)).toHaveLength(1);
    expect(await importIdentityKeys(`${entry}, ffffffff:${toBase64url(raw)}`)).toHaveLength(2);
  });

  it.each(["", "0123abcd", "0123abcd:short", `nothex!!:${toBase64url(raw)}`, `0123abcd:${toBase64url(raw)},`])(
    "is refused as %j without being quoted",
    async (setting) => {
      const error = await importIdentityKeys(setting).then(
        () => null,
        (reason: Error) => reason,
      );
      expect(error?.message).toMatch(/IDENTITY_KEYS/);
      expect(error?.message).not.toContain(toBase64url(raw));
    },
  );
});

describe("canonical JSON (RFC 8785)", () => {
  it("sorts keys by UTF-16 code units (section 3.2.3)", () => {
    const value = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji",
      "\u0080": "Control",
      "\u00f6": "Latin",
    };
    const keys = Object.keys(JSON.parse(canonicalJson(value)) as object);
    expect(keys.toSorted()).toEqual(Object.keys(value).toSorted());
    expect(canonicalJson(value)).toBe(
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin","\u20ac":"Euro Sign","\ud83d\ude00":"Emoji","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    );
  });

  it("serializes numbers as ECMAScript does (section 3.2.2.3)", () => {
    expect(canonicalJson([333333333.3333333, 1e30, 4.5, 2e-3, 1e-27, -0])).toBe(
      "[333333333.3333333,1e+30,4.5,0.002,1e-27,0]",
    );
  });
});
