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
import { digestText } from "../../../contracts/rpc/encoding.ts";
import { type Identity, Scope, testTenantOf } from "../../../contracts/rpc/identity.ts";
import { AUTH_UNAVAILABLE, AuthService, type AuthUnavailable } from "../../backends/auth.ts";
import { orUnavailable, type RequestContext } from "../../context.ts";
import { type GrantName, grantNameOf, grantObjectOf } from "../../durable/grant-object.ts";
import { type BearerSource, countBad, hasTooManyBad } from "../../limits/bad-bearers.ts";
import { GrantProps, signInTimeOf } from "../authorization-server/grant-props.ts";
import { authorizationServer } from "../authorization-server/server.ts";
import { nowSeconds } from "../clock.ts";
import {
  type CheckedCredential,
  clientIdOfKey,
  deleteCredential,
  getCredential,
  setCredential,
  type TokenOrigin,
  wasValid,
} from "./credential-cache.ts";
import { claimedIssueTime, includesResource } from "./jwt-claims.ts";
import { type GoodStanding, standingForSignIn, standingOf, userStateOf } from "./standing.ts";

export type CredentialKind = "oauth" | "api_key" | "jwt";

/** A valid bearer token. */
export interface Credential {
  readonly kind: CredentialKind;
  readonly identity: Identity;
  /** Seconds since the Unix epoch; `null` if unknown. */
  readonly expiresAt: number | null;
  /**
   * Asks the source again, and for the owner's standing: before anything that costs credits, and
   * while a stream is open. The cache is up to half a minute old. Never throws.
   */
  revalidate(): Promise<"good" | CredentialCode>;
}

/** Longer than any JWT of the auth Worker's. */
const MAX_JWT_LENGTH = 4_096;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * The credential behind `bearer`, or why it is refused. `only` refuses every other kind. A `source`
 * of too many bad tokens is refused unasked, unless this isolate knows the token. Never throws.
 */
export async function authenticate(
  context: RequestContext,
  bearer: string,
  only?: CredentialKind,
  source?: BearerSource,
): Promise<Credential | CredentialCode> {
  const kind = kindOf(bearer);
  if (kind === null || kind !== (only ?? kind)) return "unauthenticated";
  const presented: Presented = { kind, bearer, digest: await digestText(bearer) };
  const check = () => cachedOrLookedUp(context, presented, source);
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
  /** True if its source has sent too many bad ones. */
  readonly isSuspect?: boolean;
}

function kindOf(bearer: string): CredentialKind | null {
  if (API_KEY_PATTERN.test(bearer)) return "api_key";
  if (bearer.length <= MAX_JWT_LENGTH && JWT.test(bearer)) return "jwt";
  return grantNameOf(bearer) ? "oauth" : null;
}

async function cachedOrLookedUp(
  context: RequestContext,
  presented: Presented,
  source: BearerSource | undefined,
): Promise<CheckedCredential | CredentialCode> {
  const { config } = context;
  const { kind, digest } = presented;
  const cached = getCredential(config, digest);
  if (cached) return cached;
  const limit = kind === "oauth" ? "expiredBearer" : source?.limit;
  const isSuspect = limit !== undefined && source !== undefined && hasTooManyBad(limit, source.key);
  // An access token is refused by KV alone: a new one of a hosted client's user must pass.
  if (isSuspect && kind !== "oauth" && !wasValid(config, digest)) return "rate_limited";
  const lookUp = () => LOOK_UPS[kind](context, { ...presented, isSuspect });
  const checked = await inTime(context, () => (limit && source ? countBad(limit, source.key, lookUp) : lookUp()));
  if (typeof checked !== "string") setCredential(context.config, presented.digest, checked);
  return checked;
}

async function revalidateCredential(
  context: RequestContext,
  presented: Presented,
  { origin, userId }: CheckedCredential,
): Promise<"good" | CredentialCode> {
  const { kind, digest } = presented;
  const askSource = () => (origin ? checkOrigin(context, origin, digest) : LOOK_UPS[kind](context, presented));
  // The look-ups of the other kinds ask for the standing themselves.
  const askOwner = async () => (kind === "api_key" && userId !== null ? standingOf(context, userId) : null);
  const ask = () => Promise.all([askSource(), askOwner()]);
  const asked = await orUnavailable(context.trace, "credential.unchecked", { kind }, () => inTime(context, ask));
  if (asked === "unavailable") return "unavailable";
  const refused = asked.find((part) => typeof part === "string");
  if (refused === undefined) return "good";
  if (refused !== "unavailable") deleteCredential(context.config, digest);
  return refused;
}

