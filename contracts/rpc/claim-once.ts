// One-time tokens: the identity token of a call that changes something is accepted once, so that a
// captured call cannot be replayed. It is claimed where the change is stored, because the same
// token can arrive twice at once, in two places. A call that creates an object names it after its
// idempotency key or its token, so that a replay reaches the same object.
import type { OneTimeToken } from "./identity.ts";

/** Seconds that a token id is kept after its expiry: a verifier's clock may be behind this one. */
export const CLOCK_SKEW_SECONDS = 30;

/**
 * Claims a token in the storage of a Durable Object: `true` the first time, `false` later. It
 * awaits nothing. If nothing awaits until the change is written, the runtime stores both together
 * and no other event runs between them. Marks of expired tokens are deleted.
 */
export function claimToken({ sql }: { readonly sql: SqlStorage }, { id, expiresAt }: OneTimeToken): boolean {
  sql.exec(
    "CREATE TABLE IF NOT EXISTS used_tokens (token_id TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT",
  );
  sql.exec("DELETE FROM used_tokens WHERE expires_at <= ?", Math.floor(Date.now() / 1000) - CLOCK_SKEW_SECONDS);
  const claimed = sql.exec(
    "INSERT INTO used_tokens VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING token_id",
    id,
    expiresAt,
  );
  return claimed.toArray().length === 1;
}
