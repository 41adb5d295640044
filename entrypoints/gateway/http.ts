// The gateway's HTTP door. Here OAuth and MCP meet: who may come in is decided first, then the wire answers. What it leads to is
// given to it.
// Order, for every request: settings, host, preflight, Origin, size, token, and then the endpoint itself.
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { type Config, ConfigError, configOf } from "../../src/config.ts";
import { type Trace, traceFrom } from "../../src/context.ts";
import { grantNameOf } from "../../src/durable/grant-object.ts";
import { mcpSessionsOf } from "../../src/durable/mcp-session-object.ts";
import type { Env } from "../../src/env.ts";
import { addressOf, consume } from "../../src/limits/rate-limits.ts";
import { handleMcp } from "../../src/mcp/endpoint.ts";
import { MAX_BODY_BYTES, tooLarge, tooManyRequests } from "../../src/mcp/json-rpc.ts";
import type { Implementation, McpServer } from "../../src/mcp/port.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import { type Resource, type ResourceHandler, resourceServer } from "../../src/oauth/resource-server/resource.ts";
import { oauthFetch } from "../../src/oauth/router.ts";
import { allowCors, preflight } from "./cors.ts";
import { discovery } from "./discovery.ts";

/** RFC 9728 section 3.1: the metadata of a resource with a path stands behind that path; older clients look at the root. */
const METADATA_PATH = "/.well-known/oauth-protected-resource";

/** What a door leads to. */
export interface Inside {
  readonly info: Implementation;
  /** The host of one request of `caller`'s. */
  mcpServerFor(env: Env, ctx: ExecutionContext, caller: Credential, trace: Trace): McpServer;
}

interface Door {
  readonly info: Implementation;
  /** The resource server of this isolate. */
  resource(env: Env): Resource;
}

/** Makes what answers every HTTP request to the gateway. */
export function httpHandler({
  info,
  mcpServerFor,
}: Inside): (request: Request, env: Env, ctx: ExecutionContext) => Promise<Response> {
  const servers = new WeakMap<Env, Resource>();
  const resource: Door["resource"] = (env) => {
    const known = servers.get(env);
    if (known) return known;
    const server = resourceServer(env, info.title, answerWith(mcpServerFor));
    servers.set(env, server);
    return server;
  };
  return (request, env, ctx) => answerHttp({ info, resource }, request, env, ctx);
}

async function answerHttp(door: Door, request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const trace = traceFrom(request.headers.get("traceparent"));
  try {
    return await route(door, request, env, ctx, configOf(env), trace);
  } catch (error) {
    const isConfig = error instanceof ConfigError;
    console.error(
      JSON.stringify({
        event: "http.crashed",
        traceId: trace.traceId,
        ...(isConfig ? { config: error.message } : describeCrash(error)),
      }),
    );
    const what = isConfig ? `The gateway is not configured: ${error.message}` : "Something went wrong here.";
    const body = { error: "server_error", error_description: `${what} Trace id: ${trace.traceId}` };
    return Response.json(body, { status: 500, headers: { "cache-control": "no-store" } });
  }
}

async function route(
  door: Door,
  request: Request,
  env: Env,
  ctx: ExecutionContext,
  config: Config,
  trace: Trace,
): Promise<Response> {
  const url = new URL(request.url);
  const { pathname } = url;
  if (pathname === "/health") return Response.json({ status: "ok", name: door.info.name, version: door.info.version });
  if (url.origin !== config.issuer) {
    return Response.json(
      { error: "misdirected_request", error_description: `This gateway is ${config.issuer}.` },
      { status: 421 },
    );
  }
  if (pathname === METADATA_PATH || pathname === `${METADATA_PATH}/mcp`) {
    return door.resource(env)(new Request(`${config.issuer}${METADATA_PATH}/mcp`, request), env, ctx, trace);
  }
  if (pathname === "/mcp") return mcp(door, request, env, ctx, config, trace);
  const answer = (await discovery(request, env, config, door.info)) ?? (await oauthFetch(request, env, ctx, trace));
  return (
    answer ??
    Response.json({ error: "not_found", error_description: "There is nothing at this address." }, { status: 404 })
  );
}

async function mcp(
  door: Door,
  request: Request,
  env: Env,
  ctx: ExecutionContext,
  config: Config,
  trace: Trace,
): Promise<Response> {
  const origin = request.headers.get("origin");
  // Compared with a configured list, never with the request's own host: an attacker forges both alike.
  if (origin !== null && origin !== config.issuer && !config.allowedOrigins.has(origin)) {
    return Response.json(
      { error: "forbidden_origin", error_description: "This origin may not call the endpoint." },
      { status: 403 },
    );
  }
  if (request.method === "OPTIONS") return preflight(request, origin);
  const announced = Number(request.headers.get("content-length") ?? 0);
  const answer = announced > MAX_BODY_BYTES ? tooLarge() : await door.resource(env)(request, env, ctx, trace);
  return allowCors(answer.status === 401 ? await refused(request, env, trace, answer) : answer, origin);
}

/**
 * The library's challenge says everything to a program; this says it to whoever reads the body. An address that shows too many bad
 * bearers is told to wait instead; one that shows none is only asking where to sign in.
 */
async function refused(request: Request, env: Env, trace: Trace, challenge: Response): Promise<Response> {
  const shown = request.headers.get("authorization")?.replace(/^bearer\s+/i, "");
  const limited = grantNameOf(shown ?? "") === null ? "foreignBearer" : "expiredBearer";
  const retryAfterSeconds = shown === undefined ? 0 : await consume(env, trace, limited, addressOf(request));
  if (retryAfterSeconds > 0) return tooManyRequests(retryAfterSeconds);
  const error_description =
    "Sign in to use this endpoint, and send an access token as a bearer: the WWW-Authenticate header says where. An API key works too.";
  return Response.json({ error: "unauthorized", error_description }, challenge);
}

function answerWith(mcpServerFor: Inside["mcpServerFor"]): ResourceHandler {
  return async (request, caller, env, ctx, requestTrace) => {
    const { identity } = caller;
    const retryAfterSeconds = await consume(env, requestTrace, "mcpRequest", identity.subject);
    if (retryAfterSeconds > 0) return tooManyRequests(retryAfterSeconds);
    const admit = () => consume(env, requestTrace, `mcp.${identity.tier}`, identity.subject);
    const sessions = mcpSessionsOf(env, identity.subject);
    return handleMcp(request, mcpServerFor(env, ctx, caller, requestTrace), {
      traceId: requestTrace.traceId,
      admit,
      sessions,
    });
  };
}
