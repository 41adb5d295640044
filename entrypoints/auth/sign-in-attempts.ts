// Slows down guessing one person's password, wherever the guesses come from. Nobody is ever locked out for good: after ten failures
// there is a pause, each longer than the one before and never longer than a quarter of an hour. An hour without a try forgets all.
import { sha256 } from "./digest.ts";

const FREE_ATTEMPTS = 10;
const MEMORY_SECONDS = 3600;
const LONGEST_PAUSE_SECONDS = 900;

/**
 * Counts an attempt before it is made, so that attempts in parallel cannot outrun the count; one statement decides. `false` during a
 * pause, where nothing may be tried; such a try does not prolong the pause, or anybody could keep the owner out.
 */
export async function mayAttempt(db: D1Database, email: string, nowSeconds: number): Promise<boolean> {
  const sweep = db.prepare("DELETE FROM sign_in_attempts WHERE forgotten_at <= ?1").bind(nowSeconds);
  // The pause after attempt 10, 11, 12, ... is 2, 4, 8, ... seconds.
  const count = db
    .prepare(
      `INSERT INTO sign_in_attempts (email_hash, attempts, next_at, forgotten_at) VALUES (?1, 1, 0, ?2 + ${MEMORY_SECONDS})
       ON CONFLICT (email_hash) DO UPDATE SET
         attempts = attempts + 1,
         next_at = CASE WHEN attempts + 1 < ${FREE_ATTEMPTS} THEN 0
                        ELSE ?2 + MIN(${LONGEST_PAUSE_SECONDS}, 2 << MIN(attempts + 1 - ${FREE_ATTEMPTS}, 10)) END,
         forgotten_at = ?2 + ${MEMORY_SECONDS}
       WHERE next_at <= ?2
       RETURNING attempts`,
    )
    .bind(await sha256(email), nowSeconds);
  const [, counted] = await db.batch([sweep, count]);
  return counted?.results.length === 1;
}

/** After a success: the address starts afresh. */
export async function forgetAttempts(db: D1Database, email: string): Promise<void> {
  await db
    .prepare("DELETE FROM sign_in_attempts WHERE email_hash = ?1")
    .bind(await sha256(email))
    .run();
}
