// A browser's way through the door as a sealed cookie: whose it is, how long it lasts, and which forms belong to which step.
import { describe, expect, it } from "vitest";
import { configOf } from "../../../../src/config.ts";
import { type BrowserKeys, browserKeys } from "../../../../src/crypto/browser-keys.ts";
import {
  advance,
  csrfToken,
  evictedCookies,
  isCsrfToken,
  openTransaction,
  PAGE_LIFETIME_SECONDS,
  startTransaction,
  type Transaction,
  transactionCookie,
} from "../../../../src/oauth/browser/transaction.ts";
import { envWith, tenantId, userId } from "../browser.ts";

const NOW = 1_800_000_000;
const REQUEST = {
  responseType: "code",
  clientId: "client",
  redirectUri: "http://127.0.0.1:1/cb",
  scope: ["read"],
  state: "s",
  codeChallenge: "c".repeat(43),
  codeChallengeMethod: "S256",
  resource: "http://localhost:8976/mcp",
  issuer: "http://localhost:8976",
} as const;

const connectionOf = (state = "s") => ({
  request: { ...REQUEST, scope: ["read"], state },
  client: { name: "App", domain: null },
  metaHash: null,
  mustAsk: false,
});
const start = (state?: string) => startTransaction({ stage: "login", connection: connectionOf(state) }, NOW);

async function headerOf(keys: BrowserKeys, transaction: Transaction): Promise<string> {
  return ((await transactionCookie(keys, transaction)) ?? "").split(";")[0] ?? "";
}

const SECRETS = { old: "the root secret before the rotation, 32+", new: "the root secret after the rotation, 32+" };
const keysFor = (current: string, previous?: string) =>
  browserKeys(
    configOf(
      envWith(
        {},
        { SERVICE_BINDING_SECRET: current, ...(previous ? { SERVICE_BINDING_SECRET_PREVIOUS: previous } : {}) },
      ),
    ),
  );

describe("a transaction", () => {
  it("comes back from the cookie it was put into, until its time is over", async () => {
    const keys = await keysFor(SECRETS.new);
    const transaction = start();
    const cookie = await headerOf(keys, transaction);
    expect(await openTransaction(keys, `other=1; ${cookie}`, transaction.id, NOW)).toEqual(transaction);
    expect(await openTransaction(keys, cookie, transaction.id, NOW + PAGE_LIFETIME_SECONDS)).toBeNull();
    expect(await openTransaction(keys, null, transaction.id, NOW)).toBeNull();
  });

  it("cannot be moved to another name", async () => {
    const keys = await keysFor(SECRETS.new);
    const [mine, other] = [start(), start()];
    const stolen = (await headerOf(keys, mine)).replace(mine.id, other.id);
    expect(await openTransaction(keys, stolen, other.id, NOW)).toBeNull();
  });

  it("outlives a rotation of the root secret, and not a second one", async () => {
    const transaction = start();
    const cookie = await headerOf(await keysFor(SECRETS.old), transaction);
    const token = await csrfToken(await keysFor(SECRETS.old), transaction, "login");
    const rotated = await keysFor(SECRETS.new, SECRETS.old);
    expect(await openTransaction(rotated, cookie, transaction.id, NOW)).toEqual(transaction);
    expect(await isCsrfToken(rotated, transaction, "login", token)).toBe(true);
    expect(await openTransaction(await keysFor(SECRETS.new), cookie, transaction.id, NOW)).toBeNull();
  });

  it("is refused, not cut, where a cookie cannot hold it", async () => {
    const keys = await keysFor(SECRETS.new);
    expect(await transactionCookie(keys, start("x".repeat(3_000)))).toBeNull();
    const largest = (await transactionCookie(keys, start("x".repeat(2_400)))) ?? "";
    expect(largest.indexOf(";")).toBeLessThan(4_096);
  });

  it("for a person's own page has nothing to decide at its end, even if somebody held our keys", async () => {
    const keys = await keysFor(SECRETS.new);
    const own = startTransaction({ stage: "login", connection: null }, NOW);
    expect(await openTransaction(keys, await headerOf(keys, own), own.id, NOW)).toEqual(own);
    const account = {
      userId: userId("u_ada"),
      tenantId: tenantId("t_ada"),
      tier: "free",
      email: "ada@example.com",
      authTime: NOW,
    } as const;
    const session = { sid: "s", startedAtMs: NOW * 1000 };
    // @ts-expect-error: a decision is about an app
    const forged = advance(own.id, { stage: "consent", connection: null, account, session }, NOW);
    expect(await openTransaction(keys, await headerOf(keys, forged), own.id, NOW)).toBeNull();
    const real = advance(own.id, { stage: "consent", connection: connectionOf(), account, session }, NOW);
    expect(await openTransaction(keys, await headerOf(keys, real), own.id, NOW)).toEqual(real);
  });

  it("is one of at most four; the oldest make room", () => {
    const names = ["a", "b", "c", "d", "e"].map((letter) => `__Host-gw_tx_${letter.repeat(12)}=x`);
    expect(evictedCookies(names.slice(0, 3).join("; "))).toEqual([]);
    expect(evictedCookies(names.join("; ")).map((cookie) => cookie.slice(0, 25))).toEqual([
      "__Host-gw_tx_aaaaaaaaaaaa",
      "__Host-gw_tx_bbbbbbbbbbbb",
    ]);
  });
});

describe("a form's token", () => {
  it("is good for this form of this step only", async () => {
    const keys = await keysFor(SECRETS.new);
    const transaction = start();
    const token = await csrfToken(keys, transaction, "login");
    expect(await isCsrfToken(keys, transaction, "login", token)).toBe(true);
    expect(await isCsrfToken(keys, transaction, "decide", token)).toBe(false);
    expect(
      await isCsrfToken(
        keys,
        advance(transaction.id, { stage: "login", connection: transaction.connection }, NOW),
        "login",
        token,
      ),
    ).toBe(false);
    expect(await isCsrfToken(keys, { ...transaction, id: "a".repeat(12) }, "login", token)).toBe(false);
    expect(await isCsrfToken(keys, transaction, "login", "")).toBe(false);
  });
});
