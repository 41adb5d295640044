// Authenticates a bearer token: an OAuth access token, an API key, or a JWT of the auth Worker's.
// The kind follows from the shape. A token of no known shape, and a JWT that was not issued for
// this gateway, are refused without a look-up.
import * as v from "valibot";
import {
  API_KEY_PATTERN,
  type ApiKeyValidation,
  AUTH_TIMEOUT_MS,
  type JwtValidation,
} from "../../../contracts/auth.ts";
import type { CredentialCode } from "../../../contracts/gateway.ts";
import { TIMED_OUT, withDeadline } from "../../../contracts/rpc/call.ts";
import { digestText } from "../../../contracts/rpc/encoding.ts";
import { type Identity, Scope, testTenantOf } from "../../../contracts/rpc/identity.ts";
import { AUTH_UNAVAILABLE, AuthService, type AuthUnavailable } from "../../backends/auth.ts";
import { orUnavailable, type RequestContext } from "../../context.ts";
import { grantNameOf, grantObjectOf } from "../../durable/grant-object.ts";
import { revocationsOf } from "../../durable/user-revocations.ts";
import { GrantProps } from "../authorization-server/grant-props.ts";
import { authorizationServer } from "../authorization-server/server.ts";
import { nowSeconds } from "../clock.ts";
import {
  type CheckedCredential,
  clientIdOfKey,
  deleteCredential,
  getCredential,
  setCredential,
  type TokenOrigin,
} from "./credential-cache.ts";
import { claimedIssueTime, includesResource } from "./jwt-claims.ts";

export type CredentialKind = "oauth" | "api_key" | "jwt";

/** A valid bearer token. */
export interface Credential {
  readonly kind: CredentialKind;
  readonly identity: Identity;
  /** Seconds since the Unix epoch; `null` if unknown. */
  readonly expiresAt: number | null;
  /**
   * Asks the source again, before anything that costs credits: a read from KV can be a minute old,
   * and the cache adds half a minute. Never throws.
   */
  revalidate(): Promise<"good" | CredentialCode>;
}

/** Longer than any JWT of the auth Worker's. */
const MAX_JWT_LENGTH = 4_096;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * The credential behind `bearer`, or why it is refused. `only` refuses every other kind. Never
 * throws.
 */
export async function authenticate(
  context: RequestContext,
  bearer: string,
  only?: CredentialKind,
): Promise<Credential | CredentialCode> {
  const kind = kindOf(bearer);
  if (kind === null || kind !== (only ?? kind)) return "unauthenticated";
  const presented: Presented = { kind, bearer, digest: await digestText(bearer) };
  const check = () => cachedOrLookedUp(context, presented);
  const checked = await orUnavailable(context.trace, "credential.unchecked", { kind }, check);
  if (typeof checked === "string") return checked;
  const { identity, expiresAt } = checked;
  return {
    kind,
    identity,
    expiresAt,
    revalidate() {
      return revalidateCredential(context, presented, checked);
    },
  };
}

/** A bearer token of known kind. `digest`: SHA-256, its key in the cache. */
interface Presented {
  readonly kind: CredentialKind;
  readonly bearer: string;
  readonly digest: string;
}

function kindOf(bearer: string): CredentialKind | null {
  if (API_KEY_PATTERN.test(bearer)) return "api_key";
  if (bearer.length <= MAX_JWT_LENGTH && JWT.test(bearer)) return "jwt";
  return grantNameOf(bearer) ? "oauth" : null;
}

async function cachedOrLookedUp(
  context: RequestContext,
  { kind, bearer, digest }: Presented,
): Promise<CheckedCredential | CredentialCode> {
  const cached = getCredential(context.config, digest);
  if (cached) return cached;
  const checked = await LOOK_UPS[kind](context, bearer);
  if (typeof checked !== "string") setCredential(context.config, digest, checked);
  return checked;
}

