// The social bridge: `GET /social-bridge` sends a browser to GitHub or Google and back to the
// gateway with a one-time code. It joins two OAuth flows, and neither sees the secrets of the
// other: the gateway's (return_url, state, code_challenge) and the provider's.
import * as v from "valibot";
import { SocialProvider } from "../../contracts/auth.ts";
import { DisplayName, EmailAddress } from "./account-fields.ts";
import { logCrash } from "./crash-log.ts";
import { randomToken, sha256 } from "./digest.ts";
import { readableEmail } from "./email-spellings.ts";
import { type SealKey, seal, unseal } from "./seal.ts";
import { type Env, type Settings, settingsOf } from "./settings.ts";
import { issueCode } from "./social-codes.ts";
import type { AuthorizationRequest, Provider, ProviderLookup, ProviderUser } from "./social-provider.ts";
import { type SocialRefusal, signInSocially } from "./users.ts";

/** Values of the parameter `error` at the `return_url`. */
export type BridgeError = "access_denied" | "provider_not_configured" | "provider_failed" | SocialRefusal;

/** Equals the lifetime of the gateway's own transaction. */
const TRANSACTION_SECONDS = 300;

const StartQuery = v.object({
  provider: SocialProvider,
  return_url: v.string(),
  state: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{16,256}$/)),
  /** S256 (RFC 7636 section 4.2). */
  code_challenge: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
});

/** Both flows of one sign-in, sealed in a cookie of the browser. */
const Transaction = v.object({
  provider: SocialProvider,
  /** Sent to the provider. */
  state: v.string(),
  codeVerifier: v.string(),
  nonce: v.string(),
  /** Received from the gateway. */
  returnUrl: v.string(),
  gatewayState: v.string(),
  codeChallenge: v.string(),
});
type Transaction = v.InferOutput<typeof Transaction>;

/** The parameters that the gateway receives beside its `state`. */
type Outcome = { readonly code: string } | { readonly error: BridgeError };

/** One request to the bridge. */
interface BridgeRequest {
  readonly env: Env;
  readonly settings: Settings;
  readonly findProvider: ProviderLookup;
  readonly query: Readonly<Record<string, string>>;
  /** The `Cookie` header, or an empty string. */
  readonly cookies: string;
  readonly nowSeconds: number;
}

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Serves every path below `/social-bridge`, and 404 for all others. Never throws. */
export async function socialBridge(request: Request, env: Env, findProvider: ProviderLookup): Promise<Response> {
  const url = new URL(request.url);
  const callback = /^\/social-bridge\/callback\/(github|google)$/.exec(url.pathname)?.[1];
  if (url.pathname !== "/social-bridge" && callback === undefined) return plainText(404, "Not found.");
  if (request.method !== "GET") return plainText(405, "Method not allowed. Use GET.", { allow: "GET" });
  try {
    const query = uniqueParameters(url.searchParams);
    const settings = settingsOf(env);
    if (query === null) return plainText(400, "This request contains a parameter more than once.");
    const cookies = request.headers.get("cookie") ?? "";
    const bridge = { env, settings, findProvider, query, cookies, nowSeconds: Math.floor(Date.now() / 1000) };
    if (callback === undefined) return await startSignIn(bridge);
    return await finishSignIn(bridge, v.parse(SocialProvider, callback));
  } catch (error) {
    logCrash("social-bridge", error);
    return plainText(503, "Sign-in is not available right now. Try again shortly.", { "retry-after": "5" });
  }
}

/**
 * Redirects from the gateway to the provider. No redirect happens before `return_url` is an allowed
 * one.
 */
async function startSignIn({ settings, findProvider, query, nowSeconds }: BridgeRequest): Promise<Response> {
  const request = v.safeParse(StartQuery, query);
  if (!request.success || !settings.returnUrls.has(request.output.return_url)) {
    return plainText(400, "This sign-in request is not valid. Go back to your app and start again.");
  }
  const { provider: name, return_url: returnUrl, state: gatewayState, code_challenge: codeChallenge } = request.output;
  const provider = findProvider(settings, name);
  if (!provider) return redirectToGateway({ returnUrl, gatewayState }, { error: "provider_not_configured" });
  const transaction: Transaction = {
    provider: name,
    state: randomToken(),
    codeVerifier: randomToken(),
    nonce: randomToken(),
    returnUrl,
    gatewayState,
    codeChallenge,
  };
  const sealed = await seal(sealKeyOf(settings), transaction, nowSeconds + TRANSACTION_SECONDS);
  const location = provider.authorizationUrl(await authorizationRequestOf(settings, transaction));
  return redirect(location, setCookie(cookieName(transaction.state), sealed, TRANSACTION_SECONDS));
}