/** The result of `ask` within the deadline of the auth Worker. Throws after it. */
function inTime<T>({ deadlines }: RequestContext, ask: () => Promise<T>): Promise<T> {
  return deadlines.inTime(ask, AUTH_TIMEOUT_MS, "the sources of the credential did not respond in time");
}

/**
 * An access token: KV has everything about it, the user's object knows what has ended, and the auth
 * Worker the user's standing. All three are asked at once; for a suspect token, KV first.
 */
async function lookUpToken(
  context: RequestContext,
  { bearer, digest, isSuspect = false }: Presented,
): Promise<CheckedCredential | CredentialCode> {
  const { env, config } = context;
  const name = grantNameOf(bearer);
  if (!name) return "unauthenticated";
  const { userId, grantId } = name;
  const ask = () => userStateOf(context, userId, { grantId, digest });
  const asked = isSuspect ? null : ask();
  asked?.catch(() => undefined); // a token that KV does not have is refused in any case
  const grant = await authorizationServer(env).validateToken(config.resource, bearer, env);
  // Props of another version are refused: signing in again makes new ones.
  const props = v.safeParse(GrantProps, grant?.props);
  if (!grant || !props.success) return "unauthenticated";
  const signedInAtMs = signInTimeOf(props.output);
  const state = await (asked ?? ask());
  const standing = standingForSignIn(state, signedInAtMs);
  if (typeof standing === "string") return standing;
  if (!state.token.isListed) listLater(context, name);
  const identity = {
    subject: userId,
    tenantId: standing.tenantId,
    tier: standing.tier,
    scopes: knownScopes(grant.scope ?? []),
    clientId: grant.clientId ?? "unknown",
  };
  return { identity, expiresAt: grant.expiresAt ?? null, userId, origin: { ...name, signedInAtMs } };
}

/** Adds a grant from before the user's list to that list. */
function listLater({ env, ctx, trace }: RequestContext, name: GrantName): void {
  const open = () => grantObjectOf(env, name).addToList(name, trace);
  ctx.waitUntil(orUnavailable(trace, "grant.not_registered", {}, open));
}

/** The standing of the owner of an access token that KV had. */
async function checkOrigin(
  context: RequestContext,
  { userId, grantId, signedInAtMs }: TokenOrigin,
  digest: string,
): Promise<GoodStanding | CredentialCode> {
  return standingForSignIn(await userStateOf(context, userId, { grantId, digest }), signedInAtMs);
}

async function lookUpKey(
  context: RequestContext,
  { bearer: key }: Presented,
): Promise<CheckedCredential | CredentialCode> {
  const validation = await new AuthService(context).validateApiKey(key);
  if (!isValid(validation)) return refusalCode(validation);
  const { user_id: userId = null, tenant_id: tenantId, tier, scopes, key_id: keyId } = validation;
  const clientId = clientIdOfKey(keyId);
  // A test key stays in its test tenant, whatever the auth Worker returns.
  const own = key.startsWith("sb_test_") ? testTenantOf(tenantId) : tenantId;
  const identity = { subject: userId ?? clientId, tenantId: own, tier, scopes: knownScopes(scopes), clientId };
  return { identity, expiresAt: null, userId };
}

async function lookUpJwt(
  context: RequestContext,
  { bearer: token }: Presented,
): Promise<CheckedCredential | CredentialCode> {
  const { config } = context;
  const issuedAt = claimedIssueTime(config, token);
  if (issuedAt === null) return "unauthenticated";
  const validation = await new AuthService(context).validateJwt(token);
  if (!isValid(validation)) return refusalCode(validation);
  const { user_id: subject, tenant_id: tenantId, tier, scopes, aud, exp } = validation;
  if (!includesResource(config, aud) || exp <= nowSeconds()) return "unauthenticated";
  // `iat` tells the second: one of the second in which everything was ended has ended.
  const standing = standingForSignIn(await userStateOf(context, subject), issuedAt * 1000);
  if (typeof standing === "string") return standing;
  const identity = { subject, tenantId, tier, scopes: knownScopes(scopes), clientId: "jwt" };
  return { identity, expiresAt: exp, userId: subject };
}

type LookUp = (context: RequestContext, presented: Presented) => Promise<CheckedCredential | CredentialCode>;
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
