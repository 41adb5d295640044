// Identity tokens: signing, verification, and the encodings that both sides share.
import { beforeAll, describe, expect, it } from "vitest";
import { canonicalJson, toBase64url } from "../../contracts/rpc/encoding.ts";
import type { Identity, TenantId } from "../../contracts/rpc/identity.ts";
import { type IdentityKey, importIdentityKey, signIdentity } from "../../contracts/rpc/identity-token.ts";
import { type ExpectedCall, importIdentityKeys, verifyIdentity } from "../../contracts/rpc/verify.ts";

const NOW = 1_800_000_000;
const raw = crypto.getRandomValues(new Uint8Array(32));
/** The next letter of the alphabet of base64url: it differs in the last bit. */
function nextLetter(letter: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return alphabet[alphabet.indexOf(letter) + 1] ?? "";
}

const identity: Identity = {
  subject: "user-1",
  tenantId: "tenant-1" as TenantId,
  tier: "pro",
  scopes: ["read", "generate"],
  clientId: "client-1",
};
const input = { flowId: "f1", policy: { profile: "strict", minQuality: 0.1 } };
let key: IdentityKey;

const CALL = { audience: "stackbilder", method: "createFlow", input, idempotencyKey: "k1" };

function sign(scopes: Identity["scopes"] = identity.scopes) {
  return signIdentity(key, { ...identity, scopes }, CALL, NOW);
}

/** Verifies a token with these keys, as the backend that it is for. */
function verify(keys: readonly IdentityKey[], token: string, changes: Partial<ExpectedCall> = {}) {
  return verifyIdentity(keys, token, { ...CALL, scope: "generate", nowSeconds: NOW, ...changes });
}

beforeAll(async () => {
  key = await importIdentityKey("0123abcd", raw);
});

describe("an identity token", () => {
  it("contains the identity, an id of its own and its expiry", async () => {
    const [verified, another] = await Promise.all([1, 2].map(async () => verify([key], await sign())));
    expect(verified).toEqual({ ...identity, token: { id: expect.any(String), expiresAt: NOW + 60 } });
    expect(another?.token.id).not.toBe(verified?.token.id);
  });

  it("has claims that a verifier compares or a backend acts on, and no other", async () => {
    const [, body = ""] = (await sign()).split(".");
    const claims = Object.keys(JSON.parse(Buffer.from(body, "base64url").toString()) as object);
    const compared = ["aud", "method", "scope", "idem", "ih", "iat", "exp"];
    const identityOfCall = ["sub", "tenant", "tier", "cid", "jti"];
    expect(claims.toSorted()).toEqual([...compared, ...identityOfCall].toSorted());
  });

  it("is valid for any order of the input's keys, and for undefined instead of absent keys", async () => {
    const same = { policy: { minQuality: 0.1, profile: "strict" }, flowId: "f1", projectId: undefined };
    expect(await verify([key], await sign(), { input: same })).not.toBeNull();
  });

  it.each<[string, Partial<ExpectedCall>]>([
    ["another backend", { audience: "img-forge" }],
    ["another method", { method: "cancelFlow" }],
    ["another input", { input: { ...input, flowId: "f2" } }],
    ["more input", { input: { ...input, extra: 1 } }],
    ["another idempotency key", { idempotencyKey: "k2" }],
    ["a call without its idempotency key", { idempotencyKey: undefined }],
    ["a time after its expiry", { nowSeconds: NOW + 60 }],
    ["a time well before it was issued", { nowSeconds: NOW - 31 }],
  ])("is refused for %s", async (_, changes) => {
    expect(await verify([key], await sign(), changes)).toBeNull();
  });

  it("is refused without the scope that the method needs; generate includes read", async () => {
    expect(await verify([key], await sign(["read"]), { scope: "generate" })).toBeNull();
    expect(await verify([key], await sign([]), { scope: "read" })).toBeNull();
    expect(await verify([key], await sign(["read"]), { scope: "read" })).not.toBeNull();
    expect(await verify([key], await sign(["generate"]), { scope: "read" })).not.toBeNull();
  });

  it.each<[string, (token: string) => string]>([
    ["padding", (token) => `${token}=`],
    ["padding inside", (token) => token.replace(".", "=.")],
    ["white space", (token) => `${token}\n`],
    ["white space inside", (token) => token.replace(".", " .")],
    ["unused bits that are set", (token) => token.slice(0, -1) + nextLetter(token.at(-1) ?? "")],
    ["the other alphabet", (token) => token.replaceAll("-", "+").replaceAll("_", "/")],
  ])("is refused with %s", async (_, respell) => {
    let token = await sign();
    while (!/[-_]/.test(token.split(".")[2] ?? "")) token = await sign();
    expect(await verify([key], token)).not.toBeNull();
    expect(await verify([key], respell(token))).toBeNull();
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
      aud: "stackbilder",
      sub: "u",
      tenant: "t",
      tier: "pro",
      scope: ["generate"],
      cid: "c",
      method: CALL.method,
      idem: CALL.idempotencyKey,
      jti: "j",
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
