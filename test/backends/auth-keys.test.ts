// API keys at the auth Worker, over real RPC: created, listed and revoked by their owner, validated
// for the gateway.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { API_KEYS_MAX, type ApiKeyValidation, type CreateApiKey } from "../../contracts/auth.ts";
import type { InputOf } from "../../contracts/rpc/operation.ts";
import { type Owner, useAuth } from "../support/auth-worker.ts";
import { unwrap } from "../support/backend.ts";

const worker = useAuth();
const { call, newOwner, disable } = worker;

const INPUT: InputOf<typeof CreateApiKey> = {
  name: "CI",
  environment: "live",
  scopes: ["read", "generate"],
  expiresInDays: null,
};

const create = (owner: Pick<Owner, "as">, input: object = {}) =>
  worker.backend.call("createApiKey", { ...INPUT, ...input }, owner.as);
const revoke = (owner: Pick<Owner, "as">, keyId: string) => worker.backend.call("revokeApiKey", { keyId }, owner.as);
const validate = (key: unknown) => call<ApiKeyValidation>("validateApiKey", key);

const newKey = (owner: Owner, input: object = {}) => unwrap(create(owner, input));

const keysOf = async (owner: Pick<Owner, "as">) =>
  (await unwrap(worker.backend.call("listApiKeys", {}, owner.as))).keys;

const refusal = (code: string) => ({ ok: false, error: { code } });

