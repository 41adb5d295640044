// The protected resource: the handler sees only requests with a valid credential for it. The
// library publishes the resource's metadata (RFC 9728) and writes the challenges (RFC 6750).
import { insufficientScope, OAuthError, OAuthResourceServer } from "@cloudflare/workers-oauth-provider";
import { type CredentialCode, GATEWAY_ERRORS, RETRY_AFTER_SECONDS } from "../../../contracts/gateway.ts";
import { Scope } from "../../../contracts/rpc/identity.ts";
import { configOf } from "../../config.ts";
import type { RequestContext, Trace } from "../../context.ts";
import type { Env } from "../../env.ts";
import { addressOf } from "../../limits/rate-limits.ts";
import { authenticate, type Credential } from "./authenticate.ts";

/** Responds to an authenticated request, or names the scopes that it needs. */
export type ResourceHandler = (
  request: Request,
  credential: Credential,
  context: RequestContext,
) => Promise<Response | { readonly scopesNeeded: readonly string[] }>;

export interface ResourceServer {
  /** Responds to a request to the resource itself, with any method but OPTIONS. */
  serve(request: Request, context: RequestContext): Promise<Response>;
  /** Responds to a request to the address of the resource's metadata. */
  metadata(request: Request, context: RequestContext): Promise<Response>;
}

/** The resource server of this isolate. `name` is what clients show for the resource. */
export function resourceServer(env: Env, name: string, handle: ResourceHandler): ResourceServer {
  const { issuer, resource } = configOf(env);
  // By request, which the library passes on unchanged.
  const refusals = new WeakMap<Request, OAuthError>();
  const library = new OAuthResourceServer<Env>({
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
      return async function refuseToken() {
        const refusal = refusals.get(request);
        if (refusal) throw refusal;
        return null;
      };
    },
    handler: {
      async fetch() {
        throw new Error("a refused token was accepted");
      },
    },
  });
  // The runtime's own context in every entrypoint.
  const metadata: ResourceServer["metadata"] = (request, context) =>
    library.fetch(request, context.env, context.ctx as ExecutionContext);
  async function serve(request: Request, context: RequestContext): Promise<Response> {
    const credential = await credentialOf(request, context);
    if (typeof credential !== "string") {
      const result = await handle(request, credential, context);
      return result instanceof Response ? result : scopeChallenge(resource, credential, result.scopesNeeded);
    }
    if (credential !== "unauthenticated") refusals.set(request, unusable(credential, context.trace));
    return metadata(request, context);
  }
  return { serve, metadata };
}

/** RFC 6750 section 2.1, in any letter case (RFC 9110 section 11.1). */
const BEARER = /^Bearer[\t ]+([^\s,]+)$/i;
/** A longer header is refused unread. */
const MAX_AUTHORIZATION_LENGTH = 4_096;

/** The credential in the request's only place for one, or why it is refused. */
async function credentialOf(request: Request, context: RequestContext): Promise<Credential | CredentialCode> {
  const header = request.headers.get("Authorization") ?? "";
  const bearer = header.length > MAX_AUTHORIZATION_LENGTH ? undefined : BEARER.exec(header)?.[1];
  if (bearer === undefined) return "unauthenticated";
  return authenticate(context, bearer, undefined, { key: addressOf(request), limit: "foreignBearer" });
}

function scopeChallenge(audience: string, { kind }: Credential, needed: readonly string[]): Response {
  const remedy = kind === "oauth" ? "connect again and allow them" : "use a credential that has them";
  const auth = { audience, token: "", scope: [] }; // the challenge holds nothing of the token
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
