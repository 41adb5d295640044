// Identity tokens, which the gateway signs for each backend call: a compact JWS (RFC 7515), HS256,
// with a key that only the gateway and this backend hold. A token is not a user credential and
// never leaves the account. It proves to the backend, without trust in the binding, that the
// gateway calls, for which identity, which method and with exactly this input. Each claim has a
// reader: `verify.ts` compares it, or a backend acts on it.
import { digestInput, toBase64url } from "./encoding.ts";
import type { Identity, Scope, TenantId, Tier } from "./identity.ts";

/** A signing key. Its `kid` lets two keys be valid at the same time during a rotation. */
export interface IdentityKey {
  readonly kid: string;
  readonly key: CryptoKey;
  /** The encoded header of each token that this key signs. */
  readonly header: string;
}

/** Lifetime of a token. */
export const IDENTITY_LIFETIME_SECONDS = 60;
/** The signature algorithm, `HS256`. */
export const HMAC = { name: "HMAC", hash: "SHA-256" } as const;
/** `typ` in a token's header. */
export const HEADER_TYPE = "gw-assert+jwt";

/** The claims of a token (RFC 7519 section 4), in the order in which they are signed. */
export interface Claims {
  readonly aud: string;
  readonly sub: string;
  readonly tenant: TenantId | null;
  readonly tier: Tier;
  readonly scope: readonly Scope[];
  readonly cid: string;
  /** The method of the contract. */
  readonly method: string;
  /** The idempotency key of the call; `null` without one. */
  readonly idem: string | null;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  /** Digest of the input; see `digestInput`. */
  readonly ih: string;
}

const utf8 = new TextEncoder();

/** Imports at least 32 raw bytes as a key that signs and verifies identity tokens. */
export async function importIdentityKey(kid: string, raw: Uint8Array<ArrayBuffer>): Promise<IdentityKey> {
  if (raw.byteLength < 32) throw new Error(`Identity key ${kid} is shorter than 32 bytes.`);
  const key = await crypto.subtle.importKey("raw", raw, HMAC, false, ["sign", "verify"]);
  return { kid, key, header: encodeJson({ alg: "HS256", typ: HEADER_TYPE, kid }) };
}

/** The call that a token is for. */
export interface SignedCall {
  readonly audience: string;
  readonly method: string;
  /** The input as it is sent. */
  readonly input: unknown;
  readonly idempotencyKey: string | undefined;
}

/**
 * Signs that `identity` makes this call.
 *
 * @param nowSeconds the current Unix time
 */
export async function signIdentity(
  { key, header }: IdentityKey,
  identity: Identity,
  { audience, method, input, idempotencyKey }: SignedCall,
  nowSeconds: number,
): Promise<string> {
  const claims: Claims = {
    aud: audience,
    sub: identity.subject,
    tenant: identity.tenantId,
    tier: identity.tier,
    scope: [...identity.scopes],
    cid: identity.clientId,
    method,
    idem: idempotencyKey ?? null,
    jti: crypto.randomUUID(),
    iat: nowSeconds,
    exp: nowSeconds + IDENTITY_LIFETIME_SECONDS,
    ih: await digestInput(input),
  };
  const signed = `${header}.${encodeJson(claims)}`;
  const signature = await crypto.subtle.sign(HMAC, key, utf8.encode(signed));
  return `${signed}.${toBase64url(new Uint8Array(signature))}`;
}

function encodeJson(value: unknown): string {
  return toBase64url(utf8.encode(JSON.stringify(value)));
}
