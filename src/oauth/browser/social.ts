// Sign-in with GitHub or Google, through the auth Worker's social bridge. `state` names a record
// that lives five minutes, is deleted before it is used, and is valid only in the browser that
// holds its transaction: a foreign `state` signs no one in. The bridge's code is worthless without
// the verifier (RFC 7636), which only the auth Worker ever receives.
import * as v from "valibot";
import { SocialProvider } from "../../../contracts/auth.ts";
import { digestText } from "../../../contracts/rpc/encoding.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import type { Config } from "../../config.ts";
import type { RequestContext } from "../../context.ts";
import { TEXT_OF_32_BYTES } from "../../crypto/csrf.ts";
import { keyRingOf } from "../../crypto/key-ring.ts";
import { randomText } from "../../crypto/random.ts";
import { seal, unseal } from "../../crypto/seal.ts";
import { claimOnce } from "../../durable/one-time-mark.ts";
import { hasRepeatedName } from "../authorization-server/parameters.ts";
import { nowSeconds } from "../clock.ts";
import { html } from "../pages/html.ts";
import { leavePage } from "../pages/notices.ts";
import { pageResponse, redirect } from "../pages/page.ts";
import { PROVIDER_NAMES } from "../pages/sign-in.ts";
import { answerOnce } from "./answer-once.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { authUnavailable, badRequest, errorPage, SIGN_IN_ENDED } from "./error-pages.ts";
import { completeSignIn } from "./sign-in.ts";
import { advance, type Transaction, transactionCookie } from "./transaction.ts";
import { readTransactionForm, SIGN_IN_STAGES, transactionOf } from "./transaction-form.ts";

const STATE_LIFETIME_SECONDS = 300;

const SocialState = v.object({
  txId: v.string(),
  jti: v.string(),
  provider: SocialProvider,
  verifier: v.string(),
  /** Seconds since the Unix epoch. KV deletes the record then as well, but may be late. */
  expiresAt: v.number(),
});
type SocialState = v.InferOutput<typeof SocialState>;

/** POST /oauth/github */
export function redirectToGitHub(browser: BrowserRequest): Promise<Response> {
  return redirectToProvider(browser, "github");
}

/** POST /oauth/google */
export function redirectToGoogle(browser: BrowserRequest): Promise<Response> {
  return redirectToProvider(browser, "google");
}

async function redirectToProvider(browser: BrowserRequest, provider: SocialProvider): Promise<Response> {
  const submitted = await readTransactionForm(browser, provider, SIGN_IN_STAGES);
  if (submitted instanceof Response) return submitted;
  const leave = () => leaveForProvider(browser, submitted.transaction, provider);
  return answerOnce(browser, submitted.once, leave, leave);
}

async function leaveForProvider(
  browser: BrowserRequest,
  transaction: Transaction,
  provider: SocialProvider,
): Promise<Response> {
  const { config } = browser;
  const now = nowSeconds();
  const { id, connection } = transaction;
  const next = advance(transaction, { stage: "social", connection, provider }, now);
  const cookie = await transactionCookie(config, next);
  if (cookie === null) return badRequest(browser, "It is too long.");
  const state = randomText(32);
  const verifier = randomText(32);
  const expiresAt = now + STATE_LIFETIME_SECONDS;
  await storeState(browser, state, { txId: id, jti: next.jti, provider, verifier, expiresAt });

  const bridge = new URL("/social-bridge", config.authBaseUrl);
  const query = { provider, return_url: returnUrl(config), state, code_challenge: await digestText(verifier) };
  bridge.search = new URLSearchParams(query).toString();
  return pageResponse(
    leavePage({ url: bridge.href, heading: html`Continuing to ${PROVIDER_NAMES[provider]}`, cookies: [cookie] }),
  );
}

/**
 * GET /oauth/callback: from the provider, with a code or an error, and exactly the `state` that
 * this browser was sent with.
 */
export async function finishSocialSignIn(browser: BrowserRequest): Promise<Response> {
  const { env, config, auth } = browser;
  // HEAD must not consume the state.
  const callback = browser.request.method === "GET" ? callbackIn(browser.url.searchParams) : null;
  const record = callback && (await takeState(browser, callback.state));
  const transaction = record && (await transactionOf(browser, record.txId));
  if (!callback || !record || transaction?.stage !== "social") return foreignSignIn(browser);
  if (transaction.jti !== record.jti || transaction.provider !== record.provider) return foreignSignIn(browser);

  const backToLogIn = () => redirect(`/login?tx=${transaction.id}&e=social`);
  if (callback.code === null) return backToLogIn();
  // The cookie stays: the response to the request that came first may have set the next step's.
  if (!(await claimOnce(env, transaction.jti))) return foreignSignIn(browser);
  const proof = { codeVerifier: record.verifier, returnUrl: returnUrl(config) };
  const reply = await auth.exchangeSocialCode(callback.code, proof);
  if (reply === AUTH_UNAVAILABLE) return authUnavailable(browser);
  return reply.valid ? ((await completeSignIn(browser, transaction, reply)) ?? backToLogIn()) : backToLogIn();
}

/** `code` is `null` if the provider returned an error. */
interface Callback {
  readonly state: string;
  readonly code: string | null;
}

/** The parameters of a well-formed callback: each once, and either a code or an error. */
function callbackIn(parameters: URLSearchParams): Callback | null {
  const state = parameters.get("state") ?? "";
  const code = parameters.get("code");
  const isWellFormed =
    !hasRepeatedName(parameters) &&
    TEXT_OF_32_BYTES.test(state) &&
    (code === null) === parameters.has("error") &&
    (code === null || /^[\x21-\x7e]{1,512}$/.test(code));
  return isWellFormed ? { state, code } : null;
}

function foreignSignIn(browser: BrowserRequest): Response {
  return errorPage(browser, { status: 400, title: "This sign-in cannot be continued", text: SIGN_IN_ENDED });
}

async function storeState({ env, config }: RequestContext, state: string, record: SocialState): Promise<void> {
  const key = await stateKey(state);
  const sealed = await seal(await keyRingOf(config, "social"), JSON.stringify(record), key);
  await env.OAUTH_KV.put(key, sealed, { expirationTtl: STATE_LIFETIME_SECONDS });
}

/** Reads and deletes the record of `state`; `null` if there is none, or it is not ours. */
async function takeState({ env, config }: RequestContext, state: string): Promise<SocialState | null> {
  const key = await stateKey(state);
  const sealed = await env.OAUTH_KV.get(key);
  if (sealed === null) return null;
  await env.OAUTH_KV.delete(key);
  const plain = await unseal(await keyRingOf(config, "social"), sealed, key);
  const parsed = v.safeParse(SocialState, plain === null ? null : JSON.parse(plain));
  return parsed.success && parsed.output.expiresAt > nowSeconds() ? parsed.output : null;
}

function returnUrl({ issuer }: Config): string {
  return `${issuer}/oauth/callback`;
}

async function stateKey(state: string): Promise<string> {
  return `social_state:${await digestText(state)}`;
}
