// API keys at the auth Worker, over real RPC: as their owner makes, sees and ends them, and as the gateway asks about one.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { API_KEYS_MAX, type ApiKeyValidation, type CreateApiKey } from "../../contracts/auth.ts";
import type { InputOf } from "../../contracts/rpc/operation.ts";
import { type Owner, usePeople } from "../support/auth-worker.ts";

const people = usePeople();
const { call, newOwner, disable } = people;

const ORDER: InputOf<typeof CreateApiKey> = {
  name: "CI",
  environment: "live",
  scopes: ["read", "generate"],
  expiresInDays: null,
};

const create = (owner: Pick<Owner, "as">, order: object = {}) =>
  people.backend.call("createApiKey", { ...ORDER, ...order }, owner.as);
const revoke = (owner: Pick<Owner, "as">, keyId: string) => people.backend.call("revokeApiKey", { keyId }, owner.as);
const judge = (key: unknown) => call<ApiKeyValidation>("validateApiKey", key);

async function made(owner: Owner, order: object = {}) {
  const reply = await create(owner, order);
  if (!reply.ok) throw new Error(`refused: ${reply.error.code}`);
  return reply.value;
}

async function listed(owner: Pick<Owner, "as">) {
  const reply = await people.backend.call("listApiKeys", {}, owner.as);
  if (!reply.ok) throw new Error(`refused: ${reply.error.code}`);
  return reply.value.keys;
}

const refusal = (code: string) => ({ ok: false, error: { code } });

describe("an API key", () => {
  test.each(["live", "test"] as const)(
    "for %s works for whoever made it, with the scopes they chose",
    async (environment) => {
      const ada = await newOwner();
      const { key, keyId } = await made(ada, { environment, scopes: ["read"] });
      expect(key).toMatch(new RegExp(`^sb_${environment}_[A-Za-z0-9_-]{43}$`));
      expect(await judge(key)).toEqual({
        valid: true,
        tenant_id: ada.tenantId,
        tier: "free",
        scopes: ["read"],
        key_id: keyId,
        user_id: ada.userId,
      });
    },
  );

  test("is shown once, and kept as its SHA-256 only", async () => {
    const ada = await newOwner();
    const { key, keyId } = await made(ada);
    const secret = key.slice("sb_live_".length);
    expect(JSON.stringify(await listed(ada))).not.toContain(secret);
    const row = await people.db.prepare("SELECT * FROM api_keys WHERE id = ?").bind(keyId).first();
    expect(row).toMatchObject({ key_hash: createHash("sha256").update(key).digest("base64url"), environment: "live" });
    expect(JSON.stringify(row)).not.toContain(secret);
    expect(JSON.stringify(people.backend.harness.getLogs())).not.toContain(secret);
  });

  test("is never the same twice", async () => {
    const ada = await newOwner();
    const keys = await Promise.all(Array.from({ length: 10 }, () => made(ada)));
    expect(new Set(keys.map(({ key }) => key)).size).toBe(10);
    expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(10);
  });

  test("has each scope once", async () => {
    const ada = await newOwner();
    expect(await made(ada, { scopes: ["read", "read"] })).toMatchObject({ scopes: ["read"] });
  });

  test("ends on its day, if it has one, and is seen until it is revoked", async () => {
    const ada = await newOwner();
    const { key, keyId, createdAt, expiresAt } = await made(ada, { expiresInDays: 365 });
    expect(Math.abs(createdAt - Date.now() / 1000)).toBeLessThan(60);
    expect(expiresAt).toBe(createdAt + 365 * 86_400);
    expect(await judge(key)).toMatchObject({ valid: true });
    await people.db.prepare("UPDATE api_keys SET expires_at = ? WHERE id = ?").bind(createdAt, keyId).run();
    expect(await judge(key)).toEqual({ valid: false, error: "KEY_EXPIRED" });
    expect(await listed(ada)).toMatchObject([{ keyId, expiresAt: createdAt }]);
  });

  test("of a tenant that owes money says so", async () => {
    const ada = await newOwner();
    const { key } = await made(ada);
    await people.db.prepare("UPDATE tenants SET is_delinquent = 1 WHERE id = ?").bind(ada.tenantId).run();
    expect(await judge(key)).toEqual({ valid: false, error: "PAYMENT_DELINQUENT" });
  });

  test("stops with its user: disabled, it is revoked; deleted, it is unknown", async () => {
    const ada = await newOwner();
    const { key } = await made(ada);
    await disable(ada.userId);
    expect(await judge(key)).toEqual({ valid: false, error: "KEY_REVOKED" });
    await people.db.prepare("DELETE FROM user WHERE id = ?").bind(ada.userId).run();
    expect(await judge(key)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  test.each([[`sb_live_${"x".repeat(43)}`], ["sb_live_short"], ["' OR 1=1 --"], [42], [null], [undefined]])(
    "is not %j: INVALID_TOKEN",
    async (key) => {
      expect(await judge(key)).toEqual({ valid: false, error: "INVALID_TOKEN" });
    },
  );
});

describe("the list of one's keys", () => {
  test("has the newest first, and not those that were revoked", async () => {
    const ada = await newOwner();
    const [first, second, third] = [
      await made(ada, { name: "1" }),
      await made(ada, { name: "2" }),
      await made(ada, { name: "3" }),
    ];
    await revoke(ada, second.keyId);
    const { key: _, ...seen } = third;
    expect(await listed(ada)).toEqual([seen, expect.objectContaining({ keyId: first.keyId, name: "1" })]);
    expect(seen).toEqual({
      keyId: third.keyId,
      name: "3",
      environment: "live",
      scopes: ["read", "generate"],
      createdAt: third.createdAt,
      expiresAt: null,
    });
  });

  test("has nobody else's", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    await made(ada);
    expect(await listed(eve)).toEqual([]);
  });
});

describe("revoking", () => {
  test("ends a key at once", async () => {
    const ada = await newOwner();
    const [one, other] = [await made(ada), await made(ada)];
    expect(await revoke(ada, one.keyId)).toEqual({ ok: true, value: { keyId: one.keyId } });
    expect(await judge(one.key)).toEqual({ valid: false, error: "KEY_REVOKED" });
    expect(await judge(other.key)).toMatchObject({ valid: true });
    expect(await revoke(ada, one.keyId)).toEqual(refusal("key_not_found"));
  });

  test("another person's key finds none, and leaves it as it is", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const { key, keyId } = await made(ada);
    for (const id of [keyId, "nope", "' OR 1=1 --", "%"])
      expect(await revoke(eve, id)).toEqual(refusal("key_not_found"));
    expect(await judge(key)).toMatchObject({ valid: true });
  });
});

describe("how many keys", () => {
  test(`a person has is ${API_KEYS_MAX} at most, also when many are asked for at once`, async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const replies = await Promise.all(Array.from({ length: API_KEYS_MAX + 10 }, () => create(ada)));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(API_KEYS_MAX);
    expect(replies.filter(({ ok }) => !ok)).toEqual(Array(10).fill(refusal("too_many_keys")));
    const keys = await listed(ada);
    expect(keys).toHaveLength(API_KEYS_MAX);
    expect(await create(eve)).toMatchObject({ ok: true });
    await revoke(ada, keys[0]?.keyId ?? "");
    expect(await create(ada)).toMatchObject({ ok: true });
    expect(await create(ada)).toEqual(refusal("too_many_keys"));
  });
});

