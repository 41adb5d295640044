// Credentials of each kind, with an auth Worker that says whatever a test wants, and counts. Storage and the objects that know of
// revocations are the real ones.
import { vi } from "vitest";
import type { ApiKeyValidation, JwtValidation } from "../../../contracts/auth.ts";
import { toBase64url } from "../../../contracts/rpc/encoding.ts";
import type { TenantId, UserId } from "../../../contracts/rpc/identity.ts";
import { traceFrom } from "../../../src/context.ts";
import type { Env } from "../../../src/env.ts";
import { authorizationServer } from "../../../src/oauth/authorization-server/server.ts";
import { authenticate, type CredentialKind } from "../../../src/oauth/resource-server/authenticate.ts";
import { authorizePath, envWith, ORIGIN, redeem, register } from "./browser.ts";

export const RESOURCE = `${ORIGIN}/mcp`;
export const tenant = "t_ada" as TenantId; // the brand lives in TypeScript only
export const ada = "u_ada" as UserId; // the brand lives in TypeScript only
export const now = () => Math.floor(Date.now() / 1000);

export const KEY = {
  valid: true,
  tenant_id: tenant,
  tier: "pro",
  scopes: ["read", "generate"],
  key_id: "k1",
  user_id: ada,
} satisfies ApiKeyValidation;
export const TOKEN = (): JwtValidation => ({
  valid: true,
  tenant_id: tenant,
  user_id: ada,
  tier: "hobby",
  scopes: ["read"],
  aud: RESOURCE,
  exp: now() + 3600,
});

export const validateApiKey = vi.fn(async (_key: string): Promise<ApiKeyValidation> => KEY);
export const validateJwt = vi.fn(async (_token: string): Promise<JwtValidation> => TOKEN());
export const asked = () => validateApiKey.mock.calls.length + validateJwt.mock.calls.length;
export const env = envWith({ validateApiKey, validateJwt });
export const check = (bearer: string, only?: CredentialKind) => authenticate(env, bearer, traceFrom(null), only);

/** A key that nobody has used. */
export const newKey = (environment = "live") => `sb_${environment}_${crypto.randomUUID()}`;

/** A JWT that nobody has used, signed by nobody. */
export function newJwt(claims: object = {}, header: object = {}): string {
  const encode = (part: object) => toBase64url(new TextEncoder().encode(JSON.stringify(part)));
  const good = { iss: ORIGIN, aud: RESOURCE, iat: now(), exp: now() + 3600, sub: "u_ada", jti: crypto.randomUUID() };
  return `${encode({ alg: "HS256", typ: "at+jwt", ...header })}.${encode({ ...good, ...claims })}.c2lnbmF0dXJl`;
}

/** Whoever shows it; fails the test where it is refused. */
export async function callerOf(bearer: string, asker: Env = env) {
  const caller = await authenticate(asker, bearer, traceFrom(null));
  if (typeof caller === "string") throw new Error(`refused: ${caller}`);
  return caller;
}

/** An access token of Ada's, signed in just now. */
export async function accessToken(user = ada): Promise<string> {
  const client = await register(env);
  const library = authorizationServer(env).getOAuthApi(env);
  const request = await library.parseAuthRequest(new Request(ORIGIN + (await authorizePath(client))));
  const props = { userId: user, tenantId: tenant, tier: "free", authTime: now(), v: 1 };
  const { redirectTo } = await library.completeAuthorization({
    request,
    userId: user,
    scope: ["read", "generate"],
    metadata: {},
    props,
  });
  return (await redeem(env, client, redirectTo)).access_token;
}

/** Every credential is good again. */
export function reset(): void {
  validateApiKey.mockReset().mockResolvedValue(KEY);
  validateJwt.mockReset().mockImplementation(async () => TOKEN());
}
