// The library's authorization server as this gateway runs it: endpoints, lifetimes, who may register, and what is asked again each
// time a token is refreshed.
import {
  GrantType,
  OAuthAuthorizationServer,
  OAuthError,
  type TokenExchangeCallbackOptions,
} from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { AUTH_UNAVAILABLE, AuthService } from "../../backends/auth.ts";
import { type Config, configOf } from "../../config.ts";
import { type Trace, traceFrom } from "../../context.ts";
import { revocationsOf } from "../../durable/user-revocations.ts";
import type { Env } from "../../env.ts";
import { ownOrigins } from "../browser/browser-request.ts";
import { GRANT_SCOPES, GrantProps } from "./grant.ts";
import { registrationProblem } from "./registration.ts";

const HOUR = 3_600;
const DAY = 86_400;

/** The environment of one request to the library: its callbacks see no request, and this is how the trace reaches them. */
export interface TracedEnv extends Env {
  readonly trace?: Trace;
}

const servers = new WeakMap<Env, OAuthAuthorizationServer<TracedEnv>>();

/** The authorization server of this isolate. Throws `ConfigError` where the settings are unusable. */
export function authorizationServer(env: Env): OAuthAuthorizationServer<TracedEnv> {
  const known = servers.get(env);
  if (known) return known;
  const config = configOf(env);
  const server = new OAuthAuthorizationServer<TracedEnv>({
    issuer: config.issuer,
    resources: [config.resource],
    authorizeEndpoint: "/authorize",
    tokenEndpoint: "/token",
    ...(config.isDynamicRegistrationEnabled ? { clientRegistrationEndpoint: "/register" } : {}),
    scopesSupported: [...GRANT_SCOPES],
    accessTokenTTL: HOUR,
    // Absolute, from the code exchange. Not shorter: hosted clients often fail to refresh.
    refreshTokenTTL: 30 * DAY,
    // Renewed while in use: clients replay their id for ever.
    clientRegistrationTTL: 90 * DAY,
    clientIdMetadataDocumentEnabled: config.isCimdEnabled,
    allowPrivateUseRedirectUris: false,
    clientRegistrationCallback: ({ clientMetadata }) => registrationProblem(clientMetadata, ownOrigins(config)),
    tokenExchangeCallback: (exchange) => refreshedProps(config, exchange),
    // Descriptions and details can hold a stranger's words: they stay out of the log.
    onError: ({ status, internal: { category, reason } }) => {
      console.warn(JSON.stringify({ event: "oauth.refused", category, reason, status }));
    },
  });
  servers.set(env, server);
  return server;
}

/** On a refresh, the user as of now: a disabled or deleted one loses the grant, a new tier or tenant goes into the next token. */
async function refreshedProps(
  config: Config,
  { grantType, props, env }: TokenExchangeCallbackOptions<TracedEnv>,
): Promise<{ newProps: GrantProps } | undefined> {
  if (grantType !== GrantType.REFRESH_TOKEN) return undefined;
  const known = v.safeParse(GrantProps, props);
  if (!known.success) throw new OAuthError("invalid_grant", { description: "Sign in again." });
  const { userId, authTime } = known.output;
  if (await revocationsOf(env, userId).hasEndedTokens(authTime))
    throw new OAuthError("invalid_grant", { description: "Sign in again." });
  const user = await new AuthService(env, config, env.trace ?? traceFrom(null)).getUser(userId);
  if (user === AUTH_UNAVAILABLE) {
    throw new OAuthError("temporarily_unavailable", {
      description: "The account could not be checked. Try again shortly.",
      statusCode: 503,
      headers: { "Retry-After": "10" },
    });
  }
  if (!user?.isActive) throw new OAuthError("invalid_grant", { description: "This account can no longer be used." });
  const { tenantId, tier } = user;
  const isUnchanged = tenantId === known.output.tenantId && tier === known.output.tier;
  return isUnchanged ? undefined : { newProps: { ...known.output, tenantId, tier } };
}
