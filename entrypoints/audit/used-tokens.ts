// Identity tokens of calls that change something: each is accepted once, so that a captured call
// cannot be replayed.
import { CLOCK_SKEW_SECONDS } from "../../contracts/rpc/claim-once.ts";
import type { Guard } from "../../contracts/rpc/serve.ts";
import type { Env } from "./env.ts";

/** The guard of this Worker's operations. A claim also deletes expired token ids. */
export function guardOf({ DB, IDENTITY_KEYS }: Env): Guard {
  return {
    identityKeys: IDENTITY_KEYS,
    async claim({ id, expiresAt }) {
      const [, claimed] = await DB.batch([
        DB.prepare("DELETE FROM claimed_tokens WHERE expires_at <= ?1").bind(
          Math.floor(Date.now() / 1000) - CLOCK_SKEW_SECONDS,
        ),
        DB.prepare(
          "INSERT INTO claimed_tokens (token_id, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING token_id",
        ).bind(id, expiresAt),
      ]);
      return claimed?.results.length === 1;
    },
  };
}
