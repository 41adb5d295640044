// Identity tokens of calls that change something: each is good once, so that a captured call cannot be made again. Durable storage
// decides, because the same call could be made twice at once, in two places.
import { DurableObject } from "cloudflare:workers";
import type { Guard } from "../../contracts/rpc/serve.ts";
import type { Env } from "./env.ts";

/** A token is remembered for so much longer than it is good: the clock that judged it may be behind this object's. */
const CLOCK_SKEW_SECONDS = 30;

/** One object for all token ids with the same last character, so that no single object is in the way of every call. */
export class UsedTokens extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS used_tokens (token_id TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT",
    );
    ctx.storage.sql.exec("CREATE INDEX IF NOT EXISTS used_tokens_expiry ON used_tokens (expires_at)");
  }

  /** `true` for the first caller with this id. No other event can come between: nothing here awaits. Sweeps out what has expired. */
  claim(tokenId: string, expiresAt: number): boolean {
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM used_tokens WHERE expires_at <= ?", Math.floor(Date.now() / 1000) - CLOCK_SKEW_SECONDS);
    const claimed = sql.exec(
      "INSERT INTO used_tokens VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING token_id",
      tokenId,
      expiresAt,
    );
    return claimed.toArray().length === 1;
  }
}

/** What every call to this Worker is checked with. */
export function guardOf({ IDENTITY_KEYS, USED_TOKENS }: Env): Guard {
  return {
    identityKeys: IDENTITY_KEYS,
    claim: (tokenId, expiresAt) => USED_TOKENS.get(USED_TOKENS.idFromName(tokenId.slice(-1))).claim(tokenId, expiresAt),
  };
}
