// The social bridge: `GET /social-bridge` takes a browser to GitHub or Google and back to the gateway with a one-time code. Two OAuth
// flows meet here, and neither sees the other's secrets: the gateway's (return_url, state, code_challenge) and the provider's.
import * as v from "valibot";
import { SocialProvider } from "../../contracts/auth.ts";
import { logCrash } from "./crash-log.ts";
import { EmailAddress, PersonName } from "./credentials.ts";
import { randomToken, sha256 } from "./digest.ts";
import { seal, unseal } from "./sealed.ts";
import { type Env, type Settings, settingsOf } from "./settings.ts";
import { issueCode } from "./social-codes.ts";
import type { Dance, Provider, ProviderChoice } from "./social-provider.ts";
import { type SocialRefusal, signInSocially } from "./users.ts";

/** What `return_url` may receive as `error`. */
export type BridgeError = "access_denied" | "provider_not_configured" | "provider_failed" | SocialRefusal;

/** As long as the gateway remembers its side. */
const TRANSACTION_SECONDS = 300;

const Start = v.object({
  provider: SocialProvider,
  return_url: v.string(),
  state: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{16,256}$/)),
  /** S256 (RFC 7636 section 4.2). */
  code_challenge: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
});

/** Both sides of one sign-in, as the browser's cookie holds them. */
const Transaction = v.object({
  provider: SocialProvider,
  /** Towards the provider. */
  state: v.string(),
  codeVerifier: v.string(),
  nonce: v.string(),
  /** Towards the gateway. */
  returnUrl: v.string(),
  gatewayState: v.string(),
  codeChallenge: v.string(),
});
type Transaction = v.InferOutput<typeof Transaction>;

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Answers everything below `/social-bridge`; 404 for the rest. `choose` says which providers there are. Never throws. */
export async function socialBridge(request: Request, env: Env, choose: ProviderChoice): Promise<Response> {
  const url = new URL(request.url);
  const callback = /^\/social-bridge\/callback\/(github|google)$/.exec(url.pathname)?.[1];
  if (url.pathname !== "/social-bridge" && callback === undefined) return plain(404, "There is nothing here.");
  if (request.method !== "GET") return plain(405, "Only GET is allowed here.", { allow: "GET" });
  try {
    const settings = settingsOf(env);
    const nowSeconds = Math.floor(Date.now() / 1000);
    const query = singles(url.searchParams);
    if (query === null) return plain(400, "This request names a parameter more than once.");
    if (callback === undefined) return await start(settings, choose, query, nowSeconds);
    return await finish(
      env,
      settings,
      choose,
      v.parse(SocialProvider, callback),
      query,
      request.headers.get("cookie") ?? "",
      nowSeconds,
    );
  } catch (error) {
    logCrash("social-bridge", error);
    return plain(503, "Sign-in is not available right now. Try again shortly.", { "retry-after": "5" });
  }
}

/** From the gateway to the provider. Nothing is believed, and nobody is redirected, before `return_url` is one of ours. */
async function start(
  settings: Settings,
  choose: ProviderChoice,
  query: Record<string, string>,
  nowSeconds: number,
): Promise<Response> {
  const request = v.safeParse(Start, query);
  if (!request.success || !settings.returnUrls.has(request.output.return_url)) {
    return plain(400, "This sign-in request is not valid. Go back to your app and start again.");
  }
  const { provider: name, return_url: returnUrl, state: gatewayState, code_challenge: codeChallenge } = request.output;
  const provider = choose(settings, name);
  if (!provider) return back({ returnUrl, gatewayState }, { error: "provider_not_configured" });
  const transaction: Transaction = {
    provider: name,
    state: randomToken(),
    codeVerifier: randomToken(),
    nonce: randomToken(),
    returnUrl,
    gatewayState,
    codeChallenge,
  };
  const sealed = await seal(settings.secret, "social-transaction", transaction, nowSeconds + TRANSACTION_SECONDS);
  const location = provider.authorizationUrl(await danceOf(settings, transaction));
  return redirect(location, cookie(cookieName(transaction.state), sealed, TRANSACTION_SECONDS));
}