describe("an API key", () => {
  it.each(["live", "test"] as const)(
    "of the %s environment is valid for its creator, with the chosen scopes",
    async (environment) => {
      const ada = await newOwner();
      const { key, keyId } = await newKey(ada, { environment, scopes: ["read"] });
      expect(key).toMatch(new RegExp(`^sb_${environment}_[A-Za-z0-9_-]{43}$`));
      expect(await validate(key)).toEqual({
        valid: true,
        tenant_id: ada.tenantId,
        tier: "free",
        scopes: ["read"],
        key_id: keyId,
        user_id: ada.userId,
      });
    },
  );

  it("is returned once, and stored only as its SHA-256", async () => {
    const ada = await newOwner();
    const { key, keyId } = await newKey(ada);
    const secret = key.slice("sb_live_".length);
    expect(JSON.stringify(await keysOf(ada))).not.toContain(secret);
    const row = await worker.db.prepare("SELECT * FROM api_keys WHERE id = ?").bind(keyId).first();
    expect(row).toMatchObject({ key_hash: createHash("sha256").update(key).digest("base64url"), environment: "live" });
    expect(JSON.stringify(row)).not.toContain(secret);
    expect(JSON.stringify(worker.backend.harness.getLogs())).not.toContain(secret);
  });

  it("is listed with its beginning, and with its last use once it was used", async () => {
    const ada = await newOwner();
    const { key, keyId } = await newKey(ada);
    const prefix = key.slice(0, "sb_live_abcd".length);
    expect(await keysOf(ada)).toMatchObject([{ keyId, prefix, lastUsedAt: null }]);
    await validate(key);
    await expect.poll(async () => (await keysOf(ada))[0]?.lastUsedAt).toBeGreaterThan(Date.now() / 1000 - 60);
  });

  it("stores its use every ten minutes, and none that was refused", async () => {
    const ada = await newOwner();
    const { key, keyId } = await newKey(ada);
    const lastUse = async () => (await keysOf(ada))[0]?.lastUsedAt;
    const usedAgo = (seconds: number) => {
      const at = Math.floor(Date.now() / 1000) - seconds;
      return worker.db
        .prepare("UPDATE api_keys SET last_used_at = ? WHERE id = ?")
        .bind(at, keyId)
        .run()
        .then(() => at);
    };
    const recent = await usedAgo(500);
    await validate(key);
    await validate(`${key.slice(0, -4)}xxxx`);
    expect(await lastUse()).toBe(recent);
    const earlier = await usedAgo(601);
    await validate(key);
    await expect.poll(lastUse).toBeGreaterThan(earlier);
  });

  it("is unique", async () => {
    const ada = await newOwner();
    const keys = await Promise.all(Array.from({ length: 10 }, () => newKey(ada)));
    expect(new Set(keys.map(({ key }) => key)).size).toBe(10);
    expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(10);
  });

  it("contains each scope once", async () => {
    const ada = await newOwner();
    expect(await newKey(ada, { scopes: ["read", "read"] })).toMatchObject({ scopes: ["read"] });
  });

  it("expires at its expiry date, and stays in the list until it is revoked", async () => {
    const ada = await newOwner();
    const { key, keyId, createdAt, expiresAt } = await newKey(ada, { expiresInDays: 365 });
    expect(Math.abs(createdAt - Date.now() / 1000)).toBeLessThan(60);
    expect(expiresAt).toBe(createdAt + 365 * 86_400);
    expect(await validate(key)).toMatchObject({ valid: true });
    await worker.db.prepare("UPDATE api_keys SET expires_at = ? WHERE id = ?").bind(createdAt, keyId).run();
    expect(await validate(key)).toEqual({ valid: false, error: "KEY_EXPIRED" });
    expect(await keysOf(ada)).toMatchObject([{ keyId, expiresAt: createdAt }]);
  });

  it("of a delinquent tenant is PAYMENT_DELINQUENT", async () => {
    const ada = await newOwner();
    const { key } = await newKey(ada);
    await worker.db.prepare("UPDATE tenants SET is_delinquent = 1 WHERE id = ?").bind(ada.tenantId).run();
    expect(await validate(key)).toEqual({ valid: false, error: "PAYMENT_DELINQUENT" });
  });

  it("is KEY_REVOKED when its user is disabled, and INVALID_TOKEN when its user is deleted", async () => {
    const ada = await newOwner();
    const { key } = await newKey(ada);
    await disable(ada.userId);
    expect(await validate(key)).toEqual({ valid: false, error: "KEY_REVOKED" });
    await worker.db.prepare("DELETE FROM user WHERE id = ?").bind(ada.userId).run();
    expect(await validate(key)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  it.each([[`sb_live_${"x".repeat(43)}`], ["sb_live_short"], ["' OR 1=1 --"], [42], [null], [undefined]])(
    "cannot be %j, which is INVALID_TOKEN",
    async (key) => {
      expect(await validate(key)).toEqual({ valid: false, error: "INVALID_TOKEN" });
    },
  );
});

describe("the list of keys", () => {
  it("starts with the newest key and omits revoked ones", async () => {
    const ada = await newOwner();
    const [first, second, third] = [
      await newKey(ada, { name: "1" }),
      await newKey(ada, { name: "2" }),
      await newKey(ada, { name: "3" }),
    ];
    await revoke(ada, second.keyId);
    const { key: _, ...listed } = third;
    expect(await keysOf(ada)).toEqual([listed, expect.objectContaining({ keyId: first.keyId, name: "1" })]);
    expect(listed).toEqual({
      keyId: third.keyId,
      name: "3",
      environment: "live",
      scopes: ["read", "generate"],
      createdAt: third.createdAt,
      expiresAt: null,
      prefix: third.key.slice(0, 12),
      lastUsedAt: null,
    });
  });

  it("contains the keys of its owner only", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    await newKey(ada);
    expect(await keysOf(eve)).toEqual([]);
  });
});

describe("revoking a key", () => {
  it("takes effect immediately", async () => {
    const ada = await newOwner();
    const [one, other] = [await newKey(ada), await newKey(ada)];
    expect(await revoke(ada, one.keyId)).toEqual({ ok: true, value: { keyId: one.keyId } });
    expect(await validate(one.key)).toEqual({ valid: false, error: "KEY_REVOKED" });
    expect(await validate(other.key)).toMatchObject({ valid: true });
    expect(await revoke(ada, one.keyId)).toEqual(refusal("key_not_found"));
  });

  it("of another user is key_not_found and does not change the key", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const { key, keyId } = await newKey(ada);
    for (const id of [keyId, "nope", "' OR 1=1 --", "%"])
      expect(await revoke(eve, id)).toEqual(refusal("key_not_found"));
    expect(await validate(key)).toMatchObject({ valid: true });
  });
});

describe("the number of keys", () => {
  it(`of a user is limited to ${API_KEYS_MAX}, also with parallel requests`, async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const replies = await Promise.all(Array.from({ length: API_KEYS_MAX + 10 }, () => create(ada)));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(API_KEYS_MAX);
    expect(replies.filter(({ ok }) => !ok)).toEqual(Array(10).fill(refusal("too_many_keys")));
    const keys = await keysOf(ada);
    expect(keys).toHaveLength(API_KEYS_MAX);
    expect(await create(eve)).toMatchObject({ ok: true });
    await revoke(ada, keys[0]?.keyId ?? "");
    expect(await create(ada)).toMatchObject({ ok: true });
    expect(await create(ada)).toEqual(refusal("too_many_keys"));
  });
});

