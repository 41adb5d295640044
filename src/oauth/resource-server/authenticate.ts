// Judges what a request shows as its bearer: one of our OAuth access tokens, an API key or a JWT of the auth Worker's. Which one it is
// follows from its shape; what has none of the three shapes, and a JWT that was not made for this gateway, cost nothing to refuse.
import * as v from "valibot";
import {
  API_KEY_PATTERN,
  type ApiKeyValidation,
  AUTH_TIMEOUT_MS,
  type JwtValidation,
} from "../../../contracts/auth.ts";
import type { CredentialCode } from "../../../contracts/gateway.ts";
import { TIMED_OUT, withDeadline } from "../../../contracts/rpc/call.ts";
import { describeCrash } from "../../../contracts/rpc/crash.ts";
import { digestText, fromBase64url } from "../../../contracts/rpc/encoding.ts";
import { type Identity, Scope, testTenantOf } from "../../../contracts/rpc/identity.ts";
import { AUTH_UNAVAILABLE, AuthService, type AuthUnavailable } from "../../backends/auth.ts";
import { type Config, configOf } from "../../config.ts";
import type { Trace } from "../../context.ts";
import { grantNameOf, grantObjectOf } from "../../durable/grant-object.ts";
import { revocationsOf } from "../../durable/user-revocations.ts";
import type { Env } from "../../env.ts";
import { GrantProps } from "../authorization-server/grant.ts";
import { authorizationServer } from "../authorization-server/server.ts";
import { nowSeconds } from "../browser/browser-request.ts";
import {
  type CheckedCredential,
  clientOfKey,
  deleteCredential,
  getCredential,
  setCredential,
  type TokenOrigin,
} from "./credential-cache.ts";

/** What a bearer can be. */
export type CredentialKind = "oauth" | "api_key" | "jwt";

/** Whoever shows a bearer that is good. */
export interface Credential {
  readonly kind: CredentialKind;
  readonly identity: Identity;
  /** Seconds since the Unix epoch; `null` where the end is not known here. */
  readonly expiresAt: number | null;
  /**
   * Asks once more, at the source, for what costs money: what KV reads may be a minute old, and what is remembered of it half a
   * minute more. Never throws.
   */
  revalidate(): Promise<"good" | CredentialCode>;
}

/** Longer than any JWT of ours. */
const MAX_JWT_LENGTH = 4_096;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Whose rights `bearer` carries, or why it carries none. `only` refuses every other kind. Never throws. */
export async function authenticate(
  env: Env,
  bearer: string,
  trace: Trace,
  only?: CredentialKind,
): Promise<Credential | CredentialCode> {
  const kind = kindOf(bearer);
  if (kind === null || kind !== (only ?? kind)) return "unauthenticated";
  return orUnavailable(kind, trace, async () => {
    const digest = await digestText(bearer);
    const ask = () => CHECKS[kind](env, bearer, trace);
    const known = getCredential(env, digest);
    const checked = known ?? (await ask());
    if (typeof checked === "string") return checked;
    if (!known) setCredential(env, digest, checked);
    const { identity, expiresAt, origin } = checked;
    const revalidate = async () => {
      const again = await orUnavailable<CheckedCredential | "good" | CredentialCode>(
        kind,
        trace,
        origin ? () => confirmOrigin(env, origin) : ask,
      );
      if (again === "good" || typeof again !== "string") return "good";
      deleteCredential(env, digest);
      return again;
    };
    return { kind, identity, expiresAt, revalidate };
  });
}

function kindOf(bearer: string): CredentialKind | null {
  if (API_KEY_PATTERN.test(bearer)) return "api_key";
  if (bearer.length <= MAX_JWT_LENGTH && JWT.test(bearer)) return "jwt";
  return grantNameOf(bearer) ? "oauth" : null;
}

/** What `ask` answers; storage that fails or hangs is no answer, and never a reason to sign anybody out. */
async function orUnavailable<T>(
  kind: CredentialKind,
  { traceId }: Trace,
  ask: () => Promise<T>,
): Promise<T | "unavailable"> {
  try {
    return await ask();
  } catch (error) {
    console.error(JSON.stringify({ event: "credential.unchecked", kind, traceId, ...describeCrash(error) }));
    return "unavailable";
  }
}

