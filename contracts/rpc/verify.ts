// Backend side of the identity token: imports the backend's keys and verifies a token's signature
// and claims.
import * as v from "valibot";
import { logError } from "../log.ts";
import { digestInput, fromBase64url } from "./encoding.ts";
import { permits, Scope, TenantId, Tier, type VerifiedIdentity } from "./identity.ts";
import {
  type Claims,
  HEADER_TYPE,
  HMAC,
  IDENTITY_LIFETIME_SECONDS,
  type IdentityKey,
  importIdentityKey,
  type SignedCall,
} from "./identity-token.ts";

const CLOCK_SKEW_SECONDS = 30;

const Header = v.object({ alg: v.literal("HS256"), typ: v.literal(HEADER_TYPE), kid: v.string() });
const Payload: v.GenericSchema<unknown, Claims> = v.object({
  aud: v.string(),
  sub: v.string(),
  tenant: v.nullable(TenantId),
  tier: Tier,
  scope: v.array(Scope),
  cid: v.string(),
  method: v.string(),
  idem: v.nullable(v.string()),
  jti: v.string(),
  iat: v.pipe(v.number(), v.integer()),
  exp: v.pipe(v.number(), v.integer()),
  ih: v.string(),
});

/**
 * Imports the keys of an `IDENTITY_KEYS` setting: `kid:base64url`, separated by commas. Throws if
 * the setting is malformed; the message does not contain it.
 */
export async function importIdentityKeys(setting: string): Promise<readonly IdentityKey[]> {
  const entries = setting.split(",").map((entry) => entry.trim());
  return Promise.all(
    entries.map((entry) => {
      const match = /^([0-9a-f]{8}):([A-Za-z0-9_-]{43,})$/.exec(entry);
      if (!match?.[1] || !match[2]) throw new Error("IDENTITY_KEYS is not of the form kid:base64url[,kid:base64url].");
      return importIdentityKey(match[1], fromBase64url(match[2]));
    }),
  );
}

/**
 * The call that a valid token must be for. `input` is as it arrived, before any schema changed it.
 */
export interface ExpectedCall extends SignedCall {
  /** The scope that the method needs. */
  readonly scope: Scope;
  /** The current Unix time. */
  readonly nowSeconds: number;
}

/**
 * Verifies an identity token. Returns `null` if its signature is not by one of `keys`, or if it is
 * for another backend, method, input or idempotency key, lacks the scope, is expired or not yet
 * valid.
 */
export async function verifyIdentity(
  keys: readonly IdentityKey[],
  token: string,
  expected: ExpectedCall,
): Promise<VerifiedIdentity | null> {
  const claims = await signedClaims(keys, token);
  if (claims === null || !isCurrent(claims, expected.nowSeconds)) return null;
  if (claims.aud !== expected.audience || claims.method !== expected.method) return null;
  if (!permits(claims.scope, expected.scope) || claims.idem !== (expected.idempotencyKey ?? null)) return null;
  if (claims.ih !== (await digestInput(expected.input))) return null;
  return {
    subject: claims.sub,
    tenantId: claims.tenant,
    tier: claims.tier,
    scopes: claims.scope,
    clientId: claims.cid,
    token: { id: claims.jti, expiresAt: claims.exp },
  };
}

/** The claims of a token that one of `keys` signed; `null` for any other text. */
async function signedClaims(keys: readonly IdentityKey[], token: string): Promise<Claims | null> {
  const [head, body, signature, ...rest] = token.split(".");
  if (!head || !body || !signature || rest.length > 0) return null;
  const header = v.safeParse(Header, decodeJson(head));
  if (!header.success) return null;
  const known = keys.find(({ kid }) => kid === header.output.kid);
  const raw = tryFromBase64url(signature);
  if (!known) logUnknownKey(keys, header.output.kid);
  if (!known || !raw) return null;
  const signed = new TextEncoder().encode(`${head}.${body}`);
  if (!(await crypto.subtle.verify(HMAC, known.key, raw, signed))) {
    // Key ids come from the root secret: the keys may be those of another backend.
    logError("rpc.signature_invalid", { keyId: known.kid });
    return null;
  }
  const payload = v.safeParse(Payload, decodeJson(body));
  return payload.success ? payload.output : null;
}

/**
 * Logs ids of keys, which reveal nothing about them: `IDENTITY_KEYS` of another root secret is the
 * likeliest mistake of a deployment.
 */
function logUnknownKey(keys: readonly IdentityKey[], kid: string): void {
  if (!/^[0-9a-f]{8}$/.test(kid)) return;
  logError("rpc.key_unknown", { keyId: kid, known: keys.map((key) => key.kid) });
}

/** True between `iat` and `exp`, with a lifetime of at most `IDENTITY_LIFETIME_SECONDS`. */
function isCurrent({ iat, exp }: Claims, nowSeconds: number): boolean {
  return exp > nowSeconds && exp <= iat + IDENTITY_LIFETIME_SECONDS && iat <= nowSeconds + CLOCK_SKEW_SECONDS;
}

function decodeJson(text: string): unknown {
  const bytes = tryFromBase64url(text);
  if (!bytes) return null;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return null;
  }
}

function tryFromBase64url(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return fromBase64url(text);
  } catch {
    return null;
  }
}