describe("the name of a key", () => {
  it.each([
    ["merges spaces and line breaks into one space", "  CI \r\n\t runner ", "CI runner"],
    ["is normalized to composed characters", "Ju\u0308rgen", "Jürgen"],
    ["loses characters that change the text direction", "key\u202Egnp.exe\u2066", "keygnp.exe"],
    ["loses invisible characters", "a\u200B\u0000\u001B\uFEFFb", "ab"],
    ["can be in any script and contain emoji", "鍵 ключ 👩‍💻", "鍵 ключ 👩‍💻"],
    ["keeps markup as text", "<b>'\"--", "<b>'\"--"],
  ])("%s", async (_, name, stored) => {
    const ada = await newOwner();
    expect(await newKey(ada, { name })).toMatchObject({ name: stored });
    expect(await keysOf(ada)).toMatchObject([{ name: stored }]);
  });

  it.each(["   ", "\u202E\u202D", "\u200B\n\u200E", "\u3164", "\u200D\uFE0F", "\uFB2C".repeat(60)])(
    "cannot be %j",
    async (name) => {
      const ada = await newOwner();
      expect(await create(ada, { name })).toEqual(refusal("name_not_usable"));
      expect(await keysOf(ada)).toEqual([]);
    },
  );
});

describe("the owner of the keys", () => {
  it("is the calling user in their own tenant: no other caller can create, list or revoke them", async () => {
    const [ada, eve] = [await newOwner(), await newOwner()];
    const { key, keyId } = await newKey(ada);
    const otherCallers: Owner["as"][] = [
      { tenant: ada.tenantId, identity: { subject: eve.userId } },
      { tenant: eve.tenantId, identity: { subject: ada.userId } },
      { tenant: `test:${ada.tenantId}`, identity: { subject: ada.userId } },
      { tenant: ada.tenantId, identity: { subject: `key:${keyId}` } },
      { tenant: ada.tenantId, identity: { subject: "sibling:charter-web" } },
      { identity: { subject: "gateway", tenantId: null } },
      { identity: { subject: ada.userId, tenantId: null } },
    ];
    for (const as of otherCallers) {
      expect(await create({ as }), JSON.stringify(as)).toEqual(refusal("user_not_found"));
      expect(await keysOf({ as }), JSON.stringify(as)).toEqual([]);
      expect(await revoke({ as }, keyId), JSON.stringify(as)).toEqual(refusal("key_not_found"));
    }
    expect(await validate(key)).toMatchObject({ valid: true });
    expect(await keysOf(ada)).toHaveLength(1);
  });

  it("cannot create or list keys when disabled", async () => {
    const ada = await newOwner();
    await newKey(ada);
    await disable(ada.userId);
    expect(await create(ada)).toEqual(refusal("user_not_found"));
    expect(await keysOf(ada)).toEqual([]);
    expect(
      await worker.db.prepare("SELECT count(*) AS n FROM api_keys WHERE tenant_id = ?").bind(ada.tenantId).first("n"),
    ).toBe(1);
  });

  it.each([
    [{ userId: "another" }],
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
  ])("cannot be overridden or extended: with %j the input is invalid_input", async (input) => {
    expect(await create(await newOwner(), input)).toEqual(refusal("invalid_input"));
  });
});
