// Credentials that were good a moment ago, so that who calls often is not looked up each time: in this isolate, by SHA-256 of the
// credential. Refusals are not remembered, and values only, no promises. What ends here is forgotten at once; another isolate may go
// on taking it until its time is up.
import type { Identity } from "../../../contracts/rpc/identity.ts";
import { type Config, configOf } from "../../config.ts";
import type { GrantName } from "../../durable/grant-object.ts";
import type { Env } from "../../env.ts";

/** Of an access token: its grant, and the sign-in that it comes from, in seconds since the Unix epoch. */
export interface TokenOrigin extends GrantName {
  readonly authTime: number;
}

/** What is known of a credential that is good. */
export interface CheckedCredential {
  readonly identity: Identity;
  /** Seconds since the Unix epoch; `null` where the end is not known here. */
  readonly expiresAt: number | null;
  /** Of an access token only. */
  readonly origin?: TokenOrigin;
}

interface CachedCredential extends CheckedCredential {
  readonly untilMs: number;
}

/** The most that is remembered at a time; the oldest makes room. */
const LIMIT = 2_000;

/** By digest, oldest first; one for each settings, since what is good for one may not be for others. */
const memories = new WeakMap<Config, Map<string, CachedCredential>>();

function memoryOf(env: Env): Map<string, CachedCredential> {
  const config = configOf(env);
  const memory = memories.get(config) ?? new Map<string, CachedCredential>();
  memories.set(config, memory);
  return memory;
}

/** What was found out about this credential lately. */
export function getCredential(env: Env, digest: string): CheckedCredential | undefined {
  const known = memoryOf(env).get(digest);
  return known && known.untilMs > Date.now() ? known : undefined;
}

/** Remembers a credential for a while, and never past its end. */
export function setCredential(env: Env, digest: string, checked: CheckedCredential): void {
  const memory = memoryOf(env);
  const untilMs = Math.min(
    Date.now() + configOf(env).credentialCacheMs,
    (checked.expiresAt ?? Number.POSITIVE_INFINITY) * 1000,
  );
  memory.delete(digest);
  const [oldest] = memory.keys();
  if (memory.size >= LIMIT && oldest !== undefined) memory.delete(oldest);
  memory.set(digest, { ...checked, untilMs });
}

/** Forgets a credential that is not good any more. */
export function deleteCredential(env: Env, digest: string): void {
  memoryOf(env).delete(digest);
}

/** Forgets an API key that has just ended. */
export function deleteKeyCredentials(env: Env, keyId: string): void {
  deleteWhere(env, ({ identity }) => identity.clientId === clientOfKey(keyId));
}

/** Forgets the tokens of a grant that may have just ended. */
export function deleteGrantCredentials(env: Env, { userId, grantId }: GrantName): void {
  deleteWhere(env, ({ origin }) => origin?.userId === userId && origin.grantId === grantId);
}

/** Forgets everything of a user whose access has just ended. */
export function deleteUserCredentials(env: Env, userId: string): void {
  deleteWhere(env, ({ identity }) => identity.subject === userId);
}

function deleteWhere(env: Env, isMeant: (known: CheckedCredential) => boolean): void {
  const memory = memoryOf(env);
  for (const [digest, known] of memory) if (isMeant(known)) memory.delete(digest);
}

/** How an API key is called where OAuth clients are. */
export function clientOfKey(keyId: string): string {
  return `key:${keyId}`;
}
