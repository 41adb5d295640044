// Hourly removal of expired grants and tokens from KV, in batches. The cursor of the library's
// listing is stored, so that each run continues after the last one.
import type { Env } from "../../env.ts";
import { authorizationServer } from "./server.ts";

const CURSOR = "purge_cursor";
/**
 * Grants or tokens of one run. Each takes a few storage operations, of which one run has a
 * thousand.
 */
const BATCH_SIZE = 100;

/** One run: continues at the stored cursor, or starts over after a complete pass. */
export async function purgeExpired(env: Env): Promise<void> {
  const stored = await env.OAUTH_KV.get(CURSOR);
  // Deleted before use: an invalid cursor must not stop every later run.
  if (stored !== null) await env.OAUTH_KV.delete(CURSOR);
  const options = { batchSize: BATCH_SIZE, ...(stored === null ? {} : { cursor: stored }) };
  const { cursor, ...counts } = await authorizationServer(env).purgeExpiredData(env, options);
  if (cursor !== undefined) await env.OAUTH_KV.put(CURSOR, cursor);
  console.log(JSON.stringify({ event: "oauth.purged", ...counts }));
}
