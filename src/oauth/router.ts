// The routes of the authorization side: pages for browsers, and endpoints for programs. ROUTES is
// the complete list.
import { CimdFetchError } from "@cloudflare/workers-oauth-provider";
import { logCrash, logError } from "../../contracts/log.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/deadlines.ts";
import { AuthService } from "../backends/auth.ts";
import type { Config } from "../config.ts";
import type { RequestContext } from "../context.ts";
import { UnfinishedBodyError } from "../limits/bounded-read.ts";
import { addressOf, consume, type LimitName } from "../limits/rate-limits.ts";
import type { ProductTexts } from "../tools/product-texts.ts";
import { ClientChangedError } from "./authorization-server/complete-authorization.ts";
import { metadataEndpoint } from "./authorization-server/metadata.ts";
import { oauthError, retryLater } from "./authorization-server/oauth-response.ts";
import { registrationEndpoint } from "./authorization-server/registration-endpoint.ts";
import { tokenEndpoint } from "./authorization-server/token-endpoint.ts";
import { logOut, revokeApp, revokeEverything, showAccount, showLogOut } from "./browser/account.ts";
import { ACCOUNT_LINK } from "./browser/account-forms.ts";
import { createKey, createToken, revokeKey } from "./browser/api-keys.ts";
import { authorize } from "./browser/authorize.ts";
import type { BrowserRequest } from "./browser/browser-request.ts";
import { decide, showConsent } from "./browser/consent.ts";
import { downloadData } from "./browser/data.ts";
import { deleteAccount, showDeletion, signInToDelete } from "./browser/deletion.ts";
import {
  badRequest,
  clientChanged,
  errorPage,
  loadedAhead,
  retryLink,
  tooManyAttempts,
  unusableClientDocument,
} from "./browser/error-pages.ts";
import { logIn, showLogIn, showSignUp, signUp } from "./browser/password.ts";
import { showPicture } from "./browser/pictures.ts";
import { showFavicon, showHome } from "./browser/public-pages.ts";
import { addSecurityHeaders } from "./browser/security-headers.ts";
import { finishSocialSignIn, redirectToGitHub, redirectToGoogle } from "./browser/social.ts";
import { comingSoonPage } from "./pages/notices.ts";
import { pageResponse } from "./pages/page.ts";

/**
 * A page. `kind`: a `step` of a sign-in is replaced by the coming-soon page while sign-up is
 * closed. An `account` page stays open then, the `login` page for the account page alone, and a
 * `public` page is open to everyone. `GET` includes HEAD. `limit`: the rate limit, by the client's
 * address; the password form consumes its own.
 */
interface PageRoute {
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly kind: "public" | "step" | "login" | "account";
  readonly handler: (browser: BrowserRequest) => Response | Promise<Response>;
  readonly limit?: LimitName;
}

/**
 * An endpoint for programs, with any method. /token and /register consume their limits themselves,
 * after the checks that cost nothing.
 */
interface EndpointRoute {
  readonly path: string;
  readonly method: "ANY";
  readonly kind: "endpoint";
  readonly handler: (request: Request, context: RequestContext) => Promise<Response>;
}

