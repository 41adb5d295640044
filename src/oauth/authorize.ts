// GET /authorize: the front of the door (OAuth 2.1 section 4.1.1). Judges the request before anything is shown, seals it into a
// transaction of this browser, and sends the person to sign in. Errors reach the client by themselves only where the redirect is
// trusted; anywhere else the person has to click.
import { AuthorizationError, type AuthRequest, authorizationErrorRedirect, type OAuthHelpers } from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { refuse } from "./answers.ts";
import { repeatedName } from "./body.ts";
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
  if (url.search.length > QUERY_LIMIT) return refuse(visit, badRequest("The request is too long."));
  if (repeatedName(url.searchParams) !== undefined) return refuse(visit, badRequest("The request names a parameter twice."));
  if (url.searchParams.has("request") || url.searchParams.has("request_uri")) {
    return refuse(visit, badRequest("The request uses request objects, which this server does not take."));
  }
  if (!isClientIdAcceptable(url.searchParams.get("client_id") ?? "", config.isCimdEnabled, ownOrigins(config))) return unknownClient(visit);

  const library = authorizationServer(env).getOAuthApi(env);
  let parsed: AuthRequest;
  try {
    parsed = await library.parseAuthRequest(request);
  } catch (error) {
    if (!(error instanceof AuthorizationError)) throw error;
    if (error.redirectTo !== undefined && error.redirectUri !== undefined) {
      const client = await lookUp(library, url.searchParams.get("client_id") ?? "");
      return client ? returnError(visit, client, error.redirectUri, error.redirectTo) : unknownClient(visit);
    }
    return error.description === "Invalid client_id" ? unknownClient(visit) : refuse(visit, badRequest(REASONS[error.description]));
  }

  const client = await lookUp(library, parsed.clientId);
  if (!client) return unknownClient(visit);
  if (ownOrigins(config).includes(new URL(parsed.redirectUri).origin)) {
    return refuse(visit, badRequest("The request asks to be answered to this server itself."));
  }
  const accepted = v.safeParse(AuthorizationRequest, parsed);
  if (!accepted.success) {
    const to = authorizationErrorRedirect(parsed, "invalid_request", "PKCE with S256 is required");
    return returnError(visit, client, parsed.redirectUri, to);
  }
  if (url.searchParams.get("prompt")?.split(" ").includes("none")) {
    const to = new URL(authorizationErrorRedirect(parsed, "access_denied", "Nobody is signed in"));
    to.searchParams.set("error", "login_required");
    return returnError(visit, client, parsed.redirectUri, to.href);
  }

  const scope = [...grantableScopes(accepted.output.scope)];
  const transaction = startTransaction({ ...accepted.output, scope }, client, nowSeconds());
  const cookie = await transactionCookie(keys, transaction);
  if (cookie === null) return refuse(visit, badRequest("The request is too long."));
  return redirect(config.issuer, `/login?tx=${transaction.id}`, [...evictedCookies(request.headers.get("Cookie")), cookie]);
}

/** Sentences for what the library says about a request that must not be answered with a redirect. */
const REASONS: Readonly<Record<string, string>> = {
  "client_id is required": "The request does not say which app it comes from.",
  "Invalid redirect URI": "The request asks to be answered to an address that the app has not registered.",
};

function badRequest(reason = "The request is not one that this server can answer.") {
  return {
    status: 400,
    title: "Your app’s request cannot be used",
    text: `${reason} Go back to your app and connect again; if that does not help, tell the people who make it.`,
  };
}

/** Clients keep the id of a registration for ever, also when it has expired here. */
function unknownClient(visit: Visit): Promise<Response> {
  return refuse(visit, {
    status: 400,
    title: "This app is not known here",
    text: "Its registration is missing or has expired. Remove the connection in your app and add it again, so that it registers anew.",
  });
}

async function lookUp(library: OAuthHelpers, clientId: string): Promise<ClientIdentity | null> {
  const client = await library.lookupClient(clientId);
  return client && identify(client);
}

/** Hands an error back to the client: by itself where the redirect is trusted, else with a link that says where it leads. */
async function returnError(visit: Visit, client: ClientIdentity, redirectUri: string, redirectTo: string): Promise<Response> {
  if (isRedirectTrusted(client, redirectUri)) return redirect(visit.config.issuer, redirectTo);
  return refuse(visit, {
    ...badRequest("The request is incomplete or asks for something that this server does not offer."),
    link: { href: redirectTo, label: `Return to ${new URL(redirectUri).host}` },
  });
}
