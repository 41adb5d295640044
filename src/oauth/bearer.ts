// Judges what a request shows as its bearer: one of our OAuth access tokens, an API key or a JWT of the auth Worker's. Which one it is
// follows from its shape; what has none of the three shapes, and a JWT that was not made for this gateway, cost nothing to refuse.
import * as v from "valibot";
import { API_KEY_PATTERN, type ApiKeyVerdict, AUTH_TIMEOUT_MS, type JwtVerdict } from "../../contracts/auth.ts";
import type { CredentialCode } from "../../contracts/gateway.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { fromBase64url, type Identity, Scope, testTenantOf, toBase64url } from "../../contracts/rpc/identity.ts";
import { type Config, configOf } from "../config.ts";
import type { Env } from "../env.ts";
import type { Trace } from "../trace.ts";
import { AUTH_UNAVAILABLE, AuthService, type AuthUnavailable } from "./auth-service.ts";
import { GrantProps } from "./grant.ts";
import { authorizationServer } from "./server.ts";
import { type GrantName, gateOf, grantNameOf } from "./token-gate.ts";
import { revocationsOf } from "./user-revocations.ts";
import { nowSeconds } from "./visit.ts";

/** What a bearer can be. */
export type BearerKind = "oauth" | "api_key" | "jwt";

/** Whoever shows a bearer that is good. */
export interface Caller {
  readonly kind: BearerKind;
  readonly identity: Identity;
  /** Seconds since the Unix epoch; `null` where the end is not known here. */
  readonly expiresAt: number | null;
  /**
   * Asks once more, at the source, for what costs money: what KV reads may be a minute old, and what is remembered of a key or a JWT
   * half a minute. Never throws.
   */
  confirm(): Promise<"good" | CredentialCode>;
}

/** Longer than any JWT of ours. */
const MAX_JWT_LENGTH = 4_096;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Whose rights `bearer` carries, or why it carries none. `only` refuses every other kind. Never throws. */
export async function checkBearer(env: Env, bearer: string, trace: Trace, only?: BearerKind): Promise<Caller | CredentialCode> {
  const kind = kindOf(bearer);
  if (kind === null || kind !== (only ?? kind)) return "unauthenticated";
  return settled(kind, trace, () => (kind === "oauth" ? checkToken(env, bearer, trace) : checkIssued(env, kind, bearer, trace)));
}

function kindOf(bearer: string): BearerKind | null {
  if (API_KEY_PATTERN.test(bearer)) return "api_key";
  if (bearer.length <= MAX_JWT_LENGTH && JWT.test(bearer)) return "jwt";
  return grantNameOf(bearer) ? "oauth" : null;
}

/** What `ask` answers; storage that fails or hangs is no answer, and never a reason to sign anybody out. */
async function settled<T>(kind: BearerKind, { traceId }: Trace, ask: () => Promise<T>): Promise<T | "unavailable"> {
  try {
    return await ask();
  } catch (error) {
    console.error(JSON.stringify({ event: "credential.unchecked", kind, traceId, ...describeCrash(error) }));
    return "unavailable";
  }
}

/** An access token: one read from KV says everything about it. */
async function checkToken(env: Env, token: string, trace: Trace): Promise<Caller | "unauthenticated"> {
  const name = grantNameOf(token);
  const grant = await authorizationServer(env).validateToken(configOf(env).resource, token, env);
  // Props of another shape are another version's: signing in again makes new ones.
  const props = v.safeParse(GrantProps, grant?.props);
  if (!name || !grant || !props.success) return "unauthenticated";
  const { userId, tenantId, tier, authTime } = props.output;
  const identity = { subject: userId, tenantId, tier, scopes: knownScopes(grant.scope ?? []), clientId: grant.clientId ?? "unknown" };
  const confirm = () => settled("oauth", trace, () => confirmGrant(env, { ...name, userId }, authTime));
  return { kind: "oauth", identity, expiresAt: grant.expiresAt ?? null, confirm };
}

/** Whether neither the grant nor everything of the user's from that sign-in was ended. */
async function confirmGrant(env: Env, name: GrantName, authTime: number): Promise<"good" | "unauthenticated"> {
  const ask = async () => Promise.all([gateOf(env, name).hasEnded(), revocationsOf(env, name.userId).hasEndedTokens(authTime)] as const);
  const ended = await withDeadline(ask, AUTH_TIMEOUT_MS);
  if (ended === TIMED_OUT) throw new Error("the objects that know of revocations did not answer in time");
  return (ended as readonly boolean[]).includes(true) ? "unauthenticated" : "good"; // what `ask` answers, or `TIMED_OUT`
}

/** An API key or a JWT, as the auth Worker knows it. */
interface Issued {
  readonly kind: "api_key" | "jwt";
  readonly identity: Identity;
  readonly expiresAt: number | null;
}

/** What was good a moment ago, by SHA-256 of the credential, oldest first. Refusals are not remembered, and values only, no promises. */
const remembered = new Map<string, Issued & { readonly untilMs: number }>();
/** How long a key goes on after its end, in an isolate that saw it before. */
const MEMORY_MS = 30_000;
const MEMORY_LIMIT = 1_000;