const ROUTES: readonly (PageRoute | EndpointRoute)[] = [
  { path: "/", method: "GET", kind: "public", handler: showHome },
  { path: "/favicon.svg", method: "GET", kind: "public", handler: showFavicon },

  { path: "/authorize", method: "GET", kind: "step", handler: authorize, limit: "authorize" },
  { path: "/authorize", method: "POST", kind: "step", handler: decide, limit: "decision" },
  { path: "/login", method: "GET", kind: "login", handler: showLogIn },
  { path: "/login", method: "POST", kind: "login", handler: logIn },
  { path: "/signup", method: "GET", kind: "step", handler: showSignUp },
  { path: "/signup", method: "POST", kind: "step", handler: signUp, limit: "signup" },
  { path: "/oauth/github", method: "POST", kind: "step", handler: redirectToGitHub, limit: "social" },
  { path: "/oauth/google", method: "POST", kind: "step", handler: redirectToGoogle, limit: "social" },
  { path: "/oauth/callback", method: "GET", kind: "step", handler: finishSocialSignIn, limit: "social" },
  { path: "/consent", method: "GET", kind: "step", handler: showConsent },
  { path: "/consent", method: "POST", kind: "step", handler: decide, limit: "decision" },

  { path: "/apps", method: "GET", kind: "account", handler: showAccount },
  { path: "/apps/picture", method: "GET", kind: "account", handler: showPicture, limit: "accountPicture" },
  { path: "/apps/revoke", method: "POST", kind: "account", handler: revokeApp, limit: "accountForm" },
  { path: "/apps/revoke-all", method: "POST", kind: "account", handler: revokeEverything, limit: "accountForm" },
  { path: "/apps/keys", method: "POST", kind: "account", handler: createKey, limit: "credential" },
  { path: "/apps/keys/revoke", method: "POST", kind: "account", handler: revokeKey, limit: "accountForm" },
  { path: "/apps/token", method: "POST", kind: "account", handler: createToken, limit: "credential" },
  { path: "/apps/data", method: "POST", kind: "account", handler: downloadData, limit: "credential" },
  { path: "/apps/delete", method: "GET", kind: "account", handler: showDeletion },
  { path: "/apps/delete", method: "POST", kind: "account", handler: deleteAccount, limit: "credential" },
  { path: "/apps/delete/sign-in", method: "POST", kind: "account", handler: signInToDelete, limit: "accountForm" },
  { path: "/logout", method: "GET", kind: "account", handler: showLogOut },
  { path: "/logout", method: "POST", kind: "account", handler: logOut, limit: "accountForm" },

  { path: "/token", method: "ANY", kind: "endpoint", handler: tokenEndpoint },
  { path: "/register", method: "ANY", kind: "endpoint", handler: registrationEndpoint },
  // RFC 8414 section 3.1 with and without the resource's path, OpenID Connect discovery, and the
  // combinations that clients make of the two.
  { path: "/.well-known/oauth-authorization-server", method: "ANY", kind: "endpoint", handler: metadataEndpoint },
  { path: "/.well-known/oauth-authorization-server/mcp", method: "ANY", kind: "endpoint", handler: metadataEndpoint },
  { path: "/.well-known/openid-configuration", method: "ANY", kind: "endpoint", handler: metadataEndpoint },
  { path: "/.well-known/openid-configuration/mcp", method: "ANY", kind: "endpoint", handler: metadataEndpoint },
  { path: "/mcp/.well-known/oauth-authorization-server", method: "ANY", kind: "endpoint", handler: metadataEndpoint },
  { path: "/mcp/.well-known/openid-configuration", method: "ANY", kind: "endpoint", handler: metadataEndpoint },
];

const ENDPOINTS = new Map(ROUTES.flatMap((route) => (route.kind === "endpoint" ? [[route.path, route] as const] : [])));
const PAGES = Map.groupBy(
  ROUTES.filter((route) => route.kind !== "endpoint"),
  ({ path }) => path,
);

/**
 * Responds to a request of the authorization side; `null` for any other path. `texts` are about the
 * products. Never throws: an unexpected error becomes a page, or JSON for programs, with status 500
 * and the trace id.
 */
export async function oauthFetch(
  request: Request,
  context: RequestContext,
  texts: ProductTexts,
): Promise<Response | null> {
  const { pathname } = new URL(request.url);
  const endpoint = ENDPOINTS.get(pathname);
  const pages = PAGES.get(pathname);
  if (!endpoint && !pages) return null;
  const response = endpoint
    ? await endpointResponse(request, context, endpoint)
    : await securePage(request, context, texts, pages ?? []);
  return request.method === "HEAD" ? withoutEffect(response) : response;
}

/**
 * A page for a browser at an address that is for programs, that is none, or that is of another
 * host. It keeps the status.
 */
export async function pageInstead(
  request: Request,
  context: RequestContext,
  status: 401 | 404 | 421,
): Promise<Response> {
  const response = errorPage(context, { status, ...PLACES[status](context.config) });
  await addSecurityHeaders(response, request.url.startsWith("https:"));
  return request.method === "HEAD" ? withoutEffect(response) : response;
}

const PLACES = {
  401: ({ resource, isOpenToApps }: Config) => ({
    title: "This address is for apps",
    text: isOpenToApps
      ? `${resource} is the MCP endpoint. Add it to your AI app, which signs you in.`
      : `${resource} is the MCP endpoint. It is not open to new connections yet.`,
    link: { href: "/", label: isOpenToApps ? "Connect your app" : "About this gateway" },
  }),
  404: ({ isOpenToApps }: Config) => ({
    title: "There is no such page",
    text: "Check the address.",
    link: { href: "/", label: isOpenToApps ? "Connect your app" : "About this gateway" },
  }),
  421: ({ issuer }: Config) => ({
    title: "This gateway has another address",
    text: `It is ${issuer}. Use it in your app, too.`,
    link: { href: `${issuer}/`, label: "Go there" },
  }),
};

/** The response to HEAD: as to GET, without body, and without a change of the browser's cookies. */
function withoutEffect(response: Response): Response {
  const head = new Response(null, response);
  head.headers.delete("Set-Cookie");
  return head;
}

