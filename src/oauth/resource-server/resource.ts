// The protected resource: the library takes the bearer from the request, publishes the resource's metadata (RFC 9728) and writes the
// challenges; whoever answers for the resource sees only requests whose bearer is good for it.
import { insufficientScope, OAuthError, OAuthResourceServer } from "@cloudflare/workers-oauth-provider";
import { type CredentialCode, GATEWAY_ERRORS, RETRY_AFTER_SECONDS } from "../../../contracts/gateway.ts";
import { Scope } from "../../../contracts/rpc/identity.ts";
import { configOf } from "../../config.ts";
import { type Trace, traceFrom } from "../../context.ts";
import type { Env } from "../../env.ts";
import { authenticate, type Credential } from "./authenticate.ts";

/** Whatever is longer is not looked at. */
const MAX_AUTHORIZATION_LENGTH = 4_096;

/** Answers a request whose caller is known, or names the scopes that it would take. */
export type ResourceHandler = (
  request: Request,
  caller: Credential,
  env: Env,
  ctx: ExecutionContext,
  trace: Trace,
) => Promise<Response | { readonly scopesNeeded: readonly string[] }>;

/** Answers for the resource. */
export type Resource = (request: Request, env: Env, ctx: ExecutionContext, trace: Trace) => Promise<Response>;

/** The resource server of this isolate. `name` is what clients show for the resource. */
export function resourceServer(env: Env, name: string, handle: ResourceHandler): Resource {
  const { issuer, resource } = configOf(env);
  // By the request, which the library hands on as it is. Not in the environment: all that is kept for an isolate is kept by that.
  const traces = new WeakMap<Request, Trace>();
  const traceOf = (request: Request) => traces.get(request) ?? traceFrom(null);
  const server = new OAuthResourceServer<Env, Credential>({
    resourceMetadata: {
      resource,
      authorization_servers: [issuer],
      bearer_methods_supported: ["header"],
      resource_name: name,
    },
    // Advertised in metadata and challenge, so that clients ask for it; what a call really needs is judged for each tool.
    requiredScopes: [...Scope.options],
    validateToken: (_, request) => async (audience, token) => {
      if ((request.headers.get("Authorization")?.length ?? 0) > MAX_AUTHORIZATION_LENGTH) return null;
      const trace = traceOf(request);
      const caller = await authenticate(env, token, trace);
      if (caller === "unauthenticated") return null;
      if (typeof caller === "string") throw unusable(caller, trace);
      const { subject, scopes, clientId } = caller.identity;
      const lifetime = caller.expiresAt === null ? {} : { expiresAt: caller.expiresAt };
      return { props: caller, audience, scope: [...scopes], userId: subject, clientId, ...lifetime };
    },
    handler: {
      async fetch(request, _, ctx) {
        const answer = await handle(request, ctx.props, env, ctx, traceOf(request));
        if (answer instanceof Response) return answer;
        const scopes = [...answer.scopesNeeded];
        const remedy = ctx.props.kind === "oauth" ? "connect again and allow them" : "use a credential that has them";
        return insufficientScope(ctx.auth, scopes, `This takes the scopes ${scopes.join(" and ")}: ${remedy}`);
      },
    },
  });
  return (request, given, ctx, trace) => {
    traces.set(request, trace);
    return server.fetch(request, given, ctx);
  };
}

const STATUSES = { rate_limited: 429, payment_required: 402, unavailable: 503 } as const;

/** The answer to a bearer that may be good, and opens nothing now. Never 401: a client would throw it away and sign in again. */
function unusable(code: Exclude<CredentialCode, "unauthenticated">, { traceId }: Trace): OAuthError {
  const seconds = RETRY_AFTER_SECONDS[code];
  return new OAuthError(code === "unavailable" ? "temporarily_unavailable" : code, {
    description: `${GATEWAY_ERRORS[code]} Trace id ${traceId}.`,
    statusCode: STATUSES[code],
    ...(seconds === undefined ? {} : { headers: { "Retry-After": String(seconds) } }),
  });
}
