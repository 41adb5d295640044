// The signed identity token that rides in every call: a compact JWS (RFC 7515), HS256, under a key that only the gateway and
// this one backend hold. It is not a user credential and never leaves the account: it lets a backend know, without trusting the
// binding, that the gateway speaks, for whom, for which tool and with exactly this input.
import * as v from "valibot";

/** The backends that an identity token can be meant for. */
export type Audience = "auth" | "stackbilder" | "img-forge";

export const Tier = v.picklist(["free", "hobby", "pro", "enterprise"]);
export type Tier = v.InferOutput<typeof Tier>;

export const Scope = v.picklist(["read", "generate"]);
export type Scope = v.InferOutput<typeof Scope>;

declare const brand: unique symbol;
/** Names a person. Not a tenant: the two are never interchangeable. */
export type UserId = string & { readonly [brand]: "UserId" };
/** Names what is billed and what owns flows and images. */
export type TenantId = string & { readonly [brand]: "TenantId" };

const id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:-]{1,128}$/));
export const UserId = id as unknown as v.GenericSchema<string, UserId>; // the brand lives in TypeScript only
export const TenantId = id as unknown as v.GenericSchema<string, TenantId>; // the brand lives in TypeScript only

/** What the tenant ids of test keys begin with. */
const TEST_TENANT = "test:";

/** Where a test key works: a tenant of its own, beside the live one, which it cannot reach. */
export function testTenantOf(tenantId: TenantId): TenantId {
  return isTestTenant(tenantId) ? tenantId : (`${TEST_TENANT}${tenantId}` as TenantId); // the brand lives in TypeScript only
}

/** Whether everything about this tenant is for trying out only, and nothing is billed. */
export function isTestTenant(tenantId: TenantId | null): boolean {
  return tenantId?.startsWith(TEST_TENANT) ?? false;
}

/** Who asks. `tenantId` is `null` only where the gateway speaks for itself, before there is a user. */
export interface Identity {
  /** A user id, `key:<id>` for an API key that is nobody's own, `sibling:<name>` for a bound Worker that acts as itself, or `gateway`. */
  readonly subject: string;
  readonly tenantId: TenantId | null;
  readonly tier: Tier;
  readonly scopes: readonly Scope[];
  /**
   * Through what the subject asks: an OAuth client's id, `key:<id>` for an API key, `jwt` for a JWT; `sibling:<name>` for a sibling
   * that acts as itself, followed by `/` and one of the others where it shows a credential.
   */
  readonly clientId: string;
}

/** One signed statement: this identity calls this tool with this input, now. */
export interface Assertion extends Identity {
  readonly audience: Audience;
  /** The tool's name, or the method's name where no tool is involved. */
  readonly tool: string;
  readonly traceId: string;
  /** Unique for each token, so that a backend can refuse a replay. */
  readonly tokenId: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** One named secret. `kid` says which, so that keys can be rotated without a gap. */
export interface IdentityKey {
  readonly kid: string;
  readonly key: CryptoKey;
  /** Of every token that it signs, encoded. */
  readonly header: string;
}

/** Seconds for which a token is good. */
export const IDENTITY_LIFETIME_SECONDS = 60;
/** How tokens are signed: `HS256`. */
export const HMAC = { name: "HMAC", hash: "SHA-256" } as const;
/** `typ` of the token's header. */
export const HEADER_TYPE = "gw-assert+jwt";

/** The claims of a token (RFC 7519 section 4), in the order in which they are signed. */
export interface Claims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly tenant: TenantId | null;
  readonly tier: Tier;
  readonly scope: readonly Scope[];
  readonly cid: string;
  readonly tool: string;
  readonly jti: string;
  readonly trace: string;
  readonly iat: number;
  readonly exp: number;
  /** Digest of the input. */
  readonly ih: string;
}

const utf8 = new TextEncoder();

/** Imports 32 or more raw bytes as a key that can sign and verify identity tokens. */
export async function importIdentityKey(kid: string, raw: Uint8Array<ArrayBuffer>): Promise<IdentityKey> {
  if (raw.byteLength < 32) throw new Error(`Identity key ${kid} is shorter than 32 bytes.`);
  const key = await crypto.subtle.importKey("raw", raw, HMAC, false, ["sign", "verify"]);
  return { kid, key, header: encodeJson({ alg: "HS256", typ: HEADER_TYPE, kid }) };
}

/** Signs that `identity` calls `tool` with `input`. `nowSeconds` is the current Unix time; `nonce` makes the token unique. */
export async function signIdentity(
  { key, header }: IdentityKey,
  statement: { identity: Identity; issuer: string; audience: Audience; tool: string; traceId: string; nonce: string },
  input: unknown,
  nowSeconds: number,
): Promise<string> {
  const { identity, issuer, audience, tool, traceId, nonce } = statement;
  const claims: Claims = {
    iss: issuer,
    aud: audience,
    sub: identity.subject,
    tenant: identity.tenantId,
    tier: identity.tier,
    scope: [...identity.scopes],
    cid: identity.clientId,
    tool,
    jti: `${traceId}.${nonce}`,
    trace: traceId,
    iat: nowSeconds,
    exp: nowSeconds + IDENTITY_LIFETIME_SECONDS,
    ih: await digestInput(input),
  };
  const signed = `${header}.${encodeJson(claims)}`;
  const signature = await crypto.subtle.sign(HMAC, key, utf8.encode(signed));
  return `${signed}.${toBase64url(new Uint8Array(signature))}`;
}

/** SHA-256, base64url, of the input's canonical JSON. */
export function digestInput(input: unknown): Promise<string> {
  return digestText(canonicalJson(input));
}

/** SHA-256, base64url, of a text in UTF-8. */
export async function digestText(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(text))));
}

/** RFC 8785: keys sorted by UTF-16 code units, numbers and strings as ECMAScript writes them. Keys set to `undefined` are absent. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

function encodeJson(value: unknown): string {
  return toBase64url(utf8.encode(JSON.stringify(value)));
}

/** As many arguments as one call can surely take. */
const PIECE = 8_192;

/** Unpadded base64url, RFC 4648 section 5. */
export function toBase64url(bytes: Uint8Array): string {
  let binary = "";
  // Not by spreading, which walks an iterator.
  for (let at = 0; at < bytes.length; at += PIECE)
    binary += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + PIECE));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Throws a `DOMException` on anything that is not base64url. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
