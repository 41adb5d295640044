// The library's authorization server as this gateway runs it: endpoints, lifetimes, and the checks
// of the sign-in behind a grant at its redemption and at each refresh.
import {
  OAuthAuthorizationServer,
  OAuthError,
  type TokenExchangeCallbackOptions,
} from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { logWarning } from "../../../contracts/log.ts";
import { AUTH_UNAVAILABLE, AuthService } from "../../backends/auth.ts";
import { type Config, configOf } from "../../config.ts";
import { orUnavailable, type RequestContext } from "../../context.ts";
import { hasTokenEnded, userObjectOf } from "../../durable/user-object.ts";
import type { Env } from "../../env.ts";
import { confineLibraryFetch } from "./client-document.ts";
import { GrantProps, signInTimeOf } from "./grant-props.ts";
import { ownOrigins } from "./hosts.ts";
import { retryLater } from "./oauth-response.ts";
import { GRANT_SCOPES } from "./scopes.ts";

const HOUR = 3_600;
const DAY = 86_400;
/** Lifetime of a registration that has led to a grant. Renewed while it is used. */
export const CLIENT_SECRET_SECONDS = 90 * DAY;
/** Lifetime of a registration that has not. */
const UNUSED_CLIENT_SECONDS = DAY;

/**
 * The environment of one call to the library. Its callbacks see no request, so the context travels
 * in it.
 */
interface LibraryEnv extends Env {
  readonly context?: RequestContext;
}

interface Servers {
  readonly main: OAuthAuthorizationServer<LibraryEnv>;
  /**
   * Registers clients for a day. When the main server redeems the first code of such a client, less
   * than half of its own lifetime for registrations is left, so it renews the registration.
   */
  readonly registration: OAuthAuthorizationServer<LibraryEnv>;
}

const serversByEnv = new WeakMap<Env, Servers>();

function serversOf(env: Env): Servers {
  const known = serversByEnv.get(env);
  if (known) return known;
  const config = configOf(env);
  confineLibraryFetch(ownOrigins(config));
  const servers = {
    main: createServer(config, CLIENT_SECRET_SECONDS),
    registration: createServer(config, UNUSED_CLIENT_SECONDS),
  };
  serversByEnv.set(env, servers);
  return servers;
}

/**
 * The authorization server of this isolate. Throws `ConfigError` if the settings cannot be used.
 */
export function authorizationServer(env: Env): OAuthAuthorizationServer<LibraryEnv> {
  return serversOf(env).main;
}

/** The library's response to a registration of a client that has no grant yet. */
export function forwardRegistration({ env, ctx }: RequestContext, request: Request): Promise<Response> {
  return serversOf(env).registration.fetch(request, env, ctx as ExecutionContext); // it uses `waitUntil` only
}

/**
 * The library's response to `request`, at one of its own endpoints. `beforeDelete` is called with
 * each key of KV that the library is about to delete, and keeps the key if it throws.
 */
export function forwardToLibrary(
  context: RequestContext,
  request: Request,
  beforeDelete?: (key: string) => Promise<void>,
): Promise<Response> {
  const { OAUTH_KV } = context.env;
  const kv = beforeDelete ? observedKv(OAUTH_KV, beforeDelete) : OAUTH_KV;
  const env: LibraryEnv = { ...context.env, OAUTH_KV: kv, context };
  // The library uses `waitUntil` only, which a Durable Object's state has as well.
  return authorizationServer(context.env).fetch(request, env, context.ctx as ExecutionContext);
}

function observedKv(kv: KVNamespace, beforeDelete: (key: string) => Promise<void>): KVNamespace {
  async function observedDelete(key: string): Promise<void> {
    await beforeDelete(key);
    await kv.delete(key);
  }
  return new Proxy(kv, {
    get(target, name) {
      if (name === "delete") return observedDelete;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

function createServer(config: Config, clientRegistrationTTL: number): OAuthAuthorizationServer<LibraryEnv> {
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
    clientRegistrationTTL,
    clientIdMetadataDocumentEnabled: config.isCimdEnabled,
    allowPrivateUseRedirectUris: false,
    tokenExchangeCallback: checkSignIn,
    // Descriptions and details can hold a stranger's words: they stay out of the log.
    onError: ({ status, internal: { category, reason }, request }) => {
      logWarning("oauth.refused", { category, reason, status });
      // The document was usable a moment ago, at the endpoint. The library's `invalid_client` would
      // make the client throw its grant away.
      const isUnread = category === "client-id-metadata-document" && request !== undefined;
      return isUnread ? retryLater(request, 503, "The client could not be checked.", 30) : undefined;
    },
  });
}

/**
 * Checks the sign-in behind a grant when its code is redeemed and at each refresh, as wherever a
 * browser session is used: it has not ended, the account is active, its session version is the
 * same. Otherwise the library ends the grant. An unpaid bill does not: the resource server refuses
 * the calls until it is paid.
 */
async function checkSignIn(options: TokenExchangeCallbackOptions<LibraryEnv>): Promise<undefined> {
  const { grantId, env } = options;
  const { context } = env;
  if (!context) throw new Error("/token was called without a request context");
  const known = v.safeParse(GrantProps, options.props);
  if (!known.success) throw new OAuthError("invalid_grant", { description: "Sign in again." });
  const props = known.output;
  const { userId } = props;
  const ask = () =>
    Promise.all([userObjectOf(context.env, userId).tokenState({ grantId }), new AuthService(context).getUser(userId)]);
  const asked = await orUnavailable(context.trace, "grant.unchecked", {}, ask);
  if (asked === "unavailable") throw accountUnchecked();
  const [state, user] = asked;
  const signedInAtMs = signInTimeOf(props);
  if (hasTokenEnded(state, signedInAtMs)) throw new OAuthError("invalid_grant", { description: "Sign in again." });
  if (user === AUTH_UNAVAILABLE) throw accountUnchecked();
  if (!user?.isActive) throw new OAuthError("invalid_grant", { description: "This account can no longer be used." });
  const { sessionVersion, signedOutAtMs } = user;
  if (signedInAtMs <= signedOutAtMs || sessionVersion !== (props.sessionVersion ?? sessionVersion))
    throw new OAuthError("invalid_grant", { description: "Sign in again." });
}

function accountUnchecked(): OAuthError {
  return new OAuthError("temporarily_unavailable", {
    description: "The account could not be checked. Try again shortly.",
    statusCode: 503,
    headers: { "Retry-After": "10" },
  });
}
