// JWT access tokens (RFC 9068) at the auth Worker, over real RPC: made for a person who asks, judged for the gateway. Forgeries are
// signed here, with the Worker's own key where that is not what is wrong with them.
import { createHmac, hkdfSync } from "node:crypto";
import { generateKeyPair, SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import type { JwtValidation } from "../../contracts/auth.ts";
import { type Owner, SECRET, usePeople } from "../support/auth-worker.ts";
import { ORIGIN } from "../support/social-sign-in.ts";

const people = usePeople();
const { call, newOwner, disable } = people;
const RESOURCE = `${ORIGIN}/mcp`;

const mint = ({ as }: Pick<Owner, "as">, order: object = {}) =>
  people.backend.call("mintToken", { audience: RESOURCE, scopes: ["read"], ...order }, as);
const judge = (token: unknown) => call<JwtValidation>("validateJwt", token);
const INVALID = { valid: false, error: "INVALID_TOKEN" };
const refusal = (code: string) => ({ ok: false, error: { code } });

async function minted(owner: Owner, order: object = {}) {
  const reply = await mint(owner, order);
  if (!reply.ok) throw new Error(`refused: ${reply.error.code}`);
  return reply.value;
}

type Json = Record<string, unknown>;
const parts = (token: string): [header: Json, claims: Json] => {
  const [header = "", claims = ""] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  return [JSON.parse(header), JSON.parse(claims)];
};
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("an access token", () => {
  test("says who may do what, where and for how long, and nothing more", async () => {
    const ada = await newOwner();
    const { token, expiresAt } = await minted(
      { ...ada, as: { ...ada.as, identity: { subject: ada.userId, clientId: "gateway" } } },
      { scopes: ["read", "generate"] },
    );
    const [header, claims] = parts(token);
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
    expect(parts((await minted(ada)).token)[1].jti).not.toBe(claims.jti);
  });

  test("is good for its user, whose audience the caller judges", async () => {
    const ada = await newOwner();
    const { token, expiresAt } = await minted(ada);
    expect(await judge(token)).toEqual({
      valid: true,
      tenant_id: ada.tenantId,
      user_id: ada.userId,
      tier: "free",
      scopes: ["read"],
      aud: RESOURCE,
      exp: expiresAt,
    });
  });

  test("has the tier of now, and none while the tenant owes money", async () => {
    const ada = await newOwner();
    const { token } = await minted(ada);
    await people.db.prepare("UPDATE tenants SET tier = 'pro' WHERE id = ?").bind(ada.tenantId).run();
    expect(await judge(token)).toMatchObject({ valid: true, tier: "pro" });
    await people.db.prepare("UPDATE tenants SET is_delinquent = 1 WHERE id = ?").bind(ada.tenantId).run();
    expect(await judge(token)).toEqual({ valid: false, error: "PAYMENT_DELINQUENT" });
  });

  test("stops with its user, disabled or deleted", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const tokens = [(await minted(ada)).token, (await minted(eve)).token];
    await disable(ada.userId);
    await people.db.prepare("DELETE FROM user WHERE id = ?").bind(eve.userId).run();
    expect(await Promise.all(tokens.map(judge))).toEqual([INVALID, INVALID]);
  });

  test.each([`${RESOURCE}/`, `${RESOURCE}/x`, ORIGIN, "http://localhost:8977/mcp", "https://evil.example/mcp", ""])(
    "is not made for %j",
    async (audience) => {
      expect(await mint(await newOwner(), { audience })).toEqual(refusal("audience_not_allowed"));
    },
  );

  test("is made for nobody but who asks, in their own tenant, and not for a disabled user", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const strangers: Owner["as"][] = [
      { tenant: ada.tenantId, identity: { subject: eve.userId } },
      { tenant: `test:${ada.tenantId}`, identity: { subject: ada.userId } },
      { tenant: ada.tenantId, identity: { subject: "key:1" } },
      { identity: { subject: "gateway", tenantId: null } },
    ];
    for (const as of strangers) expect(await mint({ as }), JSON.stringify(as)).toEqual(refusal("user_not_found"));
    await disable(ada.userId);
    expect(await mint(ada)).toEqual(refusal("user_not_found"));
  });

  test.each([[{ scopes: [] }], [{ scopes: ["admin"] }], [{ audience: "x".repeat(513) }], [{ userId: "somebody" }]])(
    "ordered with %j it is invalid_input",
    async (order) => {
      expect(await mint(await newOwner(), order)).toEqual(refusal("invalid_input"));
    },
  );
});

describe("what is no access token of this Worker's", () => {
  const derive = (label: string) => new Uint8Array(hkdfSync("sha256", SECRET, "stackbilt-auth/v1", label, 32));
  const OWN_KEY = derive("access-token");
  const now = () => Math.floor(Date.now() / 1000);

  /** A token as the Worker makes it, but for what is changed; `undefined` leaves a claim out. */
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

  test("a forgery with nothing wrong would be taken: what follows is refused for its one flaw", async () => {
    const { userId } = await newOwner();
    expect(await judge(await forge(userId))).toMatchObject({ valid: true, user_id: userId, aud: RESOURCE });
  });

  test("one that has expired says so", async () => {
    const { userId } = await newOwner();
    expect(await judge(await forge(userId, { claims: { exp: now() - 1 } }))).toEqual({
      valid: false,
      error: "TOKEN_EXPIRED",
    });
  });

  test.each<[string, Parameters<typeof forge>[1]]>([
    ["another kind of JWT", { header: { typ: "JWT" } }],
    ["a JWT of no kind", { header: { typ: undefined } }],
    ["an identity token's kind", { header: { typ: "gw-assert+jwt" } }],
    ["another algorithm under the same key", { header: { alg: "HS512" } }],
    [
      "a header that must be understood and is not",
      { header: { crit: ["https://example.com/x"], "https://example.com/x": 1 } },
    ],
    ["a foreign issuer", { claims: { iss: "https://evil.example" } }],
    ["no issuer", { claims: { iss: undefined } }],
    ["no user", { claims: { sub: undefined } }],
    ["an unknown user", { claims: { sub: "nobody" } }],
    ["no audience", { claims: { aud: undefined } }],
    ["no scope", { claims: { scope: undefined } }],
    ["no end", { claims: { exp: undefined } }],
    ["a beginning in the future", { claims: { nbf: Math.floor(Date.now() / 1000) + 3600 } }],
    ["the root secret itself as key", { key: new TextEncoder().encode(SECRET) }],
    ["the key of another purpose", { key: derive("social-transaction") }],
    ["a key of one's own", { key: new Uint8Array(32) }],
    ["more than 4,096 characters", { claims: { padding: "x".repeat(4096) } }],
  ])("%s", async (_, change) => {
    const { userId } = await newOwner();
    expect(await judge(await forge(userId, change))).toEqual(INVALID);
  });

  test("one that was altered, stripped or signed in another way", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const { token } = await minted(ada);
    const [head = "", body = "", signature = ""] = token.split(".");
    const [header, claims] = parts(token);
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
    for (const forged of altered) expect(await judge(forged), forged).toEqual(INVALID);
    expect(await judge(token)).toMatchObject({ valid: true });
  });

  test.each([
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
  ])("%j", async (token) => {
    expect(await judge(token)).toEqual(INVALID);
  });
});
