// Sign-in with GitHub: OAuth 2.0 with PKCE. GitHub issues no ID token, so the user is read from its
// API.
import * as v from "valibot";
import type { ProviderClient } from "./settings.ts";
import { type AuthorizationRequest, PROVIDER_TIMEOUT_MS, type Provider, type ProviderUser } from "./social-provider.ts";

const Token = v.object({ access_token: v.string() });
const User = v.object({ id: v.pipe(v.number(), v.integer()), login: v.string(), name: v.nullish(v.string()) });
const Emails = v.array(v.object({ email: v.string(), primary: v.boolean(), verified: v.boolean() }));

/** https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps */
export function github(client: ProviderClient): Provider {
  return {
    issuer: "https://github.com/login/oauth",
    authorizationUrl({ state, codeChallenge, redirectUri }) {
      const query = new URLSearchParams({
        client_id: client.id,
        redirect_uri: redirectUri,
        scope: "read:user user:email",
        state,
        code_challenge: codeChallenge,
        code_challenge_method: "S256",
      });
      return `https://github.com/login/oauth/authorize?${query}`;
    },
    async redeem(code, request) {
      return readUser(await redeemCode(client, code, request));
    },
  };
}

/** Redeems the code for an access token. */
async function redeemCode(
  client: ProviderClient,
  code: string,
  { codeVerifier, redirectUri }: AuthorizationRequest,
): Promise<string> {
  const body = new URLSearchParams({
    client_id: client.id,
    client_secret: client.secret,
    code,
    code_verifier: codeVerifier,
    redirect_uri: redirectUri,
  });
  const url = "https://github.com/login/oauth/access_token";
  return (await fetchJson(Token, url, { method: "POST", body })).access_token;
}

async function readUser(accessToken: string): Promise<ProviderUser> {
  const headers = { authorization: `Bearer ${accessToken}` };
  const [user, emails] = await Promise.all([
    fetchJson(User, "https://api.github.com/user", { headers }),
    fetchJson(Emails, "https://api.github.com/user/emails", { headers }),
  ]);
  const primary = emails.find((entry) => entry.primary);
  return {
    accountId: String(user.id),
    email: primary?.email ?? "",
    isEmailVerified: primary?.verified ?? false,
    name: user.name || user.login,
  };
}

/** Parses the response with `schema`, because GitHub responds 200 also to a refused request. */
async function fetchJson<S extends v.GenericSchema>(
  schema: S,
  url: string,
  request: { method?: string; body?: BodyInit; headers?: Record<string, string> },
): Promise<v.InferOutput<S>> {
  const response = await fetch(url, {
    ...request,
    headers: { accept: "application/json", "user-agent": "stackbilt-auth", ...request.headers },
    redirect: "manual",
    signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`GitHub responded with status ${response.status}.`);
  return v.parse(schema, await response.json());
}
