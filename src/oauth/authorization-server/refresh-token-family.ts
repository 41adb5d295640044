// The refresh tokens of one grant (RFC 9700 section 4.14), by SHA-256: which one is current, and
// which were replaced. A replaced token that is used again after a grace period has been copied.

/**
 * Seconds for which a replaced token may still be used without an alarm: two requests may have
 * crossed.
 */
export const GRACE_SECONDS = 30;
/** Replaced tokens that are kept. */
const MAX_ROTATED = 10;

export interface RefreshTokenFamily {
  /** The newest token. */
  readonly current?: string;
  /** The token before it, which the library accepts again: the response may have been lost. */
  readonly previous?: string;
  /**
   * Older tokens, newest last, with the time of their replacement in milliseconds since the Unix
   * epoch.
   */
  readonly rotated: readonly { readonly digest: string; readonly atMs: number }[];
  /** The grant has ended, whatever KV returns. */
  readonly hasEnded?: true;
}

export const NEW_FAMILY: RefreshTokenFamily = { rotated: [] };
export const ENDED_FAMILY: RefreshTokenFamily = { rotated: [], hasEnded: true };

/** The family after `used` was exchanged for `next`. */
export function rotate(family: RefreshTokenFamily, used: string, next: string, nowMs: number): RefreshTokenFamily {
  const replaced = [family.previous, family.current]
    .filter((digest) => digest !== undefined)
    .filter((digest) => digest !== used)
    .map((digest) => ({ digest, atMs: nowMs }));
  return { current: next, previous: used, rotated: [...family.rotated, ...replaced].slice(-MAX_ROTATED) };
}

/** True if `digest` is of a token of this family, current or replaced. */
export function isIssued({ current, previous, rotated }: RefreshTokenFamily, digest: string): boolean {
  return [current, previous, ...rotated.map((token) => token.digest)].includes(digest);
}

/** True if `digest` was replaced longer ago than the grace period. */
export function isReused({ rotated }: RefreshTokenFamily, digest: string, nowMs: number): boolean {
  const found = rotated.find((token) => token.digest === digest);
  return found !== undefined && found.atMs < nowMs - GRACE_SECONDS * 1000;
}

/**
 * The stored family; `null` if there is none. Older objects store it under `chain`, with `spent`
 * for `rotated`.
 */
export async function readFamily(storage: DurableObjectStorage): Promise<RefreshTokenFamily | null> {
  const family = await storage.get<RefreshTokenFamily>("family");
  if (family) return family;
  const { spent, ...chain } = (await storage.get<{ spent?: RefreshTokenFamily["rotated"] }>("chain")) ?? {};
  return spent ? { ...chain, rotated: spent } : null;
}

export async function writeFamily(storage: DurableObjectStorage, family: RefreshTokenFamily): Promise<void> {
  await storage.put("family", family);
}
