// Revocations on their way to the gateway. A trigger of the database writes them, so that a change
// of an operator, too, ends apps and sessions there; a row stays until the gateway has replied.
import * as v from "valibot";
import { logError } from "../../contracts/log.ts";
import { logCrash } from "./crash-log.ts";
import type { Env } from "./settings.ts";

const Rows = v.array(v.object({ user_id: v.string(), until: v.string() }));

/** Revocations of one run. Each takes the gateway up to a second. */
const MAX_REVOCATIONS = 50;

/**
 * Tells the gateway about each user whose sign-ins have ended. Never throws: what fails is left for
 * the next run, a minute later, after what was tried less often.
 */
export async function deliverRevocations(env: Env): Promise<void> {
  try {
    await deliver(env);
  } catch (error) {
    logCrash("deliverRevocations", error);
  }
}

async function deliver({ DB, GATEWAY_ADMIN }: Env): Promise<void> {
  const found = await DB.prepare("SELECT user_id, until FROM revocations ORDER BY attempts, until LIMIT ?1")
    .bind(MAX_REVOCATIONS)
    .all();
  const rows = v.parse(Rows, found.results);
  if (rows.length === 0) return;
  if (!GATEWAY_ADMIN) return logUndelivered(rows.length, "GATEWAY_ADMIN is not bound");
  // Before the calls: a run that is ended early counts, too.
  await DB.prepare("UPDATE revocations SET attempts = attempts + 1 WHERE user_id IN (SELECT value FROM json_each(?1))")
    .bind(JSON.stringify(rows.map(({ user_id }) => user_id)))
    .run();
  const replies = await Promise.allSettled(
    rows.map(async ({ user_id, until }) => {
      const reply = await GATEWAY_ADMIN.revokeUser(user_id, { untilMs: Date.parse(until) });
      if (!reply.ok) throw new Error(reply.error.code);
      // Unless the user was signed out again meanwhile.
      await DB.prepare("DELETE FROM revocations WHERE user_id = ?1 AND until = ?2").bind(user_id, until).run();
    }),
  );
  const failed = replies.filter(({ status }) => status === "rejected");
  if (failed.length > 0) logUndelivered(failed.length, "the gateway did not confirm them");
}

function logUndelivered(count: number, reason: string): void {
  logError("auth.revocations_undelivered", { count, reason });
}
