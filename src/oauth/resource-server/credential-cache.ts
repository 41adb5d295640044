// Cache of valid credentials in this isolate, by SHA-256 of the credential, so that frequent
// requests need no look-up. Refusals are not cached, and entries are values, never promises. A
// credential that is revoked through this isolate is deleted at once; another isolate may accept it
// until its entry expires.
import type { Identity, UserId } from "../../../contracts/rpc/identity.ts";
import type { Config } from "../../config.ts";
import type { GrantName } from "../../durable/grant-object.ts";

/** Origin of an access token: its grant, and the sign-in behind it. */
export interface TokenOrigin extends GrantName {
  /** Milliseconds since the Unix epoch. */
  readonly signedInAtMs: number;
}

/** The result of a successful look-up. */
export interface CheckedCredential {
  readonly identity: Identity;
  /** Seconds since the Unix epoch; `null` if unknown. */
  readonly expiresAt: number | null;
  /** The owner; `null` for an API key without one. */
  readonly userId: UserId | null;
  /** Access tokens only. */
  readonly origin?: TokenOrigin;
}

interface CachedCredential extends CheckedCredential {
  readonly cachedUntilMs: number;
}

/** A new entry evicts the oldest one. */
const MAX_ENTRIES = 2_000;

/**
 * By digest, oldest first. One cache for each configuration: a credential valid for one may not be
 * valid for another.
 */
const caches = new WeakMap<Config, Map<string, CachedCredential>>();

function cacheOf(config: Config): Map<string, CachedCredential> {
  const cache = caches.get(config) ?? new Map<string, CachedCredential>();
  caches.set(config, cache);
  return cache;
}

export function getCredential(config: Config, digest: string): CheckedCredential | undefined {
  const cached = cacheOf(config).get(digest);
  return cached && cached.cachedUntilMs > Date.now() ? cached : undefined;
}

/** True if the credential was valid when this isolate last looked it up, also long ago. */
export function wasValid(config: Config, digest: string): boolean {
  return cacheOf(config).has(digest);
}

/** Caches a credential for `credentialCacheMs`, never past its own expiry. */
export function setCredential(config: Config, digest: string, checked: CheckedCredential): void {
  const cache = cacheOf(config);
  const expiresAtMs = (checked.expiresAt ?? Number.POSITIVE_INFINITY) * 1000;
  const cachedUntilMs = Math.min(Date.now() + config.credentialCacheMs, expiresAtMs);
  cache.delete(digest);
  const [oldest] = cache.keys();
  if (cache.size >= MAX_ENTRIES && oldest !== undefined) cache.delete(oldest);
  cache.set(digest, { ...checked, cachedUntilMs });
}

export function deleteCredential(config: Config, digest: string): void {
  cacheOf(config).delete(digest);
}

/** Deletes a revoked API key. */
export function deleteKeyCredentials(config: Config, keyId: string): void {
  deleteWhere(config, ({ identity }) => identity.clientId === clientIdOfKey(keyId));
}

/** Deletes the access tokens of a grant. */
export function deleteGrantCredentials(config: Config, { userId, grantId }: GrantName): void {
  deleteWhere(config, ({ origin }) => origin?.userId === userId && origin.grantId === grantId);
}

/** Deletes every credential of a user. */
export function deleteUserCredentials(config: Config, userId: string): void {
  deleteWhere(config, ({ identity }) => identity.subject === userId);
}

function deleteWhere(config: Config, matches: (cached: CheckedCredential) => boolean): void {
  const cache = cacheOf(config);
  for (const [digest, cached] of cache) if (matches(cached)) cache.delete(digest);
}

/** The client id that stands for an API key in identities and audit records. */
export function clientIdOfKey(keyId: string): string {
  return `key:${keyId}`;
}
