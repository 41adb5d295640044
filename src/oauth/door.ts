// The door: every route of the authorization side, the coming-soon gate before those that people see, and the wall at which
// anything unexpected stops. What is not a route of the door is answered with `null`.
import { CimdFetchError } from "@cloudflare/workers-oauth-provider";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { configOf } from "../config.ts";
import type { Env } from "../env.ts";
import type { Trace } from "../trace.ts";
import { refuse } from "./answers.ts";
import { AuthService } from "./auth-service.ts";
import { authorize } from "./authorize.ts";
import { decide, showConsent } from "./decision.ts";
import { doorKeys } from "./door-keys.ts";
import { METADATA_PATHS, metadata, oauthError, register, token } from "./endpoints.ts";
import { toText } from "./pages/html.ts";
import { BRAND_MARK } from "./pages/marks.ts";
import { protect, respond } from "./pages/page.ts";
import { comingSoonPage, homePage } from "./pages/plain.ts";
import { logIn, showForm, signUp } from "./sign-in.ts";
import { comeBack, leaveFor } from "./social.ts";
import type { Visit } from "./visit.ts";

export { GrantProps } from "./grant.ts";
export { authorizationServer } from "./server.ts";

type Answer = (visit: Visit) => Response | Promise<Response>;

interface Route {
  readonly GET?: Answer;
  readonly POST?: Answer;
}

/** The way of a person through the door. While sign-in is not open, each step says that it opens soon. */
const STEPS: Readonly<Record<string, Route>> = {
  "/authorize": { GET: authorize, POST: decide },
  "/login": { GET: (visit) => showForm(visit, "login"), POST: logIn },
  "/signup": { GET: (visit) => showForm(visit, "signup"), POST: signUp },
  "/oauth/github": { POST: leaveFor("github") },
  "/oauth/google": { POST: leaveFor("google") },
  "/oauth/callback": { GET: comeBack },
  "/consent": { GET: showConsent, POST: decide },
};
/** What anybody may look at, at any time. */
const PAGES: Readonly<Record<string, Route>> = {
  "/": { GET: ({ config }) => respond(homePage(config.resource, config.isSignupOpen)) },
  "/favicon.svg": { GET: favicon },
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
export async function oauthFetch(request: Request, env: Env, ctx: ExecutionContext, trace: Trace): Promise<Response | null> {
  const url = new URL(request.url);
  const endpoint = ENDPOINTS[url.pathname];
  const step = STEPS[url.pathname];
  const route = step ?? PAGES[url.pathname];
  let response: Response;
  try {
    const config = configOf(env);
    const auth = new AuthService(env, config, trace);
    const visit: Visit = { request, url, env, ctx, config, keys: await doorKeys(config), trace, auth };
    if (endpoint) response = await endpoint(visit);
    else if (step && !config.isSignupOpen) response = respond(comingSoonPage());
    else if (route) response = await follow(route, visit);
    else return null;
  } catch (error) {
    console.error(JSON.stringify({ event: "oauth.crashed", route: url.pathname, traceId: trace.traceId, ...describeCrash(error) }));
    const text = "This is our fault. Start again from your app; if it happens again, report the trace id.";
    response = endpoint
      ? oauthError(request, 500, "server_error", `Something failed here. Trace id ${trace.traceId}.`)
      : refuse({ trace }, 500, "Something failed here", text);
  }
  if (!endpoint) await protect(response, url.protocol === "https:");
  return request.method === "HEAD" ? new Response(null, response) : response;
}

/** The route's answer, for the methods that it has. */
async function follow({ GET, POST }: Route, visit: Visit): Promise<Response> {
  const { method } = visit.request;
  const answer = method === "POST" ? POST : method === "GET" || method === "HEAD" ? GET : undefined;
  if (!answer) {
    const headers = { Allow: [...(GET ? ["GET", "HEAD"] : []), ...(POST ? ["POST"] : [])].join(", ") };
    return refuse(visit, 405, "Not this way", "This address is a step of signing in. Start from your app.", { headers });
  }
  try {
    return await answer(visit);
  } catch (error) {
    if (!(error instanceof CimdFetchError)) throw error;
    // The library has logged why.
    const text = "Its description could not be read, or describes another app. Wait a moment, then start again from your app.";
    return refuse(visit, 400, "This app could not be checked", text);
  }
}

/** The icon of the browser's tab. */
function favicon(): Response {
  return new Response(toText(BRAND_MARK), { headers: { "Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=86400" } });
}
