// Signing in with GitHub or Google, through the auth Worker's social bridge. `state` names a record that lives five minutes, is
// deleted before it is used, and counts only in the browser whose transaction it belongs to: a foreign `state` signs nobody in. The
// bridge's code is worth nothing without the verifier, which never leaves the gateway (RFC 7636).
import * as v from "valibot";
import { SocialProvider } from "../../contracts/auth.ts";
import { toBase64url } from "../../contracts/rpc/identity.ts";
import { alreadyUsed, authUnavailable, refuse, staleForm } from "./answers.ts";
import { AUTH_UNAVAILABLE, AuthService } from "./auth-service.ts";
import { repeatedName } from "./body.ts";
import { useUp } from "./one-time.ts";
import { PROVIDER_NAMES } from "./pages/forms.ts";
import { html } from "./pages/html.ts";
import { redirect, respond } from "./pages/page.ts";
import { leavePage } from "./pages/plain.ts";
import { seal, unseal } from "./seal.ts";
import { enter } from "./sign-in.ts";
import { readSubmission, transactionOf } from "./submission.ts";
import { advance, clearedCookie, randomText, transactionCookie } from "./transaction.ts";
import { nowSeconds, type Visit } from "./visit.ts";

const STATE_LIFETIME_SECONDS = 300;

const SocialState = v.object({ txId: v.string(), jti: v.string(), provider: SocialProvider, verifier: v.string() });
type SocialState = v.InferOutput<typeof SocialState>;

/** POST /oauth/github and /oauth/google: on to the provider. */
export async function leaveFor(visit: Visit, provider: SocialProvider): Promise<Response> {
  const submission = await readSubmission(visit, provider);
  if (submission instanceof Response) return submission;
  if (submission.transaction.stage !== "login") return staleForm(visit, submission.transaction.id);
  const { env, config, keys } = visit;
  const next = advance(submission.transaction, { stage: "social", provider }, nowSeconds());
  const cookie = await transactionCookie(keys, next);
  if (cookie === null) return staleForm(visit, next.id);

  const state = randomText(32);
  const verifier = randomText(32);
  const key = await stateKey(state);
  const record: SocialState = { txId: next.id, jti: next.jti, provider, verifier };
  await env.OAUTH_KV.put(key, await seal(keys.social, JSON.stringify(record), key), { expirationTtl: STATE_LIFETIME_SECONDS });

  const bridge = new URL("/social-bridge", config.authBaseUrl);
  bridge.search = new URLSearchParams({
    provider,
    return_url: returnUrl(visit),
    state,
    code_challenge: await sha256(verifier),
  }).toString();
  return respond(config.issuer, leavePage(bridge.href, html`Continuing to ${PROVIDER_NAMES[provider]}`, [cookie]));
}

/** GET /oauth/callback: back from the provider, with a code or an error, and exactly the `state` that this browser left with. */
export async function comeBack(visit: Visit): Promise<Response> {
  const { url, env, config, trace } = visit;
  const parameters = url.searchParams;
  const state = parameters.get("state") ?? "";
  const code = parameters.get("code");
  const isError = parameters.has("error");
  if (repeatedName(parameters) !== undefined || !/^[A-Za-z0-9_-]{43}$/.test(state) || (code !== null) === isError) return mismatch(visit);
  if (code !== null && !/^[\x21-\x7e]{1,512}$/.test(code)) return mismatch(visit);

  const record = await takeState(visit, state);
  if (!record) return mismatch(visit);
  const transaction = await transactionOf(visit, record.txId);
  if (transaction?.stage !== "social") return mismatch(visit);
  if (transaction.jti !== record.jti || transaction.provider !== record.provider) return mismatch(visit);

  const backToLogin = () => redirect(config.issuer, `/login?tx=${transaction.id}&e=social`);
  if (code === null) return backToLogin();
  if (!(await useUp(env, transaction.jti))) return alreadyUsed(visit, [clearedCookie(transaction.id)]);
  const proof = { codeVerifier: record.verifier, returnUrl: returnUrl(visit) };
  const verdict = await new AuthService(env, config, trace).exchangeSocialCode(code, proof);
  if (verdict === AUTH_UNAVAILABLE) return authUnavailable(visit);
  return verdict.valid ? enter(visit, transaction, verdict) : backToLogin();
}

/** The record that `state` names, which is gone from now on; `null` where there is none or it is not ours. */
async function takeState({ env, keys }: Visit, state: string): Promise<SocialState | null> {
  const key = await stateKey(state);
  const sealed = await env.OAUTH_KV.get(key);
  if (sealed === null) return null;
  await env.OAUTH_KV.delete(key);
  const plain = await unseal(keys.social, sealed, key);
  const parsed = v.safeParse(SocialState, plain === null ? null : JSON.parse(plain));
  return parsed.success ? parsed.output : null;
}

function mismatch(visit: Visit): Promise<Response> {
  return refuse(visit, {
    status: 400,
    title: "That sign-in does not belong here",
    text: "It was started in another browser, has ended, or was used before, so nobody was signed in. Start again from your app.",
    link: { href: "/", label: "About this gateway" },
  });
}

function returnUrl({ config }: Visit): string {
  return `${config.issuer}/oauth/callback`;
}

async function stateKey(state: string): Promise<string> {
  return `social_state:${await sha256(state)}`;
}

async function sha256(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}
