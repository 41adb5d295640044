// JWT access tokens (RFC 9068), issued to a user on request and validated for the gateway. They are
// signed with HS256 under a key that only this Worker has. Other Workers do not verify a token,
// they call `validateJwt`, which also checks the state of the user. So no public key is published,
// and a token that is signed in any other way is invalid.
import { errors, jwtVerify, SignJWT } from "jose";
import * as v from "valibot";
import type { AuthError, JwtValidation, MintToken } from "../../contracts/auth.ts";
import { type Identity, TenantId, Tier, UserId } from "../../contracts/rpc/identity.ts";
import type { CodeOf, OutputOf, ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { type Failure, fail, ok, type Result } from "../../contracts/rpc/result.ts";
import { scopeText } from "./api-keys.ts";
import { deriveKey } from "./derived-key.ts";
import { type Env, settingsOf } from "./settings.ts";
import { OWN_TENANT } from "./tenants.ts";

const LIFETIME_SECONDS = 3600;
/** The longest `Authorization` header that the gateway accepts. */
const TOKEN_MAX_CHARACTERS = 4096;
const ALGORITHM = "HS256";
/** RFC 9068 section 2.1: distinguishes an access token from every other JWT. */
const TYPE = "at+jwt";

const Claims = v.object({ sub: UserId, aud: v.string(), scope: v.string(), iat: v.number(), exp: v.number() });
const OwnerRow = v.object({
  tenant_id: TenantId,
  tier: Tier,
  is_delinquent: v.number(),
  signedOutAt: v.nullable(v.string()),
});

/** Issues a token to the calling user, for one of `TOKEN_AUDIENCES`. */
export async function mintToken(
  env: Env,
  { tenantId, subject, clientId }: Identity,
  { audience, scopes }: ParsedInputOf<typeof MintToken>,
  nowSeconds: number,
): Promise<Result<OutputOf<typeof MintToken>, Failure<CodeOf<typeof MintToken>>>> {
  const { baseUrl, secret, tokenAudiences } = settingsOf(env);
  if (!tokenAudiences.has(audience)) return fail("audience_not_allowed");
  if ((await env.DB.prepare(OWN_TENANT).bind(tenantId, subject).first()) === null) return fail("user_not_found");
  const expiresAt = nowSeconds + LIFETIME_SECONDS;
  const token = await new SignJWT({ client_id: clientId, scope: scopeText(scopes) })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
    .setIssuer(baseUrl)
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(expiresAt)
    .setJti(crypto.randomUUID())
    .sign(await deriveKey(secret, "access-token"));
  return ok({ token, expiresAt });
}

/**
 * Returns the user of a token, with the current tenant and tier. `INVALID_TOKEN` also for a user
 * who was deleted, disabled or signed out since; `TOKEN_EXPIRED`; `PAYMENT_DELINQUENT`. Checking
 * the audience is up to the caller.
 */
export async function validateJwt(env: Env, token: unknown, nowSeconds: number): Promise<JwtValidation> {
  if (typeof token !== "string" || token.length > TOKEN_MAX_CHARACTERS) return refused("INVALID_TOKEN");
  const claims = await verify(env, token, nowSeconds);
  if (typeof claims === "string") return refused(claims);
  const row = await env.DB.prepare(
    `SELECT t.id AS tenant_id, t.tier, t.is_delinquent, u.signedOutAt FROM user u JOIN tenants t ON t.user_id = u.id
     WHERE u.id = ?1 AND u.disabledAt IS NULL`,
  )
    .bind(claims.sub)
    .first();
  if (row === null) return refused("INVALID_TOKEN");
  const { tenant_id, tier, is_delinquent, signedOutAt } = v.parse(OwnerRow, row);
  // A token tells its second only: one of the second of the sign-out may be older, and has ended.
  if (signedOutAt !== null && claims.iat * 1000 <= Date.parse(signedOutAt)) return refused("INVALID_TOKEN");
  if (is_delinquent !== 0) return refused("PAYMENT_DELINQUENT");
  const { sub, aud, scope, exp } = claims;
  return { valid: true, tenant_id, user_id: sub, tier, scopes: scope.split(" "), aud, exp };
}

/** Returns the claims of a token that this Worker signed, or the error that refuses it. */
async function verify(env: Env, token: string, nowSeconds: number): Promise<v.InferOutput<typeof Claims> | AuthError> {
  const { baseUrl, secret } = settingsOf(env);
  const key = await deriveKey(secret, "access-token");
  const options = { algorithms: [ALGORITHM], typ: TYPE, issuer: baseUrl, currentDate: new Date(nowSeconds * 1000) };
  try {
    const { payload } = await jwtVerify(token, key, options);
    const claims = v.safeParse(Claims, payload);
    return claims.success ? claims.output : "INVALID_TOKEN";
  } catch (error) {
    return error instanceof errors.JWTExpired ? "TOKEN_EXPIRED" : "INVALID_TOKEN";
  }
}

function refused(error: AuthError): JwtValidation {
  return { valid: false, error };
}
