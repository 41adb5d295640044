// Identity tokens of calls that change something: each is good once, so that a captured call cannot be made again. The database
// decides, because the same call could be made twice at once, in two places.
import type { Guard } from "../../contracts/rpc/serve.ts";
import type { Env } from "./settings.ts";

/** A token is remembered for so much longer than it is good: clocks of two machines may differ. */
const CLOCK_SKEW_SECONDS = 30;

/** What every call of the newer methods is checked with. */
export function guardOf({ DB, IDENTITY_KEYS }: Env, nowSeconds: number): Guard {
  return {
    identityKeys: IDENTITY_KEYS,
    async claim(tokenId, expiresAt) {
      const [, claimed] = await DB.batch([
        DB.prepare("DELETE FROM used_tokens WHERE expires_at <= ?1").bind(nowSeconds - CLOCK_SKEW_SECONDS),
        DB.prepare(
          "INSERT INTO used_tokens (token_id, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING token_id",
        ).bind(tokenId, expiresAt),
      ]);
      return claimed?.results.length === 1;
    },
  };
}
