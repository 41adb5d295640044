// Deleting the account: the user types that they want it, and proves who they are with the password
// or, without one, with a sign-in of the last minutes. The deletion itself is a Durable Object's,
// which completes it whatever fails.
import { AUTH_UNAVAILABLE, type AuthUnavailable } from "../../backends/auth.ts";
import { orUnavailable } from "../../context.ts";
import { erasureObjectOf } from "../../durable/erasure-object.ts";
import { CONFIRMATION, type DeletionProof, type DeletionView, deletedPage, deletionPage } from "../pages/deletion.ts";
import { pageResponse } from "../pages/page.ts";
import { deleteUserCredentials } from "../resource-server/credential-cache.ts";
import {
  accountFormTokens,
  accountUnavailable,
  accountUnchecked,
  answerAccountForm,
  readAccountForm,
  type SubmittedAccountForm,
} from "./account-forms.ts";
import { identityOf, signedInPage } from "./account-session.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { isPasswordOf } from "./password.ts";
import { type BrowserSession, clearedSessionCookie, signedInSession } from "./session.ts";
import { signInForAccount } from "./sign-in.ts";

/** Age of a sign-in that proves who the user is. */
const FRESH_MS = 5 * 60_000;

/** GET /apps/delete */
export async function showDeletion(browser: BrowserRequest): Promise<Response> {
  const session = await signedInSession(browser);
  if (session === AUTH_UNAVAILABLE) return accountUnchecked(browser, "Your account cannot be shown");
  if (!session) return signInForAccount(browser);
  const proof = await proofOf(browser, session);
  if (proof === AUTH_UNAVAILABLE) return accountUnchecked(browser, "Your account cannot be shown");
  return formPage(browser, session, proof);
}

/** POST /apps/delete/sign-in: for users without a password, whose sign-in is too old. */
export async function signInToDelete(browser: BrowserRequest): Promise<Response> {
  const submitted = await readAccountForm(browser, "/apps/delete/sign-in", signInForAccount);
  // The new session ends this one.
  return submitted instanceof Response ? submitted : signInForAccount(browser, []);
}

/** POST /apps/delete */
export async function deleteAccount(browser: BrowserRequest): Promise<Response> {
  const submitted = await readAccountForm(browser, "/apps/delete", signInForAccount);
  if (submitted instanceof Response) return submitted;
  return answerAccountForm(browser, submitted, () => confirmAndDelete(browser, submitted));
}

async function confirmAndDelete(browser: BrowserRequest, { form, session }: SubmittedAccountForm): Promise<Response> {
  const proof = await proofOf(browser, session);
  if (proof === AUTH_UNAVAILABLE) return accountUnchecked(browser, "Nothing was deleted");
  const refuse = (status: number, problem: string, wrong: "confirmation" | "password" | null) =>
    formPage(browser, session, proof, { status, problem: `Nothing was deleted. ${problem}`, wrong });
  if (proof === "sign-in") return refuse(401, "Your last sign-in is too long ago.", null);
  const typed = (form.get("confirmation") ?? "").trim().toLowerCase();
  if (typed !== CONFIRMATION) return refuse(400, `Type “${CONFIRMATION}” to confirm.`, "confirmation");
  if (proof === "password") {
    const isRight = await isPasswordOf(browser, session.account, form.get("password") ?? "");
    if (isRight === AUTH_UNAVAILABLE) return accountUnchecked(browser, "Nothing was deleted");
    if (isRight === "paused") return refuse(429, "Too many attempts. Wait a few minutes, then try again.", null);
    if (!isRight) return refuse(401, "The password is wrong.", "password");
  }
  return startDeletion(browser, session);
}

async function startDeletion(browser: BrowserRequest, { account }: BrowserSession): Promise<Response> {
  const { env, config, trace } = browser;
  const { userId, tenantId } = account;
  const start = () => erasureObjectOf(env, userId).start({ userId, tenantId, traceId: trace.traceId });
  const started = await orUnavailable(trace, "account.unstarted", {}, async () => start());
  deleteUserCredentials(config, userId);
  if (started === "unavailable") {
    const text = "We do not know whether the deletion has begun. Wait a moment, then try again.";
    return accountUnavailable(browser, "Your account may not be deleted", text);
  }
  return pageResponse({ ...deletedPage(started), cookies: [clearedSessionCookie()] });
}

/** The proof that this user must give. Users with a password give it, however fresh the sign-in. */
async function proofOf(browser: BrowserRequest, session: BrowserSession): Promise<DeletionProof | AuthUnavailable> {
  const reply = await browser.auth.call("getSignInMethods", identityOf(session), {});
  if (!reply.ok) return AUTH_UNAVAILABLE;
  if (reply.value.methods.includes("password")) return "password";
  return session.startedAtMs > Date.now() - FRESH_MS ? "fresh" : "sign-in";
}

async function formPage(
  browser: BrowserRequest,
  session: BrowserSession,
  proof: DeletionProof,
  rejected?: NonNullable<DeletionView["rejected"]>,
): Promise<Response> {
  const tokens = await accountFormTokens(browser, session);
  const view = { email: session.account.email, proof, tokens, ...(rejected && { rejected }) };
  return signedInPage(browser, session, deletionPage(view));
}
