// One-time identity tokens: the token of a call that changes something is accepted once, so that a
// captured call cannot be replayed. Durable storage decides, because the same token can arrive
// twice at once, in two places. A backend keeps one `UsedTokenStore` in each Durable Object of its
// class `UsedTokens`, and checks its calls with `guardOf(env)`.
import type { Guard } from "./serve.ts";

/** Seconds that a token id is kept after its expiry: a verifier's clock may be behind this one. */
export const CLOCK_SKEW_SECONDS = 30;

/** Ids of used tokens, in the SQLite storage of one Durable Object. */
export class UsedTokenStore {
  readonly #sql: SqlStorage;

  /** Creates the table and its index unless they exist. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS used_tokens (token_id TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT",
    );
    sql.exec("CREATE INDEX IF NOT EXISTS used_tokens_expiry ON used_tokens (expires_at)");
  }

  /**
   * Returns `true` for the first claim of this id, and deletes expired ids. It awaits nothing, so
   * no other event of the object runs between its two statements.
   *
   * @param expiresAt seconds since the Unix epoch
   */
  claim(tokenId: string, expiresAt: number): boolean {
    const nowSeconds = Math.floor(Date.now() / 1000);
    this.#sql.exec("DELETE FROM used_tokens WHERE expires_at <= ?", nowSeconds - CLOCK_SKEW_SECONDS);
    const claimed = this.#sql.exec(
      "INSERT INTO used_tokens VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING token_id",
      tokenId,
      expiresAt,
    );
    return claimed.toArray().length === 1;
  }
}

/** The bindings that `guardOf` reads. */
interface GuardEnv {
  readonly IDENTITY_KEYS: string;
  /** Namespace of the Durable Object class `UsedTokens`. */
  readonly USED_TOKENS: {
    idFromName(name: string): DurableObjectId;
    get(id: DurableObjectId): { claim(tokenId: string, expiresAt: number): Promise<boolean> };
  };
}

/**
 * The guard of a Worker that keeps used tokens in Durable Objects. One object holds the ids that
 * share their last character, so that no single object is on the path of every call.
 */
export function guardOf({ IDENTITY_KEYS, USED_TOKENS }: GuardEnv): Guard {
  return {
    identityKeys: IDENTITY_KEYS,
    claim: (tokenId, expiresAt) => USED_TOKENS.get(USED_TOKENS.idFromName(tokenId.slice(-1))).claim(tokenId, expiresAt),
  };
}
