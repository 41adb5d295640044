// What has expired is removed a piece at a time. KV lists a thousand keys at most, so the place where the last run stopped is kept.
import type { Env } from "../../env.ts";
import { authorizationServer } from "./server.ts";

const CURSOR = "purge_cursor";
/** Grants or tokens looked at in one run. Each takes a few operations, of which one run has a thousand. */
const BATCH = 100;

/** One run: goes on where the last one stopped, and begins anew once everything was looked at. */
export async function purgeExpired(env: Env): Promise<void> {
  const kept = await env.OAUTH_KV.get(CURSOR);
  // Forgotten before it is used: a place that cannot be gone on from must not stop every later run.
  if (kept !== null) await env.OAUTH_KV.delete(CURSOR);
  const options = { batchSize: BATCH, ...(kept === null ? {} : { cursor: kept }) };
  const { cursor, ...counts } = await authorizationServer(env).purgeExpiredData(env, options);
  if (cursor !== undefined) await env.OAUTH_KV.put(CURSOR, cursor);
  console.log(JSON.stringify({ event: "oauth.purged", ...counts }));
}
