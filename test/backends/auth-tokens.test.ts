// JWT access tokens (RFC 9068) at the auth Worker, over real RPC: issued to a user, validated for
// the gateway. Forgeries are signed here, with the Worker's own key unless the key is the flaw.
import { createHmac, hkdfSync } from "node:crypto";
import { generateKeyPair, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import type { JwtValidation } from "../../contracts/auth.ts";
import { type Owner, SECRET, useAuth } from "../support/auth-worker.ts";
import { unwrap } from "../support/backend.ts";
import { ORIGIN } from "../support/social-sign-in.ts";

const worker = useAuth();
const { call, newOwner, disable } = worker;
const RESOURCE = `${ORIGIN}/mcp`;

const mint = ({ as }: Pick<Owner, "as">, input: object = {}) =>
  worker.backend.call("mintToken", { audience: RESOURCE, scopes: ["read"], ...input }, as);
const validate = (token: unknown) => call<JwtValidation>("validateJwt", token);
const INVALID = { valid: false, error: "INVALID_TOKEN" };
const refusal = (code: string) => ({ ok: false, error: { code } });

const newToken = (owner: Owner, input: object = {}) => unwrap(mint(owner, input));

type Json = Record<string, unknown>;
const decode = (token: string): [header: Json, claims: Json] => {
  const [header = "", claims = ""] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  return [JSON.parse(header), JSON.parse(claims)];
};
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("an access token", () => {
  it("contains exactly the claims of RFC 9068", async () => {
    const ada = await newOwner();
    const { token, expiresAt } = await newToken(
      { ...ada, as: { ...ada.as, identity: { subject: ada.userId, clientId: "gateway" } } },
      { scopes: ["read", "generate"] },
    );
    const [header, claims] = decode(token);
    expect(header).toEqual({ alg: "HS256", typ: "at+jwt" });
    expect(claims).toEqual({
      iss: ORIGIN,
      sub: ada.userId,
      aud: RESOURCE,
      client_id: "gateway",
      scope: "read generate",
      iat: expiresAt - 3600,
      exp: expiresAt,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(Math.abs(expiresAt - 3600 - Date.now() / 1000)).toBeLessThan(60);
    expect(decode((await newToken(ada)).token)[1].jti).not.toBe(claims.jti);
  });

  it("is valid for its user, and returns the audience for the caller to check", async () => {
    const ada = await newOwner();
    const { token, expiresAt } = await newToken(ada);
    expect(await validate(token)).toEqual({
      valid: true,
      tenant_id: ada.tenantId,
      user_id: ada.userId,
      tier: "free",
      scopes: ["read"],
      aud: RESOURCE,
      exp: expiresAt,
    });
  });

  it("returns the current tier, and PAYMENT_DELINQUENT while the tenant is delinquent", async () => {
    const ada = await newOwner();
    const { token } = await newToken(ada);
    await worker.db.prepare("UPDATE tenants SET tier = 'pro' WHERE id = ?").bind(ada.tenantId).run();
    expect(await validate(token)).toMatchObject({ valid: true, tier: "pro" });
    await worker.db.prepare("UPDATE tenants SET is_delinquent = 1 WHERE id = ?").bind(ada.tenantId).run();
    expect(await validate(token)).toEqual({ valid: false, error: "PAYMENT_DELINQUENT" });
  });

  it("is void when its user is disabled or deleted", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const tokens = [(await newToken(ada)).token, (await newToken(eve)).token];
    await disable(ada.userId);
    await worker.db.prepare("DELETE FROM user WHERE id = ?").bind(eve.userId).run();
    expect(await Promise.all(tokens.map(validate))).toEqual([INVALID, INVALID]);
  });

  it("is void when its user was signed out, and one of the next second is valid", async () => {
    const ada = await newOwner();
    const { token } = await newToken(ada);
    await worker.db
      .prepare("UPDATE user SET signedOutAt = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = ?")
      .bind(ada.userId)
      .run();
    expect(await validate(token)).toEqual(INVALID);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await validate((await newToken(ada)).token)).toMatchObject({ valid: true });
  });

  it.each([`${RESOURCE}/`, `${RESOURCE}/x`, ORIGIN, "http://localhost:8977/mcp", "https://evil.example/mcp", ""])(
    "is not issued for the audience %j",
    async (audience) => {
      expect(await mint(await newOwner(), { audience })).toEqual(refusal("audience_not_allowed"));
    },
  );

  it("is issued only to the calling user, in their own tenant, and not to a disabled user", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const otherCallers: Owner["as"][] = [
      { tenant: ada.tenantId, identity: { subject: eve.userId } },
      { tenant: `test:${ada.tenantId}`, identity: { subject: ada.userId } },
      { tenant: ada.tenantId, identity: { subject: "key:1" } },
      { identity: { subject: "gateway", tenantId: null } },
    ];
    for (const as of otherCallers) expect(await mint({ as }), JSON.stringify(as)).toEqual(refusal("user_not_found"));
    await disable(ada.userId);
    expect(await mint(ada)).toEqual(refusal("user_not_found"));
  });

  it.each([[{ scopes: [] }], [{ scopes: ["admin"] }], [{ audience: "x".repeat(513) }], [{ userId: "another" }]])(
    "is not issued for the invalid input %j",
    async (input) => {
      expect(await mint(await newOwner(), input)).toEqual(refusal("invalid_input"));
    },
  );
});

