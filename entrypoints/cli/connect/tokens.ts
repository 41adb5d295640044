// The token endpoint: the code for tokens (RFC 6749 section 4.1.3 with PKCE), and their renewal.
import type { Findings } from "./checks.ts";
import { sentenceOf } from "./discovery.ts";
import { jsonOf, send } from "./http.ts";
import { Problem, Skip } from "./outcome.ts";

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly scope: string | undefined;
  readonly expiresInSeconds: number | undefined;
}

export async function exchangeCode(findings: Findings): Promise<string> {
  const { code, listener } = findings;
  if (!code) throw new Skip(findings.needsSignIn ? "needs a sign-in" : "no sign-in");
  const grant = {
    grant_type: "authorization_code",
    code: code.code,
    redirect_uri: listener.redirectUri,
    code_verifier: code.verifier,
  };
  const tokens = await requestTokens(findings, grant, "The code was not exchanged");
  findings.tokens = tokens;
  return describe(tokens);
}

/** Renews the token; the next checks use the new one. */
export async function refresh(findings: Findings): Promise<string> {
  const { tokens } = findings;
  if (!tokens) throw new Skip(findings.needsSignIn ? "needs a token" : "no sign-in");
  if (tokens.refreshToken === undefined) throw new Skip("no refresh token: users sign in again when it expires");
  const grant = { grant_type: "refresh_token", refresh_token: tokens.refreshToken };
  const renewed = await requestTokens(findings, grant, "The token was not renewed");
  const isRotated = renewed.refreshToken !== undefined && renewed.refreshToken !== tokens.refreshToken;
  findings.tokens = { ...renewed, refreshToken: renewed.refreshToken ?? tokens.refreshToken };
  return isRotated ? "a new token; the refresh token is rotated" : "a new token; the refresh token stays";
}

async function requestTokens(
  findings: Findings,
  grant: Readonly<Record<string, string>>,
  what: string,
): Promise<Tokens> {
  const { server, resource } = findings.discovered ?? {};
  const clientId = findings.registeredId;
  if (!server || resource === undefined || clientId === undefined) throw new Skip("needs a client");
  const reply = await send(server.tokenEndpoint, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: new URLSearchParams({ ...grant, client_id: clientId, resource }),
  });
  if (reply.status !== 200)
    throw new Problem(
      `${what} (${reply.status}): ${sentenceOf(reply.text)}`,
      "See RFC 6749 section 5.2 for the meaning of the error.",
    );
  const { access_token, token_type, refresh_token, scope, expires_in } = jsonOf(reply, "The token response");
  if (typeof access_token !== "string" || String(token_type).toLowerCase() !== "bearer")
    throw new Problem(
      "The token response has no bearer token.",
      "Return `access_token` and `token_type: Bearer` (RFC 6749 section 5.1).",
    );
  return {
    accessToken: access_token,
    refreshToken: typeof refresh_token === "string" ? refresh_token : undefined,
    scope: typeof scope === "string" ? scope : undefined,
    expiresInSeconds: typeof expires_in === "number" ? expires_in : undefined,
  };
}

function describe({ scope, expiresInSeconds }: Tokens): string {
  const life = expiresInSeconds === undefined ? "of unknown life" : `for ${expiresInSeconds} s`;
  return `bearer token ${life}${scope === undefined ? "" : `, scopes ${scope}`}`;
}
