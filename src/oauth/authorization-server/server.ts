// The library's authorization server as this gateway runs it: endpoints, lifetimes, registration
// rules, and the checks that are repeated at each refresh.
import {
  GrantType,
  OAuthAuthorizationServer,
  OAuthError,
  type TokenExchangeCallbackOptions,
} from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { AUTH_UNAVAILABLE, AuthService } from "../../backends/auth.ts";
import { type Config, configOf } from "../../config.ts";
import type { RequestContext } from "../../context.ts";
import { revocationsOf } from "../../durable/user-revocations.ts";
import type { Env } from "../../env.ts";
import { GrantProps } from "./grant-props.ts";
import { ownOrigins } from "./hosts.ts";
import { registrationProblem } from "./registration-rules.ts";
import { GRANT_SCOPES } from "./scopes.ts";

const HOUR = 3_600;
const DAY = 86_400;

/**
 * The environment of one call to the library. Its callbacks see no request, so the context travels
 * in it.
 */
interface LibraryEnv extends Env {
  readonly context?: RequestContext;
}

const servers = new WeakMap<Env, OAuthAuthorizationServer<LibraryEnv>>();

/**
 * The authorization server of this isolate. Throws `ConfigError` if the settings cannot be used.
 */
export function authorizationServer(env: Env): OAuthAuthorizationServer<LibraryEnv> {
  const known = servers.get(env);
  if (known) return known;
  const server = createServer(configOf(env));
  servers.set(env, server);
  return server;
}

/** The library's response to `request`, at one of its own endpoints. */
export function forwardToLibrary(context: RequestContext, request: Request): Promise<Response> {
  const env: LibraryEnv = { ...context.env, context };
  // The library uses `waitUntil` only, which a Durable Object's state has as well.
  return authorizationServer(context.env).fetch(request, env, context.ctx as ExecutionContext);
}

function createServer(config: Config): OAuthAuthorizationServer<LibraryEnv> {
  return new OAuthAuthorizationServer<LibraryEnv>({
    issuer: config.issuer,
    resources: [config.resource],
    authorizeEndpoint: "/authorize",
    tokenEndpoint: "/token",
    ...(config.isDynamicRegistrationEnabled ? { clientRegistrationEndpoint: "/register" } : {}),
    scopesSupported: [...GRANT_SCOPES],
    accessTokenTTL: HOUR,
    // Absolute, from the code exchange. Not shorter, because hosted clients often fail to refresh.
    refreshTokenTTL: 30 * DAY,
    // Renewed while in use: clients keep and send their id for ever.
    clientRegistrationTTL: 90 * DAY,
    clientIdMetadataDocumentEnabled: config.isCimdEnabled,
    allowPrivateUseRedirectUris: false,
    clientRegistrationCallback: ({ clientMetadata }) => registrationProblem(clientMetadata, ownOrigins(config)),
    tokenExchangeCallback: refreshedProps,
    // Descriptions and details can hold a stranger's words: they stay out of the log.
    onError: ({ status, internal: { category, reason } }) => {
      console.warn(JSON.stringify({ event: "oauth.refused", category, reason, status }));
    },
  });
}

/**
 * On a refresh, looks the user up: a disabled or deleted user loses the grant, and a changed tier
 * or tenant goes into the next token.
 */
async function refreshedProps({
  grantType,
  props,
  env: { context },
}: TokenExchangeCallbackOptions<LibraryEnv>): Promise<{ newProps: GrantProps } | undefined> {
  if (grantType !== GrantType.REFRESH_TOKEN) return undefined;
  if (!context) throw new Error("/token was called without a request context");
  const known = v.safeParse(GrantProps, props);
  if (!known.success) throw new OAuthError("invalid_grant", { description: "Sign in again." });
  const { userId, authTime } = known.output;
  if (await revocationsOf(context.env, userId).hasEndedTokens(authTime))
    throw new OAuthError("invalid_grant", { description: "Sign in again." });
  const user = await new AuthService(context).getUser(userId);
  if (user === AUTH_UNAVAILABLE) throw accountUnchecked();
  if (!user?.isActive) throw new OAuthError("invalid_grant", { description: "This account can no longer be used." });
  const { tenantId, tier } = user;
  const isUnchanged = tenantId === known.output.tenantId && tier === known.output.tier;
  return isUnchanged ? undefined : { newProps: { ...known.output, tenantId, tier } };
}

function accountUnchecked(): OAuthError {
  return new OAuthError("temporarily_unavailable", {
    description: "The account could not be checked. Try again shortly.",
    statusCode: 503,
    headers: { "Retry-After": "10" },
  });
}