async function endpointResponse(
  request: Request,
  context: RequestContext,
  { path, handler }: EndpointRoute,
): Promise<Response> {
  try {
    return await inTime(() => handler(request, context));
  } catch (error) {
    if (error instanceof UnfinishedBodyError) return oauthError(request, 400, "invalid_request", error.message);
    if (error instanceof OverdueError) {
      logError("oauth.timeout", { route: path, traceId: context.trace.traceId });
      return retryLater(request, 503, "The request took too long.", RETRY_AFTER_SECONDS);
    }
    logRouteCrash(context, path, error);
    const { traceId } = context.trace;
    return oauthError(request, 500, "server_error", `An unexpected error occurred. Trace id ${traceId}.`);
  }
}

async function securePage(
  request: Request,
  context: RequestContext,
  texts: ProductTexts,
  routes: readonly PageRoute[],
): Promise<Response> {
  const url = new URL(request.url);
  const browser: BrowserRequest = { ...context, request, url, auth: new AuthService(context), texts };
  const response = await pageOrError(browser, routes);
  await addSecurityHeaders(response, url.protocol === "https:");
  return response;
}

async function pageOrError(browser: BrowserRequest, routes: readonly PageRoute[]): Promise<Response> {
  try {
    return await inTime(() => respondWithPage(browser, routes));
  } catch (error) {
    // The library has logged the reason.
    if (error instanceof CimdFetchError) return unusableClientDocument(browser);
    if (error instanceof ClientChangedError) return clientChanged(browser, error.reason);
    if (error instanceof UnfinishedBodyError) return badRequest(browser, error.message);
    if (error instanceof OverdueError) return overduePage(browser);
    logRouteCrash(browser, browser.url.pathname, error);
    return errorPage(browser, {
      status: 500,
      title: "Something went wrong",
      text: "The error is ours. Start again from your app. If it happens again, report the trace id.",
    });
  }
}

/** Longer than all deadlines of one request together: it ends a wait for storage that hangs. */
const LAST_DEADLINE_MS = 45_000;
const RETRY_AFTER_SECONDS = 10;

/** A response was not ready at the last deadline. Its work may still end. */
class OverdueError extends Error {}

async function inTime(respond: () => Promise<Response>): Promise<Response> {
  const response = await withDeadline(respond, LAST_DEADLINE_MS);
  if (response === TIMED_OUT) throw new OverdueError();
  return response as Response; // the value of `respond`, or `TIMED_OUT`
}

function overduePage(browser: BrowserRequest): Response {
  logError("oauth.timeout", { route: browser.url.pathname, traceId: browser.trace.traceId });
  return errorPage(browser, {
    status: 503,
    title: "This takes too long",
    text: "Wait a moment, then try again or start again from your app.",
    link: retryLink(browser),
    headers: { "Retry-After": String(RETRY_AFTER_SECONDS) },
  });
}

/**
 * Headers by which browsers say that no user looks at the page yet: the standard one, and those of
 * Chromium, Safari and Firefox before it.
 */
const AHEAD_HEADERS = ["Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"];

function isLoadedAhead({ headers }: Request): boolean {
  return AHEAD_HEADERS.some((name) => /prefetch|prerender|preview/i.test(headers.get(name) ?? ""));
}

/** `routes` are those of one path, which have one kind. */
async function respondWithPage(browser: BrowserRequest, routes: readonly PageRoute[]): Promise<Response> {
  const { request, config } = browser;
  if (routes[0]?.kind !== "public" && isLoadedAhead(request)) return loadedAhead(browser);
  if (routes[0]?.kind === "step" && !config.isSignupOpen) return pageResponse(comingSoonPage());
  const method = request.method === "HEAD" ? "GET" : request.method;
  const route = routes.find((candidate) => candidate.method === method);
  if (!route) return methodNotAllowed(browser, routes);
  const wait = route.limit === undefined ? 0 : await consume(browser, route.limit, addressOf(request));
  return wait > 0 ? tooManyAttempts(browser, wait) : route.handler(browser);
}

function methodNotAllowed(browser: BrowserRequest, routes: readonly PageRoute[]): Response {
  const allowed = routes.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return errorPage(browser, {
    status: 405,
    title: "This page cannot be opened directly",
    ...(routes[0]?.kind === "account"
      ? { text: "Its address is that of a form on your account page.", link: ACCOUNT_LINK }
      : { text: "Its address is a step of signing in. Start from your app." }),
    headers: { Allow: allowed.join(", ") },
  });
}

function logRouteCrash({ trace }: RequestContext, route: string, error: unknown): void {
  const { traceId } = trace;
  logCrash("oauth.crashed", { route, traceId }, error);
}
