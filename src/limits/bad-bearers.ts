// Bad bearer tokens by their source, in this isolate: counted before the question to the auth
// Worker, which a flood of guesses must not reach. The runtime's counters see only what was
// refused; these also see what is being asked, and do not count it if the token is good.
import { type LimitName, perMinuteOf } from "./rate-limits.ts";

/** The sender of bearer tokens: an address, or a sibling Worker, which stands for many. */
export interface BearerSource {
  readonly key: string;
  /** The limit of its bad API keys and JWTs. Access tokens of our own shape have a wide one. */
  readonly limit: "foreignBearer" | "expiredBearer";
}

interface Attempts {
  bad: number;
  asking: number;
  readonly endsAtMs: number;
}

const WINDOW_MS = 60_000;
/** A hosted client's users may all arrive at once: this many times the limit can be in question. */
const ASKING_FACTOR = 10;
/** A new source evicts the oldest one. */
const MAX_SOURCES = 5_000;

/** By limit and source, oldest first. */
const sources = new Map<string, Attempts>();

function attemptsOf(limit: LimitName, source: string): Attempts {
  const key = `${limit}:${source}`;
  const known = sources.get(key);
  if (known && known.endsAtMs > Date.now()) return known;
  const attempts = { bad: 0, asking: 0, endsAtMs: Date.now() + WINDOW_MS };
  sources.delete(key);
  const [oldest] = sources.keys();
  if (sources.size >= MAX_SOURCES && oldest !== undefined) sources.delete(oldest);
  sources.set(key, attempts);
  return attempts;
}

/** True if the source has sent more bad tokens than its limit, or so many that are in question. */
export function hasTooManyBad(limit: LimitName, source: string): boolean {
  const { bad, asking } = attemptsOf(limit, source);
  const perMinute = perMinuteOf(limit);
  return bad > perMinute || bad + asking > perMinute * ASKING_FACTOR;
}

/** The result of `ask` about one token of the source; `"unauthenticated"` counts as a bad one. */
export async function countBad<T>(limit: LimitName, source: string, ask: () => Promise<T>): Promise<T> {
  const attempts = attemptsOf(limit, source);
  attempts.asking += 1;
  try {
    const result = await ask();
    if (result === "unauthenticated") attempts.bad += 1;
    return result;
  } finally {
    attempts.asking -= 1;
  }
}
