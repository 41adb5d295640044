// Transactions as sealed cookies: bound to one browser, limited in time, and the forms of each
// step.
import { describe, expect, it } from "vitest";
import { type Config, configOf } from "../../../../src/config.ts";
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
  resource: "http://localhost:8790/mcp",
  issuer: "http://localhost:8790",
} as const;

const connectionWith = (state = "s") => ({
  request: { ...REQUEST, scope: ["read"], state },
  client: { name: "App", domain: null },
  metaHash: null,
  mustAsk: false,
});
const newTransaction = (state?: string) => startTransaction({ stage: "login", connection: connectionWith(state) }, NOW);

/** The `Cookie` header of a browser with this transaction. */
async function headerOf(config: Config, transaction: Transaction): Promise<string> {
  return ((await transactionCookie(config, transaction)) ?? "").split(";")[0] ?? "";
}

const SECRETS = { old: "the root secret before the rotation, 32+", new: "the root secret after the rotation, 32+" };
const configWith = (current: string, previous?: string) =>
  configOf(
    envWith(
      {},
      { SERVICE_BINDING_SECRET: current, ...(previous ? { SERVICE_BINDING_SECRET_PREVIOUS: previous } : {}) },
    ),
  );

describe("a transaction", () => {
  const config = configWith(SECRETS.new);

  it("is read from its cookie until it expires", async () => {
    const transaction = newTransaction();
    const cookie = await headerOf(config, transaction);
    expect(await openTransaction(config, `other=1; ${cookie}`, transaction.id, NOW)).toEqual(transaction);
    expect(await openTransaction(config, cookie, transaction.id, NOW + PAGE_LIFETIME_SECONDS)).toBeNull();
    expect(await openTransaction(config, null, transaction.id, NOW)).toBeNull();
  });

  it("cannot be moved to another name", async () => {
    const [mine, other] = [newTransaction(), newTransaction()];
    const stolen = (await headerOf(config, mine)).replace(mine.id, other.id);
    expect(await openTransaction(config, stolen, other.id, NOW)).toBeNull();
  });

  it("outlives a rotation of the root secret, and not a second one", async () => {
    const transaction = newTransaction();
    const before = configWith(SECRETS.old);
    const cookie = await headerOf(before, transaction);
    const token = await csrfToken(before, transaction, "login");
    const rotated = configWith(SECRETS.new, SECRETS.old);
    expect(await openTransaction(rotated, cookie, transaction.id, NOW)).toEqual(transaction);
    expect(await isCsrfToken(rotated, transaction, "login", token)).toBe(true);
    expect(await openTransaction(config, cookie, transaction.id, NOW)).toBeNull();
  });

  it("is refused, not cut, if a cookie cannot hold it", async () => {
    expect(await transactionCookie(config, newTransaction("x".repeat(3_000)))).toBeNull();
    const largest = (await transactionCookie(config, newTransaction("x".repeat(2_400)))) ?? "";
    expect(largest.indexOf(";")).toBeLessThan(4_096);
  });

  it("for the account page ends without a decision, even if an attacker held our keys", async () => {
    const own = startTransaction({ stage: "login", connection: null }, NOW);
    expect(await openTransaction(config, await headerOf(config, own), own.id, NOW)).toEqual(own);
    const account = {
      userId: userId("u_ada"),
      tenantId: tenantId("t_ada"),
      tier: "free",
      email: "ada@example.com",
    } as const;
    const session = { sid: "s", startedAtMs: NOW * 1000, sessionVersion: 0 };
    // @ts-expect-error: a decision is about an app
    const forged = advance(own, { stage: "consent", connection: null, account, session }, NOW);
    expect(await openTransaction(config, await headerOf(config, forged), own.id, NOW)).toBeNull();
    const real = advance(own, { stage: "consent", connection: connectionWith(), account, session }, NOW);
    expect(await openTransaction(config, await headerOf(config, real), own.id, NOW)).toEqual(real);
  });

  it("is one of at most four in a browser; a new one evicts the oldest", () => {
    const names = ["a", "b", "c", "d", "e"].map((letter) => `__Host-gw_tx_${letter.repeat(12)}=x`);
    expect(evictedCookies(names.slice(0, 3).join("; "))).toEqual([]);
    expect(evictedCookies(names.join("; ")).map((cookie) => cookie.slice(0, 25))).toEqual([
      "__Host-gw_tx_aaaaaaaaaaaa",
      "__Host-gw_tx_bbbbbbbbbbbb",
    ]);
  });
});

describe("a form's token", () => {
  it("is valid for this form of this step only", async () => {
    const config = configWith(SECRETS.new);
    const transaction = newTransaction();
    const { connection } = transaction;
    const token = await csrfToken(config, transaction, "login");
    expect(await isCsrfToken(config, transaction, "login", token)).toBe(true);
    expect(await isCsrfToken(config, transaction, "decide", token)).toBe(false);
    expect(await isCsrfToken(config, advance(transaction, { stage: "login", connection }, NOW), "login", token)).toBe(
      false,
    );
    expect(await isCsrfToken(config, { ...transaction, id: "a".repeat(12) }, "login", token)).toBe(false);
    expect(await isCsrfToken(config, transaction, "login", "")).toBe(false);
  });
});