describe("the name of a key", () => {
  test.each([
    ["spaces and line breaks are one space", "  CI \r\n\t runner ", "CI runner"],
    ["composed characters are one spelling", "Ju\u0308rgen", "Jürgen"],
    ["characters that turn the text around are left out", "key\u202Egnp.exe\u2066", "keygnp.exe"],
    ["what cannot be seen is left out", "a\u200B\u0000\u001B\uFEFFb", "ab"],
    ["any script and emoji are welcome", "鍵 ключ 👩‍💻", "鍵 ключ 👩‍💻"],
    ["markup is text", "<b>'\"--", "<b>'\"--"],
  ])("%s", async (_, name, stored) => {
    const ada = await newOwner();
    expect(await made(ada, { name })).toMatchObject({ name: stored });
    expect(await listed(ada)).toMatchObject([{ name: stored }]);
  });

  test.each(["   ", "\u202E\u202D", "\u200B\n\u200E", "\u3164", "\u200D\uFE0F", "\uFB2C".repeat(60)])(
    "cannot be %j",
    async (name) => {
      const ada = await newOwner();
      expect(await create(ada, { name })).toEqual(refusal("name_not_usable"));
      expect(await listed(ada)).toEqual([]);
    },
  );
});

describe("whose keys they are", () => {
  test("is who asks, in their own tenant: nobody else can make, see or revoke them", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const { key, keyId } = await made(ada);
    const strangers: Owner["as"][] = [
      { tenant: ada.tenantId, identity: { subject: eve.userId } },
      { tenant: eve.tenantId, identity: { subject: ada.userId } },
      { tenant: `test:${ada.tenantId}`, identity: { subject: ada.userId } },
      { tenant: ada.tenantId, identity: { subject: `key:${keyId}` } },
      { tenant: ada.tenantId, identity: { subject: "sibling:charter-web" } },
      { identity: { subject: "gateway", tenantId: null } },
      { identity: { subject: ada.userId, tenantId: null } },
    ];
    for (const as of strangers) {
      expect(await create({ as }), JSON.stringify(as)).toEqual(refusal("user_not_found"));
      expect(await listed({ as }), JSON.stringify(as)).toEqual([]);
      expect(await revoke({ as }, keyId), JSON.stringify(as)).toEqual(refusal("key_not_found"));
    }
    expect(await judge(key)).toMatchObject({ valid: true });
    expect(await listed(ada)).toHaveLength(1);
  });

  test("a disabled user makes and sees none", async () => {
    const ada = await newOwner();
    await made(ada);
    await disable(ada.userId);
    expect(await create(ada)).toEqual(refusal("user_not_found"));
    expect(await listed(ada)).toEqual([]);
    expect(
      await people.db.prepare("SELECT count(*) AS n FROM api_keys WHERE tenant_id = ?").bind(ada.tenantId).first("n"),
    ).toBe(1);
  });

  test.each([
    [{ userId: "somebody" }],
    [{ tenantId: "another" }],
    [{ environment: "prod" }],
    [{ scopes: [] }],
    [{ scopes: ["admin"] }],
    [{ scopes: ["read", "read", "read"] }],
    [{ expiresInDays: 0 }],
    [{ expiresInDays: 366 }],
    [{ expiresInDays: 1.5 }],
    [{ name: "" }],
    [{ name: "x".repeat(61) }],
  ])("with %j it is invalid_input", async (order) => {
    expect(await create(await newOwner(), order)).toEqual(refusal("invalid_input"));
  });
});
