// Slows down guesses at one account's password, from any number of addresses. No account is locked:
// ten failures start a pause, and each further one a pause twice as long, up to 15 minutes. The
// counter is reset after one hour without an attempt. A browser in which the account has signed in
// before has a counter of its own (OWASP, "Device Cookies"): a stranger's guesses do not slow it.
import { sha256 } from "./digest.ts";

const FREE_ATTEMPTS = 10;
const RESET_SECONDS = 3600;
const LONGEST_PAUSE_SECONDS = 900;

/** `knownBrowser`: the browser's name, if the account has signed in there before. */
export interface Attempt {
  readonly email: string;
  readonly knownBrowser?: string | undefined;
}

/**
 * Counts an attempt before the password is checked, in one statement, so that parallel attempts
 * cannot outrun the counter. Returns `false` during a pause, when no password may be checked. An
 * attempt during a pause does not extend it: otherwise an attacker could lock the owner out.
 */
export async function countAttempt(db: D1Database, attempt: Attempt, nowSeconds: number): Promise<boolean> {
  const sweep = db.prepare("DELETE FROM sign_in_attempts WHERE forgotten_at <= ?1").bind(nowSeconds);
  // The pause after attempt 10, 11, 12, ... is 2, 4, 8, ... seconds.
  const count = db
    .prepare(
      `INSERT INTO sign_in_attempts (email_hash, attempts, next_at, forgotten_at) VALUES (?1, 1, 0, ?2 + ${RESET_SECONDS})
       ON CONFLICT (email_hash) DO UPDATE SET
         attempts = attempts + 1,
         next_at = CASE WHEN attempts + 1 < ${FREE_ATTEMPTS} THEN 0
                        ELSE ?2 + MIN(${LONGEST_PAUSE_SECONDS}, 2 << MIN(attempts + 1 - ${FREE_ATTEMPTS}, 10)) END,
         forgotten_at = ?2 + ${RESET_SECONDS}
       WHERE next_at <= ?2
       RETURNING attempts`,
    )
    .bind(await counterOf(attempt), nowSeconds);
  const [, counted] = await db.batch([sweep, count]);
  return counted?.results.length === 1;
}

/** Resets the counter of an attempt that was successful. */
export async function resetAttempts(db: D1Database, attempt: Attempt): Promise<void> {
  await db
    .prepare("DELETE FROM sign_in_attempts WHERE email_hash = ?1")
    .bind(await counterOf(attempt))
    .run();
}

/** An address contains no line break, so a counter of a browser is never that of an address. */
function counterOf({ email, knownBrowser }: Attempt): Promise<string> {
  return sha256(knownBrowser === undefined ? email : `${email}\n${knownBrowser}`);
}
