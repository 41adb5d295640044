// Signing in with GitHub or Google, through the auth Worker's social bridge. `state` names a record that lives five minutes, is
// deleted before it is used, and counts only in the browser whose transaction it belongs to: a foreign `state` signs nobody in. The
// bridge's code is worth nothing without the verifier, which never leaves the gateway (RFC 7636).
import * as v from "valibot";
import { SocialProvider } from "../../../contracts/auth.ts";
import { digestText } from "../../../contracts/rpc/encoding.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import type { Config } from "../../config.ts";
import { TEXT_OF_32_BYTES } from "../../crypto/csrf.ts";
import { seal, unseal } from "../../crypto/seal.ts";
import { claimOnce } from "../../durable/one-time-mark.ts";
import { hasRepeatedName } from "../authorization-server/parameters.ts";
import { html } from "../pages/html.ts";
import { leavePage } from "../pages/notices.ts";
import { redirect, respond } from "../pages/page.ts";
import { PROVIDER_NAMES } from "../pages/sign-in.ts";
import { type BrowserRequest, nowSeconds } from "./browser-request.ts";
import { authUnavailable, badRequest, ENDED, refuse } from "./error-pages.ts";
import { completeSignIn } from "./sign-in.ts";
import { advance, randomText, transactionCookie } from "./transaction.ts";
import { onSubmit, transactionOf } from "./transaction-form.ts";

const STATE_LIFETIME_SECONDS = 300;

const SocialState = v.object({
  txId: v.string(),
  jti: v.string(),
  provider: SocialProvider,
  verifier: v.string(),
  /** Seconds since the Unix epoch. Storage forgets the record then as well, but may be late. */
  expiresAt: v.number(),
});
type SocialState = v.InferOutput<typeof SocialState>;

/** POST /oauth/github and /oauth/google: on to the provider. */
export function redirectToProvider(provider: SocialProvider): (visit: BrowserRequest) => Promise<Response> {
  return onSubmit(provider, "login", async (visit, _form, transaction) => {
    const { env, config, keys } = visit;
    const now = nowSeconds();
    const next = advance(transaction.id, { stage: "social", connection: transaction.connection, provider }, now);
    const cookie = await transactionCookie(keys, next);
    if (cookie === null) return badRequest(visit, "It is too long.");
    const state = randomText(32);
    const verifier = randomText(32);
    const key = await stateKey(state);
    const record: SocialState = {
      txId: next.id,
      jti: next.jti,
      provider,
      verifier,
      expiresAt: now + STATE_LIFETIME_SECONDS,
    };
    await env.OAUTH_KV.put(key, await seal(keys.social, JSON.stringify(record), key), {
      expirationTtl: STATE_LIFETIME_SECONDS,
    });

    const bridge = new URL("/social-bridge", config.authBaseUrl);
    const query = { provider, return_url: returnUrl(config), state, code_challenge: await digestText(verifier) };
    bridge.search = new URLSearchParams(query).toString();
    return respond(leavePage(bridge.href, html`Continuing to ${PROVIDER_NAMES[provider]}`, [cookie]));
  });
}

/** GET /oauth/callback: back from the provider, with a code or an error, and exactly the `state` that this browser left with. */
export async function finishSocialSignIn(visit: BrowserRequest): Promise<Response> {
  const { url, env, config, auth } = visit;
  const foreign = () => refuse(visit, 400, "That sign-in does not belong here", ENDED);
  const parameters = url.searchParams;
  const state = parameters.get("state") ?? "";
  const code = parameters.get("code");
  const isWellFormed =
    !hasRepeatedName(parameters) &&
    TEXT_OF_32_BYTES.test(state) &&
    (code === null) === parameters.has("error") &&
    (code === null || /^[\x21-\x7e]{1,512}$/.test(code));
  const record = isWellFormed ? await takeState(visit, state) : null;
  const transaction = record && (await transactionOf(visit, record.txId));
  if (transaction?.stage !== "social" || transaction.jti !== record?.jti || transaction.provider !== record.provider) {
    return foreign();
  }

  const backToLogin = () => redirect(`/login?tx=${transaction.id}&e=social`);
  if (code === null) return backToLogin();
  // Its cookie stays: it may be the next step's already, set by the answer to the request that came first.
  if (!(await claimOnce(env, transaction.jti))) return foreign();
  const proof = { codeVerifier: record.verifier, returnUrl: returnUrl(config) };
  const verdict = await auth.exchangeSocialCode(code, proof);
  if (verdict === AUTH_UNAVAILABLE) return authUnavailable(visit);
  return verdict.valid ? ((await completeSignIn(visit, transaction, verdict)) ?? backToLogin()) : backToLogin();
}

/** The record that `state` names, which is gone from now on; `null` where there is none or it is not ours. */
async function takeState({ env, keys }: BrowserRequest, state: string): Promise<SocialState | null> {
  const key = await stateKey(state);
  const sealed = await env.OAUTH_KV.get(key);
  if (sealed === null) return null;
  await env.OAUTH_KV.delete(key);
  const plain = await unseal(keys.social, sealed, key);
  const parsed = v.safeParse(SocialState, plain === null ? null : JSON.parse(plain));
  return parsed.success && parsed.output.expiresAt > nowSeconds() ? parsed.output : null;
}

function returnUrl({ issuer }: Config): string {
  return `${issuer}/oauth/callback`;
}

async function stateKey(state: string): Promise<string> {
  return `social_state:${await digestText(state)}`;
}
