// OAuth around a handler, with the library that the gateway uses, as its documents show it. Tokens
// for the benchmark come from `POST /` with a list of user ids.
import { OAuthProvider } from "@cloudflare/workers-oauth-provider";

/** As in the requests of the benchmark. */
const ORIGIN = "http://localhost:8790";
const REDIRECT_URI = "http://localhost:33418/callback";
const VERIFIER = "a-code-verifier-has-at-least-43-characters--this";

/** A Worker whose `/mcp` is `handle`. */
export function behindOAuth(handle) {
  const provider = new OAuthProvider({
    apiRoute: "/mcp",
    apiHandler: { fetch: handle },
    defaultHandler: { fetch: (request, env, ctx) => issue(provider, request, env, ctx) },
    authorizeEndpoint: "/authorize",
    tokenEndpoint: "/token",
    scopesSupported: ["read"],
    resourceMetadata: { resource: `${ORIGIN}/mcp` },
  });
  return provider;
}

async function issue(provider, request, env, ctx) {
  const users = await request.json();
  const { clientId } = await env.OAUTH_PROVIDER.createClient({
    clientName: "Benchmark",
    redirectUris: [REDIRECT_URI],
    tokenEndpointAuthMethod: "none",
  });
  const tokens = [];
  for (const userId of users) tokens.push(await tokenFor({ provider, env, ctx, clientId, userId }));
  return Response.json(tokens);
}

async function tokenFor({ provider, env, ctx, clientId, userId }) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(VERIFIER)));
  const codeChallenge = btoa(String.fromCharCode(...digest))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace("=", "");
  const resource = `${ORIGIN}/mcp`;
  const request = {
    ...{ responseType: "code", clientId, redirectUri: REDIRECT_URI, scope: ["read"], state: "", resource },
    ...{ codeChallenge, codeChallengeMethod: "S256" },
  };
  const about = { userId, metadata: {}, scope: ["read"], props: { userId } };
  const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
    request,
    ...about,
    revokeExistingGrants: false,
  });
  const body = new URLSearchParams({
    ...{ grant_type: "authorization_code", code: new URL(redirectTo).searchParams.get("code") ?? "", resource },
    ...{ client_id: clientId, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER },
  });
  const response = await provider.fetch(new Request(`${ORIGIN}/token`, { method: "POST", body }), env, ctx);
  const answer = await response.json();
  if (!answer.access_token) throw new Error(`No token: ${response.status} ${JSON.stringify(answer)}`);
  return answer.access_token;
}
