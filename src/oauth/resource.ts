// The protected resource: the library checks the bearer token, publishes the resource's metadata (RFC 9728) and writes the
// challenges; whoever answers for the resource sees only requests whose token is good for it.
import { insufficientScope, OAuthResourceServer } from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { type Identity, Scope } from "../../contracts/rpc/identity.ts";
import { configOf } from "../config.ts";
import type { Env } from "../env.ts";
import { authorizationServer } from "./door.ts";
import { GrantProps } from "./grant.ts";

/** Real tokens have at most 114 characters. Longer ones would make keys that KV refuses with an error of its own. */
const MAX_TOKEN_LENGTH = 256;

/** Answers a request whose caller is known, or names the scopes that it would take. */
export type ResourceHandler = (
  request: Request,
  caller: Identity,
  env: Env,
  ctx: ExecutionContext,
) => Promise<Response | { readonly scopesNeeded: readonly string[] }>;

/** Whose rights an access token carries, or `null` for a token that is not good here. Throws where that cannot be found out. */
export async function callerOfToken(env: Env, token: string): Promise<Identity | null> {
  if (token.length > MAX_TOKEN_LENGTH) return null;
  const grant = await authorizationServer(env).validateToken(configOf(env).resource, token, env);
  return grant === null ? null : callerOf(grant);
}

/** The resource server of this isolate. `name` is what clients show for the resource. */
export function resourceServer(env: Env, name: string, handle: ResourceHandler): OAuthResourceServer<Env, unknown> {
  const { issuer, resource } = configOf(env);
  return new OAuthResourceServer<Env, unknown>({
    resourceMetadata: { resource, authorization_servers: [issuer], bearer_methods_supported: ["header"], resource_name: name },
    // Advertised in metadata and challenge, so that clients ask for it; what a call really needs is judged for each tool.
    requiredScopes: [...Scope.options],
    validateToken: () => async (audience, token) =>
      token.length > MAX_TOKEN_LENGTH ? null : authorizationServer(env).validateToken(audience, token, env),
    handler: {
      async fetch(request, requestEnv, ctx) {
        const caller = callerOf({ props: ctx.props, scope: ctx.auth.scope, clientId: ctx.auth.clientId });
        const answer = await handle(request, caller, requestEnv, ctx);
        if (answer instanceof Response) return answer;
        const scopes = [...answer.scopesNeeded];
        return insufficientScope(ctx.auth, scopes, `This takes the scopes ${scopes.join(" and ")}: connect again and allow them`);
      },
    },
  });
}

/** Throws on props of another shape: a grant like that is a bug, not a caller. */
function callerOf(grant: { props: unknown; scope?: readonly string[]; clientId?: string | undefined }): Identity {
  const props = v.safeParse(GrantProps, grant.props);
  if (!props.success) throw new Error("A grant has props that this gateway did not write.");
  const { userId, tenantId, tier } = props.output;
  const scopes = Scope.options.filter((scope) => grant.scope?.includes(scope));
  return { subject: userId, tenantId, tier, scopes, clientId: grant.clientId ?? "unknown" };
}
