// The protected resource. The library reads the bearer token, publishes the resource's metadata
// (RFC 9728) and writes the challenges (RFC 6750); the handler sees only requests with a valid
// credential for this resource.
import {
  insufficientScope,
  OAuthError,
  type OAuthResourceContext,
  OAuthResourceServer,
  type OAuthResourceTokenValidator,
} from "@cloudflare/workers-oauth-provider";
import { type CredentialCode, GATEWAY_ERRORS, RETRY_AFTER_SECONDS } from "../../../contracts/gateway.ts";
import { Scope } from "../../../contracts/rpc/identity.ts";
import { configOf } from "../../config.ts";
import type { RequestContext, Trace } from "../../context.ts";
import type { Env } from "../../env.ts";
import { addressOf } from "../../limits/rate-limits.ts";
import { authenticate, type Credential } from "./authenticate.ts";

/** A longer header is refused unread. */
const MAX_AUTHORIZATION_LENGTH = 4_096;

/** Responds to an authenticated request, or names the scopes that it needs. */
export type ResourceHandler = (
  request: Request,
  credential: Credential,
  context: RequestContext,
) => Promise<Response | { readonly scopesNeeded: readonly string[] }>;

export type ResourceServer = (request: Request, context: RequestContext) => Promise<Response>;

/** The resource server of this isolate. `name` is what clients show for the resource. */
export function resourceServer(env: Env, name: string, handle: ResourceHandler): ResourceServer {
  const { issuer, resource } = configOf(env);
  // By request, which the library passes on unchanged. Not in the environment: isolate-wide caches
  // are keyed by that.
  const contexts = new WeakMap<Request, RequestContext>();
  const server = new OAuthResourceServer<Env, Credential>({
    resourceMetadata: {
      resource,
      authorization_servers: [issuer],
      bearer_methods_supported: ["header"],
      resource_name: name,
    },
    // Advertised in metadata and challenges, so that clients request them. Each tool checks the
    // scope it needs.
    requiredScopes: [...Scope.options],
    validateToken(_env, request) {
      return tokenValidator(request, contextOf(contexts, request));
    },
    handler: {
      async fetch(request, _env, ctx) {
        const result = await handle(request, ctx.props, contextOf(contexts, request));
        return result instanceof Response ? result : scopeChallenge(ctx, result.scopesNeeded);
      },
    },
  });
  return function serveResource(request, context) {
    contexts.set(request, context);
    // The runtime's own context in every entrypoint; the library sets `props` and `auth` on it.
    return server.fetch(request, context.env, context.ctx as ExecutionContext);
  };
}

function contextOf(contexts: WeakMap<Request, RequestContext>, request: Request): RequestContext {
  const context = contexts.get(request);
  if (!context) throw new Error("the library passed on another request");
  return context;
}

function tokenValidator(request: Request, context: RequestContext): OAuthResourceTokenValidator<Credential> {
  return async function validateToken(audience, token) {
    if ((request.headers.get("Authorization")?.length ?? 0) > MAX_AUTHORIZATION_LENGTH) return null;
    const credential = await authenticate(context, token, undefined, {
      key: addressOf(request),
      limit: "foreignBearer",
    });
    if (credential === "unauthenticated") return null;
    if (typeof credential === "string") throw unusable(credential, context.trace);
    const { subject, scopes, clientId } = credential.identity;
    const lifetime = credential.expiresAt === null ? {} : { expiresAt: credential.expiresAt };
    return { props: credential, audience, scope: [...scopes], userId: subject, clientId, ...lifetime };
  };
}

function scopeChallenge({ auth, props }: OAuthResourceContext<Credential>, needed: readonly string[]): Response {
  const remedy = props.kind === "oauth" ? "connect again and allow them" : "use a credential that has them";
  return insufficientScope(auth, [...needed], `This needs the scopes ${needed.join(" and ")}: ${remedy}`);
}

const STATUSES = { rate_limited: 429, payment_required: 402, unavailable: 503 } as const;

/**
 * The refusal of a token that may be valid but cannot be used now. Never 401: a client would
 * discard the token and sign in again.
 */
function unusable(code: Exclude<CredentialCode, "unauthenticated">, { traceId }: Trace): OAuthError {
  const seconds = RETRY_AFTER_SECONDS[code];
  return new OAuthError(code === "unavailable" ? "temporarily_unavailable" : code, {
    description: `${GATEWAY_ERRORS[code]} Trace id ${traceId}.`,
    statusCode: STATUSES[code],
    ...(seconds === undefined ? {} : { headers: { "Retry-After": String(seconds) } }),
  });
}
