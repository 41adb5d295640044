// The door: every route of the authorization side, the coming-soon gate before those that people see, and the wall at which
// anything unexpected stops. What is not a route of the door is answered with `null`.
import { CimdFetchError } from "@cloudflare/workers-oauth-provider";
import { describeCrash } from "../../contracts/rpc/serve.ts";
import { configOf } from "../config.ts";
import type { Env } from "../env.ts";
import type { Trace } from "../trace.ts";
import { refuse, unreadableClient } from "./answers.ts";
import { authorize } from "./authorize.ts";
import { decide, showConsent } from "./decision.ts";
import { doorKeys } from "./door-keys.ts";
import { METADATA_PATHS, metadata, oauthError, register, token } from "./endpoints.ts";
import { faviconSvg } from "./pages/marks.ts";
import { respond } from "./pages/page.ts";
import { comingSoonPage, homePage, problemPage } from "./pages/plain.ts";
import { logIn, showLogin, showSignup, signUp } from "./sign-in.ts";
import { comeBack, leaveFor } from "./social.ts";
import type { Visit } from "./visit.ts";

export { GrantProps } from "./grant.ts";
export { authorizationServer } from "./server.ts";

type Answer = (visit: Visit) => Promise<Response>;

interface Route {
  readonly GET?: Answer;
  readonly POST?: Answer;
  /** Closed while sign-in is not open. */
  readonly isGated?: boolean;
}

/** What people see. */
const PAGES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["/", { GET: ({ config }) => respond(config.issuer, homePage(config.resource, config.isSignupOpen)) }],
  ["/favicon.svg", { GET: favicon }],
  ["/authorize", { GET: authorize, POST: decide, isGated: true }],
  ["/login", { GET: showLogin, POST: logIn, isGated: true }],
  ["/signup", { GET: showSignup, POST: signUp, isGated: true }],
  ["/oauth/github", { POST: (visit) => leaveFor(visit, "github"), isGated: true }],
  ["/oauth/google", { POST: (visit) => leaveFor(visit, "google"), isGated: true }],
  ["/oauth/callback", { GET: comeBack, isGated: true }],
  ["/consent", { GET: showConsent, POST: decide, isGated: true }],
]);

/** What programs call, with any method. */
const ENDPOINTS: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ...METADATA_PATHS.map((path) => [path, metadata] as const),
  ["/token", token],
  ["/register", register],
]);

/**
 * Answers a request to the door; `null` where the address is not the door's. Never throws: anything unexpected becomes a page, or
 * JSON for programs, with status 500 and the trace id.
 */
export async function oauthFetch(request: Request, env: Env, ctx: ExecutionContext, trace: Trace): Promise<Response | null> {
  const url = new URL(request.url);
  const endpoint = ENDPOINTS.get(url.pathname);
  const route = PAGES.get(url.pathname);
  if (!endpoint && !route) return null;
  try {
    const config = configOf(env);
    const visit: Visit = { request, url, env, ctx, config, keys: await doorKeys(config), trace };
    const response = await (endpoint ?? pageOf(route))(visit);
    return request.method === "HEAD" ? new Response(null, response) : response;
  } catch (error) {
    console.error(JSON.stringify({ event: "oauth.crashed", route: url.pathname, traceId: trace.traceId, ...describeCrash(error) }));
    if (endpoint) return oauthError(request, 500, "server_error", `Something failed here. Trace id ${trace.traceId}.`);
    return respond(url.origin, problemPage({ ...CRASHED, traceId: trace.traceId }));
  }
}

const CRASHED = {
  status: 500,
  title: "Something failed here",
  text: "This is our fault, not yours. Start again from your app; if it happens again, report the trace id.",
};

/** A page behind the coming-soon gate, for the methods that it has. */
function pageOf({ GET, POST, isGated = false }: Route = {}): Answer {
  return async (visit) => {
    const { config, request } = visit;
    if (isGated && !config.isSignupOpen) return respond(config.issuer, comingSoonPage());
    const answer = request.method === "POST" ? POST : request.method === "GET" || request.method === "HEAD" ? GET : undefined;
    if (answer) {
      try {
        return await answer(visit);
      } catch (error) {
        if (error instanceof CimdFetchError) return unreadableClient(visit);
        throw error;
      }
    }
    return refuse(visit, {
      status: 405,
      title: "Not this way",
      text: "This address is a step of signing in. Start from your app.",
      link: { href: "/", label: "About this gateway" },
      headers: { Allow: [...(GET ? ["GET", "HEAD"] : []), ...(POST ? ["POST"] : [])].join(", ") },
    });
  };
}

/** The icon of the browser's tab. */
async function favicon(): Promise<Response> {
  const headers = { "Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff" };
  return new Response(faviconSvg(), { headers });
}