describe("validation of access tokens", () => {
  const derive = (label: string) => new Uint8Array(hkdfSync("sha256", SECRET, "stackbilt-auth/v1", label, 32));
  const OWN_KEY = derive("access-token");
  const now = () => Math.floor(Date.now() / 1000);

  /** A token as the Worker issues it, with changes; `undefined` omits a claim. */
  async function forge(userId: string, change: { claims?: Json; header?: Json; key?: Uint8Array } = {}) {
    const claims = {
      iss: ORIGIN,
      sub: userId,
      aud: RESOURCE,
      client_id: "c",
      scope: "read",
      iat: now(),
      exp: now() + 60,
      jti: "j",
    };
    return new SignJWT({ ...claims, ...change.claims })
      .setProtectedHeader({ alg: "HS256", typ: "at+jwt", ...change.header })
      .sign(change.key ?? OWN_KEY, { crit: { "https://example.com/x": true } });
  }

  it("accepts a forgery without a flaw, so that each flaw below is what is refused", async () => {
    const { userId } = await newOwner();
    expect(await validate(await forge(userId))).toMatchObject({ valid: true, user_id: userId, aud: RESOURCE });
  });

  it("refuses an expired token with TOKEN_EXPIRED", async () => {
    const { userId } = await newOwner();
    expect(await validate(await forge(userId, { claims: { exp: now() - 1 } }))).toEqual({
      valid: false,
      error: "TOKEN_EXPIRED",
    });
  });

  it.each<[string, Parameters<typeof forge>[1]]>([
    ["a JWT of another type", { header: { typ: "JWT" } }],
    ["a JWT without a type", { header: { typ: undefined } }],
    ["the type of an identity token", { header: { typ: "gw-assert+jwt" } }],
    ["another algorithm under the same key", { header: { alg: "HS512" } }],
    ["an unknown critical header", { header: { crit: ["https://example.com/x"], "https://example.com/x": 1 } }],
    ["a foreign issuer", { claims: { iss: "https://evil.example" } }],
    ["no issuer", { claims: { iss: undefined } }],
    ["no user", { claims: { sub: undefined } }],
    ["an unknown user", { claims: { sub: "unknown" } }],
    ["no audience", { claims: { aud: undefined } }],
    ["no scope", { claims: { scope: undefined } }],
    ["no expiry", { claims: { exp: undefined } }],
    ["a start in the future", { claims: { nbf: Math.floor(Date.now() / 1000) + 3600 } }],
    ["the root secret itself as key", { key: new TextEncoder().encode(SECRET) }],
    ["the key of another purpose", { key: derive("social-transaction") }],
    ["a key of the attacker", { key: new Uint8Array(32) }],
    ["more than 4,096 characters", { claims: { padding: "x".repeat(4096) } }],
  ])("refuses %s", async (_, change) => {
    const { userId } = await newOwner();
    expect(await validate(await forge(userId, change))).toEqual(INVALID);
  });

  it("refuses a token that was altered, stripped or signed in another way", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const { token } = await newToken(ada);
    const [head = "", body = "", signature = ""] = token.split(".");
    const [header, claims] = decode(token);
    const none = encode({ ...header, alg: "none" });
    const rs256 = await generateKeyPair("RS256");
    const altered = [
      `${head}.${encode({ ...claims, sub: eve.userId })}.${signature}`,
      `${head}.${encode({ ...claims, scope: "read generate" })}.${signature}`,
      `${head}.${encode({ ...claims, exp: 4_000_000_000 })}.${signature}`,
      `${none}.${body}.`,
      `${none}.${body}.${signature}`,
      `${encode({ ...header, alg: "RS256" })}.${body}.${signature}`,
      `${encode({ ...header, alg: "None" })}.${body}.`,
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${signature}.${signature}`,
      `${head}.${body}.${createHmac("sha256", "").update(`${head}.${body}`).digest("base64url")}`,
      await new SignJWT(claims).setProtectedHeader({ alg: "RS256", typ: "at+jwt" }).sign(rs256.privateKey),
    ];
    for (const forged of altered) expect(await validate(forged), forged).toEqual(INVALID);
    expect(await validate(token)).toMatchObject({ valid: true });
  });

  it.each([
    [null],
    [undefined],
    [42],
    [{}],
    [[]],
    [""],
    ["..."],
    ["a.b.c"],
    ["é.é.é"],
    ["x".repeat(5000)],
    [`sb_live_${"x".repeat(43)}`],
  ])("refuses %j", async (token) => {
    expect(await validate(token)).toEqual(INVALID);
  });
});
