// The protected resource: the library takes the bearer from the request, publishes the resource's metadata (RFC 9728) and writes the
// challenges; whoever answers for the resource sees only requests whose bearer is good for it.
import { insufficientScope, OAuthError, OAuthResourceServer } from "@cloudflare/workers-oauth-provider";
import { type CredentialCode, GATEWAY_ERRORS, RETRY_AFTER_SECONDS } from "../../contracts/gateway.ts";
import { Scope } from "../../contracts/rpc/identity.ts";
import { configOf } from "../config.ts";
import type { Env } from "../env.ts";
import { type Trace, traceFrom } from "../trace.ts";
import { type Caller, checkBearer } from "./bearer.ts";
import type { TracedEnv } from "./server.ts";

/** Whatever is longer is not looked at. */
const MAX_AUTHORIZATION_LENGTH = 4_096;

/** Answers a request whose caller is known, or names the scopes that it would take. */
export type ResourceHandler = (
  request: Request,
  caller: Caller,
  env: Env,
  ctx: ExecutionContext,
  trace: Trace,
) => Promise<Response | { readonly scopesNeeded: readonly string[] }>;

/** The resource server of this isolate. `name` is what clients show for the resource. Its `fetch` takes an environment with the trace. */
export function resourceServer(env: Env, name: string, handle: ResourceHandler): OAuthResourceServer<TracedEnv, Caller> {
  const { issuer, resource } = configOf(env);
  return new OAuthResourceServer<TracedEnv, Caller>({
    resourceMetadata: { resource, authorization_servers: [issuer], bearer_methods_supported: ["header"], resource_name: name },
    // Advertised in metadata and challenge, so that clients ask for it; what a call really needs is judged for each tool.
    requiredScopes: [...Scope.options],
    validateToken: (traced, request) => async (audience, token) => {
      if ((request.headers.get("Authorization")?.length ?? 0) > MAX_AUTHORIZATION_LENGTH) return null;
      const trace = traceOf(traced);
      const caller = await checkBearer(env, token, trace);
      if (caller === "unauthenticated") return null;
      if (typeof caller === "string") throw unusable(caller, trace);
      const { subject, scopes, clientId } = caller.identity;
      const lifetime = caller.expiresAt === null ? {} : { expiresAt: caller.expiresAt };
      return { props: caller, audience, scope: [...scopes], userId: subject, clientId, ...lifetime };
    },
    handler: {
      async fetch(request, traced, ctx) {
        const answer = await handle(request, ctx.props, env, ctx, traceOf(traced));
        if (answer instanceof Response) return answer;
        const scopes = [...answer.scopesNeeded];
        const remedy = ctx.props.kind === "oauth" ? "connect again and allow them" : "use a credential that has them";
        return insufficientScope(ctx.auth, scopes, `This takes the scopes ${scopes.join(" and ")}: ${remedy}`);
      },
    },
  });
}

function traceOf({ trace }: TracedEnv): Trace {
  return trace ?? traceFrom(null);
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
