// The door: every route of the authorization side, the coming-soon gate before those that people see, and the wall at which
// anything unexpected stops. What is not a route of the door is answered with `null`.
import { CimdFetchError } from "@cloudflare/workers-oauth-provider";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { AuthService } from "../backends/auth.ts";
import { configOf } from "../config.ts";
import type { Trace } from "../context.ts";
import { browserKeys } from "../crypto/browser-keys.ts";
import type { Env } from "../env.ts";
import { addressOf, consume, type Limited } from "../limits/rate-limits.ts";
import { uncheckedApp } from "./authorization-server/client-document.ts";
import { METADATA_PATHS, metadata, oauthError, register, token } from "./authorization-server/token-endpoint.ts";
import {
  createKey,
  logOut,
  makeToken,
  revokeApp,
  revokeEverything,
  revokeKey,
  showApps,
  showLogout,
} from "./browser/account.ts";
import { authorize } from "./browser/authorize.ts";
import type { BrowserRequest } from "./browser/browser-request.ts";
import { decide, showConsent } from "./browser/consent.ts";
import { refuse, tooMany } from "./browser/error-pages.ts";
import { logIn, showForm, signUp } from "./browser/sign-in.ts";
import { finishSocialSignIn, redirectToProvider } from "./browser/social.ts";
import { toText } from "./pages/html.ts";
import { BRAND_MARK } from "./pages/marks.ts";
import { comingSoonPage, homePage } from "./pages/notices.ts";
import { protect, respond } from "./pages/page.ts";

export { GrantProps } from "./authorization-server/grant.ts";
export { authorizationServer } from "./authorization-server/server.ts";

type Answer = (visit: BrowserRequest) => Response | Promise<Response>;

interface Route {
  readonly GET?: Answer;
  readonly POST?: Answer;
}

/** The way of a person through the door. While sign-in is not open, each step says that it opens soon. */
const STEPS: Readonly<Record<string, Route>> = {
  "/authorize": { GET: authorize, POST: decide },
  "/login": { GET: (visit) => showForm(visit, "login"), POST: logIn },
  "/signup": { GET: (visit) => showForm(visit, "signup"), POST: signUp },
  "/oauth/github": { POST: redirectToProvider("github") },
  "/oauth/google": { POST: redirectToProvider("google") },
  "/oauth/callback": { GET: finishSocialSignIn },
  "/consent": { GET: showConsent, POST: decide },
};

/** A person's own page: who has access to their account, and their keys. It stays open while sign-in is not. */
const OWN_PAGES: Readonly<Record<string, Route>> = {
  "/apps": { GET: showApps },
  "/apps/revoke": { POST: revokeApp },
  "/apps/revoke-all": { POST: revokeEverything },
  "/apps/keys": { POST: createKey },
  "/apps/keys/revoke": { POST: revokeKey },
  "/apps/token": { POST: makeToken },
  "/logout": { GET: showLogout, POST: logOut },
};

/** What anybody may look at, at any time. */
const PAGES: Readonly<Record<string, Route>> = {
  "/": { GET: ({ config }) => respond(homePage(config.resource, config.isSignupOpen)) },
  "/favicon.svg": { GET: favicon },
};

/** Pages that cost something, and what they are limited as, by address. What programs call says so itself. */
const LIMITED: Readonly<Record<string, Limited>> = {
  "GET /authorize": "authorize",
  "POST /authorize": "decision",
  "POST /consent": "decision",
  "POST /login": "login",
  "POST /signup": "signup",
  "POST /oauth/github": "social",
  "POST /oauth/google": "social",
  "GET /oauth/callback": "social",
  "POST /apps/revoke": "ownPages",
  "POST /apps/revoke-all": "ownPages",
  "POST /apps/keys": "credential",
  "POST /apps/keys/revoke": "ownPages",
  "POST /apps/token": "credential",
  "POST /logout": "ownPages",
};

/** What programs call, with any method. */
const ENDPOINTS: Readonly<Record<string, Answer>> = {
  ...Object.fromEntries(METADATA_PATHS.map((path) => [path, metadata])),
  "/token": token,
  "/register": register,
};

/**
 * Answers a request to the door; `null` where the address is not the door's. Never throws: anything unexpected becomes a page, or
 * JSON for programs, with status 500 and the trace id.
 */
export async function oauthFetch(
  request: Request,
  env: Env,
  ctx: ExecutionContext,
  trace: Trace,
): Promise<Response | null> {
  const url = new URL(request.url);
  const endpoint = ENDPOINTS[url.pathname];
  const step = STEPS[url.pathname];
  const route = step ?? OWN_PAGES[url.pathname] ?? PAGES[url.pathname];
  let response: Response;
  try {
    const config = configOf(env);
    const auth = new AuthService(env, config, trace);
    const visit: BrowserRequest = { request, url, env, ctx, config, keys: await browserKeys(config), trace, auth };
    if (endpoint) response = await endpoint(visit);
    else if (step && !config.isSignupOpen) response = respond(comingSoonPage());
    else if (route) response = (await refusedForNow(visit)) ?? (await follow(route, visit));
    else return null;
  } catch (error) {
    console.error(
      JSON.stringify({ event: "oauth.crashed", route: url.pathname, traceId: trace.traceId, ...describeCrash(error) }),
    );
    const text = "This is our fault. Start again from your app; if it happens again, report the trace id.";
    response = endpoint
      ? oauthError(request, 500, "server_error", `Something failed here. Trace id ${trace.traceId}.`)
      : refuse({ trace }, 500, "Something failed here", text);
  }
  if (!endpoint) await protect(response, url.protocol === "https:");
  return request.method === "HEAD" ? new Response(null, response) : response;
}

/** The answer to an address that asks for this page too often; `null` where it may go on. */
async function refusedForNow(visit: BrowserRequest): Promise<Response | null> {
  const { request, url, env, trace } = visit;
  const limited = LIMITED[`${request.method === "HEAD" ? "GET" : request.method} ${url.pathname}`];
  const retryAfterSeconds = limited === undefined ? 0 : await consume(env, trace, limited, addressOf(request));
  return retryAfterSeconds === 0 ? null : tooMany(visit, retryAfterSeconds);
}

/** The route's answer, for the methods that it has. */
async function follow({ GET, POST }: Route, visit: BrowserRequest): Promise<Response> {
  const { method } = visit.request;
  const answer = method === "POST" ? POST : method === "GET" || method === "HEAD" ? GET : undefined;
  if (!answer) {
    const headers = { Allow: [...(GET ? ["GET", "HEAD"] : []), ...(POST ? ["POST"] : [])].join(", ") };
    return refuse(visit, 405, "Not this way", "This address is a step of signing in. Start from your app.", {
      headers,
    });
  }
  try {
    return await answer(visit);
  } catch (error) {
    if (!(error instanceof CimdFetchError)) throw error;
    // The library has logged why.
    return uncheckedApp(visit);
  }
}

/** The icon of the browser's tab. */
function favicon(): Response {
  return new Response(toText(BRAND_MARK), {
    headers: { "Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=86400" },
  });
}
