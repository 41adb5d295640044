// Sign-in with GitHub: OAuth 2.0 with PKCE; GitHub has no ID token, so the person is read from its API.
import * as v from "valibot";
import type { ProviderClient } from "./settings.ts";
import { PROVIDER_TIMEOUT_MS, type Provider } from "./social-provider.ts";

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
    async identify(code, { codeVerifier, redirectUri }) {
      const body = new URLSearchParams({
        client_id: client.id,
        client_secret: client.secret,
        code,
        code_verifier: codeVerifier,
        redirect_uri: redirectUri,
      });
      const { access_token } = await ask(Token, "https://github.com/login/oauth/access_token", {
        method: "POST",
        body,
      });
      const headers = { authorization: `Bearer ${access_token}` };
      const [user, emails] = await Promise.all([
        ask(User, "https://api.github.com/user", { headers }),
        ask(Emails, "https://api.github.com/user/emails", { headers }),
      ]);
      const primary = emails.find((entry) => entry.primary);
      return {
        accountId: String(user.id),
        email: primary?.email ?? "",
        isEmailVerified: primary?.verified ?? false,
        name: user.name || user.login,
      };
    },
  };
}

/** GitHub answers 200 also where it refuses; the schema tells. */
async function ask<S extends v.GenericSchema>(
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
  if (!response.ok) throw new Error(`GitHub answered ${response.status}.`);
  return v.parse(schema, await response.json());
}
