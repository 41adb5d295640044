// GET /authorize: the front of the door (OAuth 2.1 section 4.1.1). Judges the request before anything is shown, seals it into a
// transaction of this browser, and sends the person to sign in. Errors reach the client by themselves only where the redirect is
// trusted; anywhere else the person has to click.
import { AuthorizationError, type AuthRequest, authorizationErrorRedirect, type OAuthHelpers } from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { badRequest, refuse } from "./answers.ts";
import { hasRepeatedName } from "./body.ts";
import { type ClientIdentity, identify, isRedirectTrusted } from "./client-identity.ts";
import { grantableScopes } from "./grant.ts";
import { redirect } from "./pages/page.ts";
import { isClientIdAcceptable } from "./registration.ts";
import { authorizationServer } from "./server.ts";
import { AuthorizationRequest, evictedCookies, startTransaction, transactionCookie } from "./transaction.ts";
import { nowSeconds, ownOrigins, type Visit } from "./visit.ts";

const QUERY_LIMIT = 8_192;

export async function authorize(visit: Visit): Promise<Response> {
  const { request, url, env, config, keys } = visit;
  const parameters = url.searchParams;
  const own = ownOrigins(config);
  if (url.search.length > QUERY_LIMIT) return badRequest(visit, "It is too long.");
  if (hasRepeatedName(parameters)) return badRequest(visit, "It names a parameter twice.");
  if (parameters.has("request") || parameters.has("request_uri"))
    return badRequest(visit, "It uses request objects, which are not taken here.");
  const clientId = parameters.get("client_id") ?? "";
  if (!isClientIdAcceptable(clientId, config.isCimdEnabled, own)) return unknownClient(visit);

  const library = authorizationServer(env).getOAuthApi(env);
  let parsed: AuthRequest;
  try {
    parsed = await library.parseAuthRequest(request);
  } catch (error) {
    if (!(error instanceof AuthorizationError)) throw error;
    if (error.redirectTo && error.redirectUri)
      return returnError(visit, await lookUp(library, clientId), error.redirectUri, error.redirectTo);
    return error.description === "Invalid client_id" ? unknownClient(visit) : badRequest(visit, REASONS[error.description] ?? UNUSABLE);
  }

  const { redirectUri } = parsed;
  if (own.includes(new URL(redirectUri).origin)) return badRequest(visit, "It asks to be answered at an address of this server.");
  const client = await lookUp(library, clientId);
  const accepted = v.safeParse(AuthorizationRequest, parsed);
  if (!client || !accepted.success) {
    return returnError(visit, client, redirectUri, authorizationErrorRedirect(parsed, "invalid_request", "PKCE with S256 is required"));
  }
  if (parameters.get("prompt")?.split(" ").includes("none")) {
    const to = new URL(authorizationErrorRedirect(parsed, "access_denied", "Nobody is signed in"));
    to.searchParams.set("error", "login_required");
    return returnError(visit, client, redirectUri, to.href);
  }

  const scope = [...grantableScopes(accepted.output.scope)];
  const transaction = startTransaction({ ...accepted.output, scope }, client, nowSeconds());
  const cookie = await transactionCookie(keys, transaction);
  if (cookie === null) return badRequest(visit, "It is too long.");
  return redirect(`/login?tx=${transaction.id}`, [...evictedCookies(request.headers.get("Cookie")), cookie]);
}

const UNUSABLE = "It is incomplete, or asks for something that is not offered here.";
/** Sentences for what the library says about a request that must not be answered with a redirect. */
const REASONS: Readonly<Record<string, string>> = {
  "client_id is required": "It does not say which app it comes from.",
  "Invalid redirect URI": "It asks to be answered at an address that the app has not registered.",
};

/** Clients keep the id of a registration for ever, also when it has expired here. */
function unknownClient(visit: Visit): Response {
  const text = "Its registration is missing or has expired. Remove the connection in your app and add it again.";
  return refuse(visit, 400, "This app is not known here", text);
}

async function lookUp(library: OAuthHelpers, clientId: string): Promise<ClientIdentity | null> {
  const client = await library.lookupClient(clientId);
  return client && identify(client);
}

/** Hands an error back to the client: by itself where the redirect is trusted, else with a link that says where it leads. */
function returnError(visit: Visit, client: ClientIdentity | null, redirectUri: string, redirectTo: string): Response {
  if (!client) return unknownClient(visit);
  if (isRedirectTrusted(client, redirectUri)) return redirect(redirectTo);
  return badRequest(visit, UNUSABLE, { link: { href: redirectTo, label: `Return to ${new URL(redirectUri).host}` } });
}
