// Identity tokens of calls that change something: each is accepted once, so that a captured call
// cannot be replayed. The database decides, because the same token can arrive twice at once, in two
// places.
import { CLOCK_SKEW_SECONDS } from "../../contracts/rpc/claim-once.ts";
import type { Guard } from "../../contracts/rpc/serve.ts";
import type { Env } from "./settings.ts";

/** The guard of this Worker's operations. A claim also deletes expired token ids. */
export function guardOf({ DB, IDENTITY_KEYS }: Env, nowSeconds: number): Guard {
  return {
    identityKeys: IDENTITY_KEYS,
    async claim({ id, expiresAt }) {
      const [, claimed] = await DB.batch([
        DB.prepare("DELETE FROM used_tokens WHERE expires_at <= ?1").bind(nowSeconds - CLOCK_SKEW_SECONDS),
        DB.prepare(
          "INSERT INTO used_tokens (token_id, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING token_id",
        ).bind(id, expiresAt),
      ]);
      return claimed?.results.length === 1;
    },
  };
}
