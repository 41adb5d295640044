// GET /authorize, the authorization endpoint (OAuth 2.1 section 4.1.1). Validates the request
// before anything is shown, seals it into a transaction of this browser, and continues with
// sign-in, or with the decision if the user is signed in. An error redirects to the client only if
// the redirect URI is trusted; otherwise the user must click.
import {
  AuthorizationError,
  type AuthRequest,
  authorizationErrorRedirect,
  type ClientInfo,
  type OAuthHelpers,
} from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import type { Config } from "../../config.ts";
import { addressOf } from "../../limits/rate-limits.ts";
import { metaHashOf } from "../authorization-server/approvals.ts";
import { validateClientDocument } from "../authorization-server/client-document.ts";
import { isClientIdAcceptable } from "../authorization-server/client-id.ts";
import { identify, isRedirectTrusted } from "../authorization-server/client-identity.ts";
import { isAtHostOf, ownOrigins } from "../authorization-server/hosts.ts";
import { hasRepeatedName, readParameters } from "../authorization-server/parameters.ts";
import { grantableScopes } from "../authorization-server/scopes.ts";
import { authorizationServer } from "../authorization-server/server.ts";
import { nowSeconds } from "../clock.ts";
import { redirect } from "../pages/page.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { makeGrant, storedApproval } from "./consent.ts";
import { authUnavailable, badRequest, tooManyAttempts, unknownClient, unusableClientDocument } from "./error-pages.ts";
import { consentStage, endedSessionCookies, sessionCookie, signedInSession } from "./session.ts";
import { openFirstPage } from "./sign-in.ts";
import { AuthorizationRequest, type Connection, startTransaction } from "./transaction.ts";

const MAX_QUERY_LENGTH = 8_192;
/** Parameters that are read. `request` and `request_uri` are refused. */
const PARAMETERS = [
  ...["response_type", "client_id", "redirect_uri", "scope", "state", "resource", "prompt"],
  ...["code_challenge", "code_challenge_method", "request", "request_uri"],
];

/** A validated request, in the forms that the later steps need. */
interface ValidRequest {
  readonly parsed: AuthRequest;
  readonly client: ClientInfo;
  readonly connection: Connection;
  /** OpenID Connect Core section 3.1.2.1. */
  readonly prompts: readonly string[];
}

export async function authorize(sent: BrowserRequest): Promise<Response> {
  if (sent.url.search.length > MAX_QUERY_LENGTH) return badRequest(sent, "It is too long.");
  const browser = { ...sent, url: new URL(`?${readParameters(sent.url.searchParams, PARAMETERS)}`, sent.url) };
  const refused = refuseParameters(browser) ?? (await refuseClientDocument(browser));
  if (refused) return refused;
  const parsed = await parseRequest(browser);
  if (parsed instanceof Response) return parsed;
  const valid = await validateRequest(browser, parsed);
  return valid instanceof Response ? valid : continueAuthorization(browser, valid);
}

/** Checks that need no look-up. */
function refuseParameters(browser: BrowserRequest): Response | null {
  const { url, config } = browser;
  const parameters = url.searchParams;
  if (hasRepeatedName(parameters, "resource")) return badRequest(browser, "It names a parameter twice.");
  if (parameters.has("request") || parameters.has("request_uri"))
    return badRequest(browser, "It uses request objects, which this server does not support.");
  // Before anything can be returned there, errors included.
  const redirectUri = URL.parse(parameters.get("redirect_uri") ?? "");
  if (redirectUri && isAtHostOf(ownOrigins(config), redirectUri))
    return badRequest(browser, "Its redirect address belongs to this server.");
  const isAcceptable = isClientIdAcceptable(clientIdIn(browser), config.isCimdEnabled, ownOrigins(config));
  return isAcceptable ? null : unknownClient(browser);
}

function clientIdIn({ url }: BrowserRequest): string {
  return url.searchParams.get("client_id") ?? "";
}

async function refuseClientDocument(browser: BrowserRequest): Promise<Response | null> {
  const client = { clientId: clientIdIn(browser), address: addressOf(browser.request) };
  const document = await validateClientDocument(browser, client, { maxAgeMs: 0 });
  if (document.state === "usable") return null;
  return document.state === "unread" && document.status === 429
    ? tooManyAttempts(browser, document.retryAfterSeconds)
    : unusableClientDocument(browser);
}

/** The request as the library reads it; the error page or redirect if the library refuses it. */
async function parseRequest(browser: BrowserRequest): Promise<AuthRequest | Response> {
  const { request, url, env } = browser;
  const library = authorizationServer(env).getOAuthApi(env);
  try {
    const address = await withOnlyRedirect(url, library);
    return await library.parseAuthRequest(new Request(address, request));
  } catch (error) {
    if (!(error instanceof AuthorizationError)) throw error;
    const { redirectTo, redirectUri, description } = error;
    if (redirectTo && redirectUri) {
      const client = await library.lookupClient(clientIdIn(browser));
      return returnError(browser, client, redirectUri, withEndpoint(redirectTo, browser.config));
    }
    return description === "Invalid client_id"
      ? unknownClient(browser)
      : badRequest(browser, REASONS[description] ?? UNUSABLE);
  }
}

