// Credentials of each kind, and a fake auth Worker whose replies a test chooses and counts. Storage
// and the objects that store revocations are real.
import { vi } from "vitest";
import type { ApiKeyValidation, JwtValidation } from "../../../contracts/auth.ts";
import { toBase64url } from "../../../contracts/rpc/encoding.ts";
import type { Env } from "../../../src/env.ts";
import { authorizationServer } from "../../../src/oauth/authorization-server/server.ts";
import { authenticate, type Credential, type CredentialKind } from "../../../src/oauth/resource-server/authenticate.ts";
import { newContext } from "../context.ts";
import { authorizePath, envWith, ORIGIN, redeem, register, tenantId, userId } from "./browser.ts";

export const RESOURCE = `${ORIGIN}/mcp`;
export const tenant = tenantId("t_ada");
export const ada = userId("u_ada");
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
/** The number of look-ups at the auth Worker since `reset`. */
export const authCalls = () => validateApiKey.mock.calls.length + validateJwt.mock.calls.length;
export const env = envWith({ validateApiKey, validateJwt });

/** The result of authentication: a credential or a code. */
export const check = (bearer: string, only?: CredentialKind) => authenticate(newContext(env).context, bearer, only);

/** A key that no test has used. */
export const newKey = (environment = "live") => `sb_${environment}_${crypto.randomUUID()}`;

/** A JWT that no test has used, with an invalid signature. */
export function newJwt(claims: object = {}, header: object = {}): string {
  const encode = (part: object) => toBase64url(new TextEncoder().encode(JSON.stringify(part)));
  const good = { iss: ORIGIN, aud: RESOURCE, iat: now(), exp: now() + 3600, sub: "u_ada", jti: crypto.randomUUID() };
  return `${encode({ alg: "HS256", typ: "at+jwt", ...header })}.${encode({ ...good, ...claims })}.c2lnbmF0dXJl`;
}

/** The credential behind `bearer`. Throws if it is refused. */
export async function credentialOf(bearer: string, over: Env = env): Promise<Credential> {
  const credential = await authenticate(newContext(over).context, bearer);
  if (typeof credential === "string") throw new Error(`refused: ${credential}`);
  return credential;
}

/** An access token of a user who has just signed in, Ada by default. */
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

/** Makes every credential valid again. */
export function reset(): void {
  validateApiKey.mockReset().mockResolvedValue(KEY);
  validateJwt.mockReset().mockImplementation(async () => TOKEN());
}
