// GET /authorize: the front of the door (OAuth 2.1 section 4.1.1). Judges the request before anything is shown, seals it into a
// transaction of this browser, and sends the person to sign in, or to decide where they are signed in. Errors reach the client by
// themselves only where the redirect is trusted; anywhere else the person has to click.
import {
  AuthorizationError,
  type AuthRequest,
  authorizationErrorRedirect,
  type ClientInfo,
} from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import { metaHashOf } from "../authorization-server/approvals.ts";
import { documentRefusal } from "../authorization-server/client-document.ts";
import { identify, isRedirectTrusted } from "../authorization-server/client-identity.ts";
import { grantableScopes } from "../authorization-server/grant.ts";
import { hasRepeatedName, withPlainResource } from "../authorization-server/parameters.ts";
import { isClientIdAcceptable } from "../authorization-server/registration.ts";
import { authorizationServer } from "../authorization-server/server.ts";
import { redirect } from "../pages/page.ts";
import { type BrowserRequest, nowSeconds, ownOrigins } from "./browser-request.ts";
import { grant, rememberedScopes } from "./consent.ts";
import { authUnavailable, badRequest, refuse } from "./error-pages.ts";
import { endedSessionCookies, sessionCookie, signedInSession } from "./session.ts";
import { startSignIn } from "./sign-in.ts";
import { AuthorizationRequest, type Connection, startTransaction } from "./transaction.ts";

const QUERY_LIMIT = 8_192;

export async function authorize(visit: BrowserRequest): Promise<Response> {
  const { request, url, env, config } = visit;
  const parameters = url.searchParams;
  const own = ownOrigins(config);
  if (url.search.length > QUERY_LIMIT) return badRequest(visit, "It is too long.");
  if (hasRepeatedName(parameters)) return badRequest(visit, "It names a parameter twice.");
  if (parameters.has("request") || parameters.has("request_uri"))
    return badRequest(visit, "It uses request objects, which are not taken here.");
  const clientId = parameters.get("client_id") ?? "";
  if (!isClientIdAcceptable(clientId, config.isCimdEnabled, own)) return unknownClient(visit);
  const undocumented = await documentRefusal(visit, clientId);
  if (undocumented) return undocumented;

  const library = authorizationServer(env).getOAuthApi(env);
  let parsed: AuthRequest;
  try {
    parsed = await library.parseAuthRequest(new Request(new URL(`?${withPlainResource(parameters)}`, url), request));
  } catch (error) {
    if (!(error instanceof AuthorizationError)) throw error;
    if (error.redirectTo && error.redirectUri)
      return returnError(visit, await library.lookupClient(clientId), error.redirectUri, error.redirectTo);
    return error.description === "Invalid client_id"
      ? unknownClient(visit)
      : badRequest(visit, REASONS[error.description] ?? UNUSABLE);
  }

  const { redirectUri } = parsed;
  if (own.includes(new URL(redirectUri).origin))
    return badRequest(visit, "It asks to be answered at an address of this server.");
  const client = await library.lookupClient(clientId);
  const accepted = v.safeParse(AuthorizationRequest, parsed);
  if (!client || !accepted.success) {
    return returnError(
      visit,
      client,
      redirectUri,
      authorizationErrorRedirect(parsed, "invalid_request", "PKCE with S256 is required"),
    );
  }
  const scope = [...grantableScopes(accepted.output.scope)];
  const prompts = (parameters.get("prompt") ?? "").split(" ");
  const identity = identify(client);
  const connection: Connection = {
    request: { ...accepted.output, scope },
    client: identity,
    metaHash: await metaHashOf(client, identity, redirectUri),
    mustAsk: prompts.includes("consent"),
  };
  return continueAuthorization(visit, connection, prompts, (code) => {
    const to = new URL(authorizationErrorRedirect(parsed, "access_denied", "The person would have to be asked"));
    to.searchParams.set("error", code);
    return returnError(visit, client, redirectUri, to.href);
  });
}

/**
 * To the sign-in page; to the decision, where somebody is signed in; or back to the client, where that person has decided before.
 * `prompts` as in OpenID Connect Core section 3.1.2.1; `unprompted` answers a client that wants nobody to be asked.
 */
async function continueAuthorization(
  visit: BrowserRequest,
  connection: Connection,
  prompts: readonly string[],
  unprompted: (code: "login_required" | "consent_required") => Response,
): Promise<Response> {
  const ignoresSession = prompts.includes("login");
  const session = ignoresSession ? null : await signedInSession(visit);
  if (session === AUTH_UNAVAILABLE) return authUnavailable(visit);
  const isSilent = prompts.includes("none");
  if (session === null) {
    if (isSilent) return unprompted("login_required");
    const cookies = ignoresSession ? [] : endedSessionCookies(visit);
    return startSignIn(visit, startTransaction({ stage: "login", connection }, nowSeconds()), cookies);
  }
  const { account, sid, startedAtMs } = session;
  const approved = await rememberedScopes(visit, connection, account);
  const cookie = await sessionCookie(visit.keys, session);
  if (approved !== null) return redirect((await grant(visit, connection, account, approved)).redirectTo, [cookie]);
  if (isSilent) return unprompted("consent_required");
  const stage = { stage: "consent", connection, account, session: { sid, startedAtMs } } as const;
  return startSignIn(visit, startTransaction(stage, nowSeconds()), [cookie]);
}

const UNUSABLE = "It is incomplete, or asks for something that is not offered here.";
/** Sentences for what the library says about a request that must not be answered with a redirect. */
const REASONS: Readonly<Record<string, string>> = {
  "client_id is required": "It does not say which app it comes from.",
  "Invalid redirect URI": "It asks to be answered at an address that the app has not registered.",
};

/** Clients keep the id of a registration for ever, also when it has expired here. */
function unknownClient(visit: BrowserRequest): Response {
  const text = "Its registration is missing or has expired. Remove the connection in your app and add it again.";
  return refuse(visit, 400, "This app is not known here", text);
}

/** Hands an error back to the client: by itself where the redirect is trusted, else with a link that says where it leads. */
function returnError(
  visit: BrowserRequest,
  client: ClientInfo | null,
  redirectUri: string,
  redirectTo: string,
): Response {
  if (!client) return unknownClient(visit);
  if (isRedirectTrusted(identify(client), redirectUri)) return redirect(redirectTo);
  return badRequest(visit, UNUSABLE, { link: { href: redirectTo, label: `Return to ${new URL(redirectUri).host}` } });
}