/** From the provider back to the gateway. Only the browser that started a sign-in can end it: its cookie holds the state. */
async function finish(
  env: Env,
  settings: Settings,
  choose: ProviderChoice,
  name: SocialProvider,
  query: Record<string, string>,
  cookies: string,
  nowSeconds: number,
): Promise<Response> {
  const { state = "" } = query;
  const sealed = cookieValue(cookies, cookieName(state));
  const transaction = await unseal(settings.secret, "social-transaction", Transaction, sealed, nowSeconds);
  const provider = choose(settings, name);
  if (!transaction || transaction.state !== state || transaction.provider !== name || !provider) {
    return plain(
      400,
      "This sign-in has expired or was started in another browser. Go back to your app and start again.",
    );
  }
  const outcome = await identified(env, settings, provider, transaction, query, nowSeconds);
  return back(transaction, outcome, cookie(cookieName(state), "", 0));
}

async function identified(
  env: Env,
  settings: Settings,
  provider: Provider,
  transaction: Transaction,
  query: Record<string, string>,
  nowSeconds: number,
): Promise<{ code: string } | { error: BridgeError }> {
  const { code, error, iss } = query;
  // A code from another provider must not be sent to this one (mix-up, RFC 9207).
  if (iss !== undefined && iss !== provider.issuer) return { error: "provider_failed" };
  if (error !== undefined || code === undefined)
    return { error: error === "access_denied" ? error : "provider_failed" };
  let found: Awaited<ReturnType<Provider["identify"]>>;
  try {
    found = await provider.identify(code, await danceOf(settings, transaction));
  } catch (problem) {
    logCrash(`social-bridge.${transaction.provider}`, problem);
    return { error: "provider_failed" };
  }
  const email = v.safeParse(EmailAddress, found.email);
  if (!email.success) return { error: "email_not_verified" };
  const name = v.safeParse(PersonName, found.name);
  const profile = {
    ...found,
    provider: transaction.provider,
    email: email.output,
    name: name.success ? name.output : email.output,
  };
  const result = await signInSocially(env, profile, nowSeconds);
  return result.ok ? { code: await issueCode(env, result.userId, transaction, nowSeconds) } : { error: result.refusal };
}

async function danceOf(settings: Settings, { provider, state, codeVerifier, nonce }: Transaction): Promise<Dance> {
  const redirectUri = `${settings.baseUrl}/social-bridge/callback/${provider}`;
  return { state, codeVerifier, codeChallenge: await sha256(codeVerifier), nonce, redirectUri };
}

/** Each parameter's one value, or `null` where one comes twice (RFC 6749 section 3.1). */
function singles(parameters: URLSearchParams): Record<string, string> | null {
  const entries = [...parameters];
  return new Set(entries.map(([name]) => name)).size === entries.length ? Object.fromEntries(entries) : null;
}

/** One cookie a sign-in, so that two tabs do not disturb each other. */
function cookieName(state: string): string {
  return `__Host-social_${state.slice(0, 12)}`;
}

/** Lax: a Strict cookie would stay home on the way back from the provider. */
function cookie(name: string, value: string, maxAgeSeconds: number): Record<string, string> {
  return { "set-cookie": `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}` };
}

function cookieValue(header: string, name: string): string {
  const pair = header.split(/; */).find((part) => part.startsWith(`${name}=`));
  return pair?.slice(name.length + 1) ?? "";
}

function back(
  { returnUrl, gatewayState }: Pick<Transaction, "returnUrl" | "gatewayState">,
  outcome: { code: string } | { error: BridgeError },
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

function plain(status: number, sentence: string, headers: Record<string, string> = {}): Response {
  return new Response(`${sentence}\n`, {
    status,
    headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8", ...headers },
  });
}