/**
 * Redirects from the provider to the gateway. Only the browser that started the sign-in can finish
 * it: its cookie contains the state.
 */
async function finishSignIn(bridge: BridgeRequest, name: SocialProvider): Promise<Response> {
  const { settings, findProvider, query, cookies, nowSeconds } = bridge;
  const { state = "" } = query;
  const sealed = cookieValue(cookies, cookieName(state));
  const transaction = await unseal(sealKeyOf(settings), Transaction, sealed, nowSeconds);
  const provider = findProvider(settings, name);
  if (!transaction || transaction.state !== state || transaction.provider !== name || !provider) {
    return plainText(
      400,
      "This sign-in has expired or was started in another browser. Go back to your app and start again.",
    );
  }
  const outcome = await outcomeOf(bridge, provider, transaction);
  return redirectToGateway(transaction, outcome, setCookie(cookieName(state), "", 0));
}

/** Signs in the user that the provider returned, and issues a one-time code for them. */
async function outcomeOf(bridge: BridgeRequest, provider: Provider, transaction: Transaction): Promise<Outcome> {
  const { env, settings, query, nowSeconds } = bridge;
  const { code, error, iss } = query;
  // A code of another provider must not be sent to this one (mix-up attack, RFC 9207).
  if (iss !== undefined && iss !== provider.issuer) return { error: "provider_failed" };
  if (error !== undefined || code === undefined)
    return { error: error === "access_denied" ? error : "provider_failed" };
  let user: ProviderUser;
  try {
    user = await provider.redeem(code, await authorizationRequestOf(settings, transaction));
  } catch (problem) {
    logCrash(`social-bridge.${transaction.provider}`, problem);
    return { error: "provider_failed" };
  }
  const email = v.safeParse(EmailAddress, user.email);
  if (!email.success) return { error: "email_not_verified" };
  const name = v.safeParse(DisplayName, user.name);
  const profile = {
    ...user,
    provider: transaction.provider,
    email: email.output,
    name: name.success ? name.output : readableEmail(email.output),
  };
  const result = await signInSocially(env, profile, nowSeconds);
  return result.ok ? { code: await issueCode(env, result.userId, transaction, nowSeconds) } : { error: result.refusal };
}

function sealKeyOf({ secret }: Settings): SealKey {
  return { secret, purpose: "social-transaction" };
}

async function authorizationRequestOf(
  settings: Settings,
  { provider, state, codeVerifier, nonce }: Transaction,
): Promise<AuthorizationRequest> {
  const redirectUri = `${settings.baseUrl}/social-bridge/callback/${provider}`;
  return { state, codeVerifier, codeChallenge: await sha256(codeVerifier), nonce, redirectUri };
}

/** Parameters by name, or `null` if one is repeated (RFC 6749 section 3.1). */
function uniqueParameters(parameters: URLSearchParams): Record<string, string> | null {
  const entries = [...parameters];
  return new Set(entries.map(([name]) => name)).size === entries.length ? Object.fromEntries(entries) : null;
}

/** One cookie per sign-in, so that sign-ins in two tabs do not overwrite each other. */
function cookieName(state: string): string {
  return `__Host-social_${state.slice(0, 12)}`;
}

/** SameSite=Lax: a browser does not send a Strict cookie on the redirect from the provider. */
function setCookie(name: string, value: string, maxAgeSeconds: number): Record<string, string> {
  return { "set-cookie": `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}` };
}

function cookieValue(header: string, name: string): string {
  const pair = header.split(/; */).find((part) => part.startsWith(`${name}=`));
  return pair?.slice(name.length + 1) ?? "";
}

function redirectToGateway(
  { returnUrl, gatewayState }: Pick<Transaction, "returnUrl" | "gatewayState">,
  outcome: Outcome,
  headers: Record<string, string> = {},
): Response {
  const url = new URL(returnUrl);
  for (const [name, value] of Object.entries(outcome)) url.searchParams.set(name, value);
  url.searchParams.set("state", gatewayState);
  return redirect(url.href, headers);
}

function redirect(location: string, headers: Record<string, string>): Response {
  return new Response(null, { status: 302, headers: { ...HEADERS, ...headers, location } });
}

function plainText(status: number, sentence: string, headers: Record<string, string> = {}): Response {
  return new Response(`${sentence}\n`, {
    status,
    headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8", ...headers },
  });
}
