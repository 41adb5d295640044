// The gateway over HTTP, where OAuth and MCP meet: the resource server authenticates, then the MCP
// endpoint handles the message. Order for every request: settings, host, preflight, Origin, size,
// token.
import type { CredentialCode } from "../../contracts/gateway.ts";
import { logError } from "../../contracts/log.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { type Config, ConfigError } from "../../src/config.ts";
import { type RequestContext, requestContext, type Trace, traceFrom } from "../../src/context.ts";
import { grantNameOf } from "../../src/durable/grant-object.ts";
import { mcpSessionsOf } from "../../src/durable/mcp-session-object.ts";
import type { Env } from "../../src/env.ts";
import { UnfinishedBodyError } from "../../src/limits/bounded-read.ts";
import { addressOf, consume, overrunOf } from "../../src/limits/rate-limits.ts";
import { handleMcp } from "../../src/mcp/endpoint.ts";
import { MAX_BODY_BYTES, tooLarge, tooManyRequests } from "../../src/mcp/json-rpc.ts";
import type { McpServer, ScopeNeeded } from "../../src/mcp/port.ts";
import type { Implementation } from "../../src/mcp/schema.ts";
import type { McpSessions } from "../../src/mcp/session.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import { type ResourceServer, resourceServer } from "../../src/oauth/resource-server/resource.ts";
import { oauthFetch, pageInstead } from "../../src/oauth/router.ts";
import { overPlan } from "../../src/pipeline/metering.ts";
import { productTexts } from "../../src/tools/product-texts.ts";
import { allowCors, preflight } from "./cors.ts";
import { discovery } from "./discovery.ts";
import { health } from "./health.ts";

/**
 * RFC 9728 section 3.1: the metadata of a resource follows its path. Older clients look at the
 * root.
 */
const METADATA_PATH = "/.well-known/oauth-protected-resource";

/** The MCP server behind the HTTP handler. */
export interface Gateway {
  readonly info: Implementation;
  /** The server for one request with this credential. */
  mcpServerFor(context: RequestContext, credential: Credential): McpServer;
}

interface HttpGateway extends Gateway {
  /** The resource server of this isolate. */
  resourceServerOf(env: Env): ResourceServer;
}

/** The `fetch` handler of a gateway. */
export function httpHandler(
  gateway: Gateway,
): (request: Request, env: Env, ctx: ExecutionContext) => Promise<Response> {
  const resourceServers = new WeakMap<Env, ResourceServer>();

  function handleAuthenticated(request: Request, credential: Credential, context: RequestContext) {
    return handleMcpRequest(gateway, request, credential, context);
  }

  function resourceServerOf(env: Env): ResourceServer {
    const known = resourceServers.get(env);
    if (known) return known;
    const server = resourceServer(env, gateway.info.title, handleAuthenticated);
    resourceServers.set(env, server);
    return server;
  }

  const httpGateway = { ...gateway, resourceServerOf };
  return function handleFetch(request, env, ctx) {
    return handleHttp(httpGateway, request, env, ctx);
  };
}

async function handleHttp(gateway: HttpGateway, request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const response = await routeOrError(gateway, request, env, ctx);
  // Here, where every response leaves: none may be read as another type than it declares.
  response.headers.set("X-Content-Type-Options", "nosniff");
  return response;
}

async function routeOrError(
  gateway: HttpGateway,
  request: Request,
  env: Env,
  ctx: ExecutionContext,
): Promise<Response> {
  const trace = traceFrom(request.headers.get("traceparent"));
  try {
    return await route(gateway, request, requestContext(env, ctx, trace));
  } catch (error) {
    if (error instanceof UnfinishedBodyError) return jsonError(400, "invalid_request", error.message);
    return serverError(error, trace);
  }
}

async function route(gateway: HttpGateway, request: Request, context: RequestContext): Promise<Response> {
  const { env, config } = context;
  if (request.url === config.resource) return handleEndpoint(gateway, request, context);
  const { origin, pathname, search } = new URL(request.url);
  const { info } = gateway;
  const path = programPath(pathname);
  if (path !== pathname) return route(gateway, new Request(origin + path + search, request), context);
  if (pathname === "/health") return health(request, context, info);
  if (origin !== config.issuer)
    return acceptsPages(request)
      ? pageInstead(request, context, 421)
      : jsonError(421, "misdirected_request", `This gateway is ${config.issuer}.`);
  if (pathname === METADATA_PATH || pathname === `${METADATA_PATH}/mcp`) {
    const metadataRequest = new Request(`${config.issuer}${METADATA_PATH}/mcp`, request);
    return gateway.resourceServerOf(env).metadata(metadataRequest, context);
  }
  if (pathname === "/mcp") return handleEndpoint(gateway, request, context);
  if (pathname === "/" && !isPageRequest(request)) return endpointElsewhere(request, context);
  const response = (await discovery(request, context, info)) ?? (await oauthFetch(request, context, productTexts));
  if (response) return response;
  if (acceptsPages(request)) return pageInstead(request, context, 404);
  return jsonError(404, "not_found", `There is nothing at this address. The MCP endpoint is ${config.resource}.`);
}

/**
 * The path of an address for programs as this gateway writes it: clients append slashes, and join
 * parts with two. Any other path is returned unchanged.
 */
function programPath(pathname: string): string {
  const path = pathname.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
  return path === "/mcp" || path.startsWith("/mcp/") || path.startsWith("/.well-known/") ? path : pathname;
}