/** An access token: one read from KV says everything about it. */
async function askAboutToken(env: Env, token: string): Promise<CheckedCredential | "unauthenticated"> {
  const name = grantNameOf(token);
  const grant = await authorizationServer(env).validateToken(configOf(env).resource, token, env);
  // Props of another shape are another version's: signing in again makes new ones.
  const props = v.safeParse(GrantProps, grant?.props);
  if (!name || !grant || !props.success) return "unauthenticated";
  const { userId, tenantId, tier, authTime } = props.output;
  const identity = {
    subject: userId,
    tenantId,
    tier,
    scopes: knownScopes(grant.scope ?? []),
    clientId: grant.clientId ?? "unknown",
  };
  return { identity, expiresAt: grant.expiresAt ?? null, origin: { ...name, userId, authTime } };
}

/** Whether neither the grant nor everything of the user's from that sign-in was ended. */
async function confirmOrigin(env: Env, origin: TokenOrigin): Promise<"good" | "unauthenticated"> {
  const { userId, authTime } = origin;
  const ask = async () =>
    Promise.all([grantObjectOf(env, origin).hasEnded(), revocationsOf(env, userId).hasEndedTokens(authTime)] as const);
  const ended = await withDeadline(ask, AUTH_TIMEOUT_MS);
  if (ended === TIMED_OUT) throw new Error("the objects that know of revocations did not answer in time");
  return (ended as readonly boolean[]).includes(true) ? "unauthenticated" : "good"; // what `ask` answers, or `TIMED_OUT`
}

async function askAboutKey(env: Env, key: string, trace: Trace): Promise<CheckedCredential | CredentialCode> {
  const verdict = await new AuthService(env, configOf(env), trace).validateApiKey(key);
  if (!isGood(verdict)) return refusalOf(verdict);
  const { user_id: userId, tenant_id: tenantId, tier, scopes, key_id: keyId } = verdict;
  const clientId = clientOfKey(keyId);
  // A test key never leaves its tenant, whatever the auth Worker says.
  const own = key.startsWith("sb_test_") ? testTenantOf(tenantId) : tenantId;
  const identity = { subject: userId ?? clientId, tenantId: own, tier, scopes: knownScopes(scopes), clientId };
  return { identity, expiresAt: null };
}

async function askAboutJwt(env: Env, token: string, trace: Trace): Promise<CheckedCredential | CredentialCode> {
  const config = configOf(env);
  const iat = issuedForUsAt(config, token);
  if (iat === null) return "unauthenticated";
  const verdict = await new AuthService(env, config, trace).validateJwt(token);
  if (!isGood(verdict)) return refusalOf(verdict);
  const { user_id: subject, tenant_id: tenantId, tier, scopes, aud, exp } = verdict;
  if (!names(config, aud) || exp <= nowSeconds()) return "unauthenticated";
  if (await revocationsOf(env, subject).hasEndedTokens(iat)) return "unauthenticated";
  return { identity: { subject, tenantId, tier, scopes: knownScopes(scopes), clientId: "jwt" }, expiresAt: exp };
}

/** How each kind is looked up. */
const CHECKS: Readonly<
  Record<CredentialKind, (env: Env, bearer: string, trace: Trace) => Promise<CheckedCredential | CredentialCode>>
> = {
  oauth: askAboutToken,
  api_key: askAboutKey,
  jwt: askAboutJwt,
};

/** RFC 9068 sections 2.1 and 4: an access token, so no other kind of JWT can pass for one. */
const Header = v.object({
  typ: v.pipe(v.string(), v.regex(/^(application\/)?at\+jwt$/i)),
  alg: v.pipe(v.string(), v.regex(/^(?!none$)/i)),
});
const Claims = v.object({
  iss: v.string(),
  aud: v.union([v.string(), v.array(v.string())]),
  iat: v.number(),
  exp: v.number(),
});

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

function isGood<V extends ApiKeyValidation | JwtValidation>(
  verdict: V | AuthUnavailable,
): verdict is Extract<V, { valid: true }> {
  return verdict !== AUTH_UNAVAILABLE && verdict.valid;
}

/** A reason that is not known here is a no. */
function refusalOf(
  verdict: Exclude<ApiKeyValidation | JwtValidation, { valid: true }> | AuthUnavailable,
): CredentialCode {
  if (verdict === AUTH_UNAVAILABLE) return "unavailable";
  if (verdict.error === "RATE_LIMITED") return "rate_limited";
  return verdict.error === "PAYMENT_DELINQUENT" ? "payment_required" : "unauthenticated";
}

function knownScopes(scopes: readonly string[]): Scope[] {
  return Scope.options.filter((scope) => scopes.includes(scope));
}
