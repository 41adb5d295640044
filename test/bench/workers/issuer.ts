// Issues access tokens with the gateway's own authorization server and storage: a grant, then a
// token for its code. Only the pages are left out.

import { toBase64url } from "../../../contracts/rpc/encoding.ts";
import type { TenantId, UserId } from "../../../contracts/rpc/identity.ts";
import { configOf } from "../../../src/config.ts";
import type { Env } from "../../../src/env.ts";
import type { GrantProps } from "../../../src/oauth/authorization-server/grant-props.ts";
import { authorizationServer } from "../../../src/oauth/authorization-server/server.ts";
import { nowSeconds } from "../../../src/oauth/clock.ts";

const REDIRECT_URI = "http://localhost:33418/callback";
const VERIFIER = "a code verifier has at least 43 characters: this".replaceAll(/[ :]/g, "-");

export default {
  /** Responds with an access token for each user id in a JSON list. */
  async fetch(request, env, ctx) {
    const users: string[] = await request.json();
    const api = authorizationServer(env).getOAuthApi(env);
    const { clientId } = await api.createClient({
      clientName: "Benchmark",
      redirectUris: [REDIRECT_URI],
      tokenEndpointAuthMethod: "none",
    });
    const tokens: string[] = [];
    for (const user of users) tokens.push(await redeem(env, ctx, clientId, await codeFor(env, clientId, user)));
    return Response.json(tokens);
  },
} satisfies ExportedHandler<Env>;

async function codeFor(env: Env, clientId: string, user: string): Promise<string> {
  const scope = ["read", "generate"];
  // The brands live in TypeScript only.
  const props: GrantProps = {
    userId: user as UserId,
    tenantId: `t_${user}` as TenantId,
    tier: "enterprise",
    authTime: nowSeconds(),
    v: 1,
  };
  const challenge = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(VERIFIER)));
  const request = {
    responseType: "code",
    clientId,
    redirectUri: REDIRECT_URI,
    scope,
    state: "",
    resource: configOf(env).resource,
    codeChallenge: toBase64url(challenge),
    codeChallengeMethod: "S256",
  };
  const { redirectTo } = await authorizationServer(env)
    .getOAuthApi(env)
    .completeAuthorization({ request, userId: user, scope, metadata: {}, props, revokeExistingGrants: false });
  return new URL(redirectTo).searchParams.get("code") ?? "";
}

async function redeem(env: Env, ctx: ExecutionContext, clientId: string, code: string): Promise<string> {
  const { issuer, resource } = configOf(env);
  const body = new URLSearchParams({
    ...{
      grant_type: "authorization_code",
      code,
      client_id: clientId,
      redirect_uri: REDIRECT_URI,
      code_verifier: VERIFIER,
      resource,
    },
  });
  const response = await authorizationServer(env).fetch(
    new Request(`${issuer}/token`, { method: "POST", body }),
    env,
    ctx,
  );
  const { access_token: token }: { access_token?: string } = await response.json();
  if (token === undefined) throw new Error(`No token: ${response.status}`);
  return token;
}