/** Names the endpoint to a client that was given another address of this host, as users type. */
function withEndpoint(redirectTo: string, { resource }: Config): string {
  const url = new URL(redirectTo);
  if (url.searchParams.get("error") !== INVALID_TARGET) return redirectTo;
  url.searchParams.set("error_description", `The address of this MCP server is ${resource}`);
  url.search = url.search.replaceAll("+", "%20"); // Codex shows a plus sign as it is
  return url.href;
}

/**
 * RFC 6749 section 3.1.2.3: a client with one registered redirect URI may leave it out of the
 * request.
 */
async function withOnlyRedirect(url: URL, library: OAuthHelpers): Promise<URL> {
  if (url.searchParams.has("redirect_uri")) return url;
  const client = await library.lookupClient(url.searchParams.get("client_id") ?? "");
  const [only, ...others] = client?.redirectUris ?? [];
  const complete = new URL(url);
  if (only !== undefined && others.length === 0) complete.searchParams.set("redirect_uri", only);
  return complete;
}

/** The gateway's own rule: PKCE with S256. */
async function validateRequest(browser: BrowserRequest, parsed: AuthRequest): Promise<ValidRequest | Response> {
  const { env, url } = browser;
  const { redirectUri } = parsed;
  const client = await authorizationServer(env).getOAuthApi(env).lookupClient(clientIdIn(browser));
  const accepted = v.safeParse(AuthorizationRequest, parsed);
  if (!client || !accepted.success) {
    const redirectTo = authorizationErrorRedirect(parsed, "invalid_request", "PKCE with S256 is required");
    return returnError(browser, client, redirectUri, redirectTo);
  }
  const prompts = (url.searchParams.get("prompt") ?? "").split(" ");
  const identity = identify(client);
  const connection: Connection = {
    request: { ...accepted.output, scope: [...grantableScopes(accepted.output.scope)] },
    client: identity,
    metaHash: await metaHashOf(client, identity, redirectUri),
    mustAsk: prompts.includes("consent"),
  };
  return { parsed, client, connection, prompts };
}

/**
 * Continues with the sign-in page; with the decision, if the user is signed in; or with the client,
 * if the user has a stored approval.
 */
async function continueAuthorization(browser: BrowserRequest, valid: ValidRequest): Promise<Response> {
  const { connection, prompts } = valid;
  const ignoresSession = prompts.includes("login");
  const session = ignoresSession ? null : await signedInSession(browser);
  if (session === AUTH_UNAVAILABLE) return authUnavailable(browser);
  const isSilent = prompts.includes("none");
  if (session === null) {
    if (isSilent) return returnPromptError(browser, valid, "login_required");
    const cookies = ignoresSession ? [] : endedSessionCookies(browser);
    return openFirstPage(browser, startTransaction({ stage: "login", connection }, nowSeconds()), cookies);
  }
  const approved = await storedApproval(browser, connection, session.account);
  const cookie = await sessionCookie(browser.config, session);
  if (approved !== null)
    return redirect((await makeGrant(browser, connection, session, approved)).redirectTo, [cookie]);
  if (isSilent) return returnPromptError(browser, valid, "consent_required");
  return openFirstPage(browser, startTransaction(consentStage(connection, session), nowSeconds()), [cookie]);
}

/** The error for a client that does not want the user to be asked (`prompt=none`). */
function returnPromptError(
  browser: BrowserRequest,
  { parsed, client }: ValidRequest,
  code: "login_required" | "consent_required",
): Response {
  // The library's types do not have the codes of OpenID Connect.
  const redirectTo = new URL(authorizationErrorRedirect(parsed, "access_denied", "The user must be asked"));
  redirectTo.searchParams.set("error", code);
  return returnError(browser, client, parsed.redirectUri, redirectTo.href);
}

/** The resource is not ours (RFC 8707 section 2). */
const INVALID_TARGET = "invalid_target";
const UNUSABLE = "It is incomplete, or asks for something that this server does not support.";
/** Sentences for the library's errors that must not redirect. */
const REASONS: Readonly<Record<string, string>> = {
  "client_id is required": "It does not name its app.",
  "Invalid redirect URI": "Its redirect address is not registered for this app.",
};

/**
 * Returns an error to the client: by a redirect if the address is trusted, otherwise by a link that
 * shows it.
 */
function returnError(
  browser: BrowserRequest,
  client: ClientInfo | null,
  redirectUri: string,
  redirectTo: string,
): Response {
  if (!client) return unknownClient(browser);
  if (isRedirectTrusted(identify(client), redirectUri)) return redirect(redirectTo);
  const isElsewhere = new URL(redirectTo).searchParams.get("error") === INVALID_TARGET;
  const reason = isElsewhere ? `It names another address than ${browser.config.resource}, the MCP server’s.` : UNUSABLE;
  return badRequest(browser, reason, { href: redirectTo, label: `Return to ${new URL(redirectUri).host}` });
}
