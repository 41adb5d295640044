// Sign-in with Google: OpenID Connect with PKCE. The user is the subject of the ID token, which is
// verified in full (OpenID Connect Core, section 3.1.3.7); no other Google API is called.
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as v from "valibot";
import type { ProviderClient } from "./settings.ts";
import { type AuthorizationRequest, PROVIDER_TIMEOUT_MS, type Provider, type ProviderUser } from "./social-provider.ts";

const ISSUER = "https://accounts.google.com";
/** Fetched on first use, cached in the isolate, fetched again when Google rotates its keys. */
const KEYS = createRemoteJWKSet(new URL("https://www.googleapis.com/oauth2/v3/certs"), {
  timeoutDuration: PROVIDER_TIMEOUT_MS,
});
/** An ID token is used within seconds of its issue. */
const MAX_TOKEN_AGE = "10 minutes";

const Token = v.object({ id_token: v.string() });
const Claims = v.object({
  sub: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  /** A single string: a token with further audiences is refused. */
  aud: v.string(),
  email: v.string(),
  email_verified: v.boolean(),
  name: v.optional(v.string()),
  nonce: v.string(),
});

/** https://developers.google.com/identity/openid-connect/openid-connect */
export function google(client: ProviderClient): Provider {
  return {
    issuer: ISSUER,
    authorizationUrl({ state, codeChallenge, nonce, redirectUri }) {
      const query = new URLSearchParams({
        client_id: client.id,
        redirect_uri: redirectUri,
        response_type: "code",
        scope: "openid email profile",
        state,
        nonce,
        code_challenge: codeChallenge,
        code_challenge_method: "S256",
      });
      return `https://accounts.google.com/o/oauth2/v2/auth?${query}`;
    },
    async redeem(code, request) {
      return verifyIdToken(client, await redeemCode(client, code, request), request.nonce);
    },
  };
}

/** Redeems the code for an ID token. */
async function redeemCode(
  client: ProviderClient,
  code: string,
  { codeVerifier, redirectUri }: AuthorizationRequest,
): Promise<string> {
  const response = await fetch("https://oauth2.googleapis.com/token", {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: client.id,
      client_secret: client.secret,
      code,
      code_verifier: codeVerifier,
      redirect_uri: redirectUri,
    }),
    redirect: "manual",
    signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`Google responded with status ${response.status}.`);
  return v.parse(Token, await response.json()).id_token;
}

async function verifyIdToken(client: ProviderClient, idToken: string, nonce: string): Promise<ProviderUser> {
  const { payload } = await jwtVerify(idToken, KEYS, {
    issuer: [ISSUER, "accounts.google.com"],
    audience: client.id,
    algorithms: ["RS256"],
    maxTokenAge: MAX_TOKEN_AGE,
    requiredClaims: ["exp", "iat"],
  });
  const claims = v.parse(Claims, payload);
  if (claims.nonce !== nonce) throw new Error("The nonce of the ID token belongs to another sign-in.");
  return {
    accountId: claims.sub,
    email: claims.email,
    isEmailVerified: claims.email_verified,
    name: claims.name ?? claims.email,
  };
}