async function revalidateCredential(
  context: RequestContext,
  { kind, bearer, digest }: Presented,
  { origin }: CheckedCredential,
): Promise<"good" | CredentialCode> {
  const check = async () => (origin ? checkOrigin(context, origin) : LOOK_UPS[kind](context, bearer));
  const current = await orUnavailable(context.trace, "credential.unchecked", { kind }, check);
  if (current === "good" || typeof current !== "string") return "good";
  deleteCredential(context.config, digest);
  return current;
}

/** An access token: one read from KV returns everything about it. */
async function lookUpToken(
  { env, config }: RequestContext,
  token: string,
): Promise<CheckedCredential | "unauthenticated"> {
  const name = grantNameOf(token);
  const grant = await authorizationServer(env).validateToken(config.resource, token, env);
  // Props of another version are refused: signing in again makes new ones.
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

/** `good` if neither the grant nor every token of that sign-in was ended. */
async function checkOrigin({ env }: RequestContext, origin: TokenOrigin): Promise<"good" | "unauthenticated"> {
  const { userId, authTime } = origin;
  const askObjects = async () =>
    Promise.all([grantObjectOf(env, origin).hasEnded(), revocationsOf(env, userId).hasEndedTokens(authTime)]);
  const ended = await withDeadline(askObjects, AUTH_TIMEOUT_MS);
  if (ended === TIMED_OUT) throw new Error("the objects that store revocations did not respond in time");
  return (ended as readonly boolean[]).includes(true) ? "unauthenticated" : "good"; // only `TIMED_OUT` is no list
}

async function lookUpKey(context: RequestContext, key: string): Promise<CheckedCredential | CredentialCode> {
  const validation = await new AuthService(context).validateApiKey(key);
  if (!isValid(validation)) return refusalCode(validation);
  const { user_id: userId, tenant_id: tenantId, tier, scopes, key_id: keyId } = validation;
  const clientId = clientIdOfKey(keyId);
  // A test key stays in its test tenant, whatever the auth Worker returns.
  const own = key.startsWith("sb_test_") ? testTenantOf(tenantId) : tenantId;
  const identity = { subject: userId ?? clientId, tenantId: own, tier, scopes: knownScopes(scopes), clientId };
  return { identity, expiresAt: null };
}

async function lookUpJwt(context: RequestContext, token: string): Promise<CheckedCredential | CredentialCode> {
  const { env, config } = context;
  const issuedAt = claimedIssueTime(config, token);
  if (issuedAt === null) return "unauthenticated";
  const validation = await new AuthService(context).validateJwt(token);
  if (!isValid(validation)) return refusalCode(validation);
  const { user_id: subject, tenant_id: tenantId, tier, scopes, aud, exp } = validation;
  if (!includesResource(config, aud) || exp <= nowSeconds()) return "unauthenticated";
  if (await revocationsOf(env, subject).hasEndedTokens(issuedAt)) return "unauthenticated";
  return { identity: { subject, tenantId, tier, scopes: knownScopes(scopes), clientId: "jwt" }, expiresAt: exp };
}

type LookUp = (context: RequestContext, bearer: string) => Promise<CheckedCredential | CredentialCode>;
const LOOK_UPS: Readonly<Record<CredentialKind, LookUp>> = { oauth: lookUpToken, api_key: lookUpKey, jwt: lookUpJwt };

function isValid<V extends ApiKeyValidation | JwtValidation>(
  validation: V | AuthUnavailable,
): validation is Extract<V, { valid: true }> {
  return validation !== AUTH_UNAVAILABLE && validation.valid;
}

/** An unknown reason refuses the credential. */
function refusalCode(
  validation: Exclude<ApiKeyValidation | JwtValidation, { valid: true }> | AuthUnavailable,
): CredentialCode {
  if (validation === AUTH_UNAVAILABLE) return "unavailable";
  if (validation.error === "RATE_LIMITED") return "rate_limited";
  return validation.error === "PAYMENT_DELINQUENT" ? "payment_required" : "unauthenticated";
}

function knownScopes(scopes: readonly string[]): Scope[] {
  return Scope.options.filter((scope) => scopes.includes(scope));
}
