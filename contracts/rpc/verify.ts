// The backend's side of the identity token: reads its keys, and believes a statement only if everything about it is right.
import * as v from "valibot";
import { digestInput, fromBase64url } from "./encoding.ts";
import { type Audience, Scope, TenantId, Tier, type VerifiedIdentity } from "./identity.ts";
import {
  type Claims,
  HEADER_TYPE,
  HMAC,
  IDENTITY_LIFETIME_SECONDS,
  type IdentityKey,
  importIdentityKey,
} from "./identity-token.ts";

const CLOCK_SKEW_SECONDS = 30;

const Header = v.object({ alg: v.literal("HS256"), typ: v.literal(HEADER_TYPE), kid: v.string() });
const Payload: v.GenericSchema<unknown, Claims> = v.object({
  iss: v.string(),
  aud: v.string(),
  sub: v.string(),
  tenant: v.nullable(TenantId),
  tier: Tier,
  scope: v.array(Scope),
  cid: v.string(),
  tool: v.string(),
  jti: v.string(),
  trace: v.string(),
  iat: v.pipe(v.number(), v.integer()),
  exp: v.pipe(v.number(), v.integer()),
  ih: v.string(),
});

/** Reads a backend's `IDENTITY_KEYS`: `kid:base64url`, separated by commas. Throws, without the value, when it is malformed. */
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
 * The statement inside `token`, or `null` when it is not a statement to `audience`, about `input`, good at `nowSeconds` and signed
 * by a known key. The input is hashed as it arrived, before any schema has touched it.
 */
export async function verifyIdentity(
  keys: readonly IdentityKey[],
  audience: Audience,
  token: string,
  input: unknown,
  nowSeconds: number,
): Promise<VerifiedIdentity | null> {
  const [head, body, signature, ...rest] = token.split(".");
  if (!head || !body || !signature || rest.length > 0) return null;
  const header = v.safeParse(Header, decodeJson(head));
  if (!header.success) return null;
  const known = keys.find(({ kid }) => kid === header.output.kid);
  const raw = tryFromBase64url(signature);
  if (!known || !raw) return null;
  if (!(await crypto.subtle.verify(HMAC, known.key, raw, new TextEncoder().encode(`${head}.${body}`)))) return null;
  const parsed = v.safeParse(Payload, decodeJson(body));
  if (!parsed.success) return null;
  const claims = parsed.output;
  const isTimely =
    claims.exp > nowSeconds &&
    claims.exp <= claims.iat + IDENTITY_LIFETIME_SECONDS &&
    claims.iat <= nowSeconds + CLOCK_SKEW_SECONDS;
  if (claims.aud !== audience || !isTimely || claims.ih !== (await digestInput(input))) return null;
  return {
    subject: claims.sub,
    tenantId: claims.tenant,
    tier: claims.tier,
    scopes: claims.scope,
    clientId: claims.cid,
    audience,
    tool: claims.tool,
    traceId: claims.trace,
    tokenId: claims.jti,
    issuedAt: claims.iat,
    expiresAt: claims.exp,
  };
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