/** Forgets an API key that has just ended, in this isolate; others go on taking it for 30 seconds at most. */
export function forgetKey(keyId: string): void {
  for (const [digest, { identity }] of remembered) if (identity.clientId === clientOfKey(keyId)) remembered.delete(digest);
}

async function checkIssued(env: Env, kind: Issued["kind"], bearer: string, trace: Trace): Promise<Caller | CredentialCode> {
  const digest = toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(bearer))));
  const ask = () => (kind === "api_key" ? askAboutKey(env, bearer, trace) : askAboutJwt(env, bearer, trace));
  const known = remembered.get(digest);
  const issued = known && known.untilMs > Date.now() ? known : await ask();
  if (typeof issued === "string") return issued;
  if (issued !== known) remember(digest, issued);
  return {
    ...issued,
    confirm: async () => {
      const again = await settled(kind, trace, ask);
      if (typeof again !== "string") return "good";
      remembered.delete(digest);
      return again;
    },
  };
}

function remember(digest: string, issued: Issued): void {
  const untilMs = Math.min(Date.now() + MEMORY_MS, (issued.expiresAt ?? Number.POSITIVE_INFINITY) * 1000);
  remembered.delete(digest);
  const [oldest] = remembered.keys();
  if (remembered.size >= MEMORY_LIMIT && oldest !== undefined) remembered.delete(oldest);
  remembered.set(digest, { ...issued, untilMs });
}

async function askAboutKey(env: Env, key: string, trace: Trace): Promise<Issued | CredentialCode> {
  const verdict = await new AuthService(env, configOf(env), trace).validateApiKey(key);
  if (!isGood(verdict)) return refusalOf(verdict);
  const { user_id: userId, tenant_id: tenantId, tier, scopes, key_id: keyId } = verdict;
  const clientId = clientOfKey(keyId);
  // A test key never leaves its tenant, whatever the auth Worker says.
  const own = key.startsWith("sb_test_") ? testTenantOf(tenantId) : tenantId;
  const identity = { subject: userId ?? clientId, tenantId: own, tier, scopes: knownScopes(scopes), clientId };
  return { kind: "api_key", identity, expiresAt: null };
}

async function askAboutJwt(env: Env, token: string, trace: Trace): Promise<Issued | CredentialCode> {
  const config = configOf(env);
  const iat = issuedForUsAt(config, token);
  if (iat === null) return "unauthenticated";
  const verdict = await new AuthService(env, config, trace).validateJwt(token);
  if (!isGood(verdict)) return refusalOf(verdict);
  const { user_id: subject, tenant_id: tenantId, tier, scopes, aud, exp } = verdict;
  if (!names(config, aud) || exp <= nowSeconds()) return "unauthenticated";
  if (await revocationsOf(env, subject).hasEndedTokens(iat)) return "unauthenticated";
  return { kind: "jwt", identity: { subject, tenantId, tier, scopes: knownScopes(scopes), clientId: "jwt" }, expiresAt: exp };
}

/** RFC 9068 sections 2.1 and 4: an access token, so no other kind of JWT can pass for one. */
const Header = v.object({
  typ: v.pipe(v.string(), v.regex(/^(application\/)?at\+jwt$/i)),
  alg: v.pipe(v.string(), v.regex(/^(?!none$)/i)),
});
const Claims = v.object({ iss: v.string(), aud: v.union([v.string(), v.array(v.string())]), iat: v.number(), exp: v.number() });

/**
 * When a JWT was issued, by its own word, if it calls itself an access token of the auth Worker's for this resource; otherwise
 * `null`. Whether any of it is true, its issuer judges.
 */
function issuedForUsAt(config: Config, token: string): number | null {
  const [head, body] = token.split(".");
  const claims = v.safeParse(Claims, decodeJson(body ?? ""));
  if (!claims.success || !v.is(Header, decodeJson(head ?? ""))) return null;
  const { iss, aud, iat, exp } = claims.output;
  return iss === config.authBaseUrl && names(config, aud) && exp > nowSeconds() ? iat : null;
}

/** Whether an audience includes this resource (RFC 8707). */
function names({ resource }: Config, audience: string | readonly string[]): boolean {
  return [audience].flat().includes(resource);
}

function decodeJson(text: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(fromBase64url(text)));
  } catch {
    return null;
  }
}

function isGood<V extends ApiKeyVerdict | JwtVerdict>(verdict: V | AuthUnavailable): verdict is Extract<V, { valid: true }> {
  return verdict !== AUTH_UNAVAILABLE && verdict.valid;
}

/** A reason that is not known here is a no. */
function refusalOf(verdict: Exclude<ApiKeyVerdict | JwtVerdict, { valid: true }> | AuthUnavailable): CredentialCode {
  if (verdict === AUTH_UNAVAILABLE) return "unavailable";
  if (verdict.error === "RATE_LIMITED") return "rate_limited";
  return verdict.error === "PAYMENT_DELINQUENT" ? "payment_required" : "unauthenticated";
}

/** How an API key is called where OAuth clients are. */
export function clientOfKey(keyId: string): string {
  return `key:${keyId}`;
}

function knownScopes(scopes: readonly string[]): Scope[] {
  return Scope.options.filter((scope) => scopes.includes(scope));
}
