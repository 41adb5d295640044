// Issues access tokens with the gateway's own authorization server and storage: a grant, then a
// token for its code. Only the pages are left out.

import { toBase64url } from "../../../contracts/rpc/encoding.ts";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import { configOf } from "../../../src/config.ts";
import { requestContext, traceFrom } from "../../../src/context.ts";
import { grantNameOf } from "../../../src/durable/grant-object.ts";
import { userObjectOf } from "../../../src/durable/user-object.ts";
import type { Env } from "../../../src/env.ts";
import type { GrantProps } from "../../../src/oauth/authorization-server/grant-props.ts";
import { readGrant } from "../../../src/oauth/authorization-server/grants.ts";
import { authorizationServer, forwardToLibrary } from "../../../src/oauth/authorization-server/server.ts";

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
  const props: GrantProps = {
    userId: user as UserId, // the brand lives in TypeScript only
    signedInAtMs: Date.now(),
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
  const context = requestContext(env, ctx, traceFrom(null));
  const response = await forwardToLibrary(context, new Request(`${issuer}/token`, { method: "POST", body }));
  const { access_token: token }: { access_token?: string } = await response.json();
  const name = grantNameOf(code);
  const grant = name && (await readGrant(env, name));
  if (token === undefined || !grant) throw new Error(`No token: ${response.status}`);
  await userObjectOf(env, name.userId).registerGrant(grant);
  return token;
}