/** True for a browser. MCP clients ask for JSON or event streams. */
function acceptsPages({ headers }: Request): boolean {
  return headers.get("accept")?.toLowerCase().includes("text/html") ?? false;
}

/** True for a browser that asks for the home page, and for a program that names no format. */
function isPageRequest(request: Request): boolean {
  if (acceptsPages(request)) return true;
  const { method, headers } = request;
  return (method === "GET" || method === "HEAD") && !/json|text\/event-stream/i.test(headers.get("accept") ?? "");
}

/** The response to an MCP client that was given the origin of the gateway. */
function endpointElsewhere(request: Request, { config }: RequestContext): Response {
  const origin = allowedOrigin(request, config);
  if (origin === "forbidden") return forbiddenOrigin();
  if (request.method === "OPTIONS") return preflight(request, origin);
  const { resource } = config;
  const error_description = `There is no MCP endpoint at this address. It is ${resource}.`;
  const body = { error: "not_found", error_description, mcp_endpoint: resource };
  const isRead = request.method === "GET" || request.method === "HEAD";
  const init = isRead ? { status: 404 } : { status: 405, headers: { allow: "GET, HEAD" } };
  return allowCors(Response.json(body, init), origin);
}

/**
 * The origin of a page that may call the endpoint; `null` if no page calls. Compared with the
 * configured list, never with the request's own host: an attacker forges both alike.
 */
function allowedOrigin(request: Request, { issuer, allowedOrigins }: Config): string | null | "forbidden" {
  const origin = request.headers.get("origin");
  return origin === null || origin === issuer || allowedOrigins.has(origin) ? origin : "forbidden";
}

function forbiddenOrigin(): Response {
  return jsonError(403, "forbidden_origin", "This origin may not call the endpoint.");
}

async function handleEndpoint(gateway: HttpGateway, request: Request, context: RequestContext): Promise<Response> {
  const { env, config } = context;
  const origin = allowedOrigin(request, config);
  if (origin === "forbidden") return forbiddenOrigin();
  if (request.method === "OPTIONS") return preflight(request, origin);
  const announced = Number(request.headers.get("content-length") ?? 0);
  const response =
    announced > MAX_BODY_BYTES ? tooLarge() : await gateway.resourceServerOf(env).serve(request, context);
  if (response.status !== 401) return allowCors(response, origin);
  const challenge = await unauthorized(request, context, response);
  if (challenge.status === 401 && request.method === "GET" && acceptsPages(request)) {
    const page = await pageInstead(request, context, 401);
    page.headers.set("WWW-Authenticate", challenge.headers.get("WWW-Authenticate") ?? "Bearer");
    return page;
  }
  return allowCors(challenge, origin);
}

/** Handles a message whose credential is valid. */
async function handleMcpRequest(
  gateway: Gateway,
  request: Request,
  credential: Credential,
  context: RequestContext,
): Promise<Response | ScopeNeeded> {
  const { identity } = credential;
  const retryAfterSeconds = await consume(context, "request", identity.subject);
  if (retryAfterSeconds > 0) return tooManyRequests(overrunOf("request", retryAfterSeconds));
  return handleMcp(request, gateway.mcpServerFor(context, credential), {
    traceId: context.trace.traceId,
    tracing: context.ctx.tracing,
    deadlines: context.deadlines,
    sessions: sessionsOf(context, identity),
    isAllowed: async () => !ENDED.has(await credential.revalidate()),
  });
}

/** Reasons that end a credential. One that cannot be checked just now stays valid. */
const ENDED: ReadonlySet<string> = new Set<CredentialCode>(["unauthenticated", "payment_required"]);

/** The user's sessions. Each new one counts: it takes storage. */
function sessionsOf(context: RequestContext, identity: Identity): McpSessions {
  const sessions = mcpSessionsOf(context.env, identity.subject);
  return {
    find: (id) => sessions.find(id),
    create: async (handshake) => (await overPlan(context, identity)) ?? sessions.create(handshake),
  };
}

/**
 * Adds a readable body to the library's challenge. An address that sends too many invalid tokens is
 * told to wait instead; one that sends none is only asking where to sign in.
 */
async function unauthorized(request: Request, context: RequestContext, challenge: Response): Promise<Response> {
  const token = request.headers.get("authorization")?.replace(/^bearer\s+/i, "");
  const limit = grantNameOf(token ?? "") === null ? "foreignBearer" : "expiredBearer";
  const retryAfterSeconds = token === undefined ? 0 : await consume(context, limit, addressOf(request));
  if (retryAfterSeconds > 0) return tooManyRequests(overrunOf(limit, retryAfterSeconds));
  const error_description =
    "Sign in to use this endpoint and send the access token as a bearer token: the WWW-Authenticate header says where. " +
    "An API key works too.";
  return Response.json({ error: "unauthorized", error_description }, challenge);
}

function jsonError(status: number, error: string, error_description: string): Response {
  return Response.json({ error, error_description }, { status });
}

/** An unexpected error, logged. The message of a `ConfigError` names settings, never values. */
function serverError(error: unknown, { traceId }: Trace): Response {
  const isConfig = error instanceof ConfigError;
  const details = isConfig ? { config: error.message } : describeCrash(error);
  logError("http.crashed", { traceId, ...details });
  const what = isConfig ? `The gateway is not configured: ${error.message}` : "An unexpected error occurred.";
  const body = { error: "server_error", error_description: `${what} Trace id: ${traceId}` };
  return Response.json(body, { status: 500, headers: { "cache-control": "no-store" } });
}
