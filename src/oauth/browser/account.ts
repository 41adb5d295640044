// The account page: connected apps, and signing out.
import { recentActivity } from "../../backends/activity.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import { latestPictures } from "../../backends/pictures.ts";
import { randomText } from "../../crypto/random.ts";
import { findUserGrant, listUserGrants } from "../authorization-server/grants.ts";
import { revokeGrant, revokeUser } from "../authorization-server/revocation.ts";
import { accountPage, disconnectedPage, notSignedInPage, signedOutPage, signOutPage } from "../pages/account.ts";
import { pageResponse, redirect } from "../pages/page.ts";
import {
  ACCOUNT_LINK,
  accountFormTokens,
  accountUnchecked,
  answerAccountForm,
  readAccountForm,
  type SubmittedAccountForm,
} from "./account-forms.ts";
import { identityOf, recordChange, signedInPage } from "./account-session.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { errorPage } from "./error-pages.ts";
import { clearedSessionCookie, endSession, sessionOf, signedInSession } from "./session.ts";
import { signInForAccount } from "./sign-in.ts";

/** GET /apps */
export async function showAccount(browser: BrowserRequest): Promise<Response> {
  const session = await signedInSession(browser);
  if (session === AUTH_UNAVAILABLE) return accountUnchecked(browser, "Your account cannot be shown");
  if (!session) return signInForAccount(browser);
  const { userId, email } = session.account;
  const identity = identityOf(session);
  const [{ grants, next }, keys, balance, charges, pictures, activity, tokens] = await Promise.all([
    listUserGrants(browser, userId, browser.url.searchParams.get("cursor")),
    browser.auth.call("listApiKeys", identity, {}),
    browser.auth.call("getCredits", identity, {}),
    browser.auth.call("listCharges", identity, {}),
    latestPictures(browser, identity),
    recentActivity(browser, identity),
    accountFormTokens(browser, session),
  ]);
  const once = { key: randomText(16), token: randomText(16) };
  const credits = {
    balance: balance.ok ? balance.value : null,
    charges: charges.ok ? charges.value.charges : null,
    pictures,
  };
  const view = { email, grants, next, keys: keys.ok ? keys.value.keys : null, credits, activity, tokens, once };
  return signedInPage(browser, session, accountPage(browser.config.isOpenToApps, view, browser.texts));
}

/**
 * POST /apps/revoke: ends one app's access. The look-up is among the user's own grants, so it
 * cannot find another user's.
 */
export async function revokeApp(browser: BrowserRequest): Promise<Response> {
  const submitted = await readAccountForm(browser, "/apps/revoke", signInForAccount);
  if (submitted instanceof Response) return submitted;
  return answerAccountForm(browser, submitted, () => revokeNamedApp(browser, submitted));
}

async function revokeNamedApp(browser: BrowserRequest, { form, session }: SubmittedAccountForm): Promise<Response> {
  const { userId } = session.account;
  const grant = await findUserGrant(browser, userId, form.get("grantId") ?? "");
  if (!grant) {
    return errorPage(browser, {
      status: 404,
      title: "Not connected any more",
      text: "That app has no access to your account.",
      link: ACCOUNT_LINK,
    });
  }
  await revokeGrant(browser, session.account, grant);
  return redirect("/apps");
}

/** POST /apps/revoke-all: ends every app's access and every browser session, this one included. */
export async function revokeEverything(browser: BrowserRequest): Promise<Response> {
  const submitted = await readAccountForm(browser, "/apps/revoke-all", signInForAccount);
  if (submitted instanceof Response) return submitted;
  return answerAccountForm(browser, submitted, async () => {
    const { userId, tenantId } = submitted.session.account;
    await revokeUser(browser, userId, tenantId);
    return pageResponse({ ...disconnectedPage(), cookies: [clearedSessionCookie()] });
  });
}

/** GET /logout: asks first, because a link must not sign a user out. */
export async function showLogOut(browser: BrowserRequest): Promise<Response> {
  const session = await sessionOf(browser);
  if (!session) return notSignedIn();
  const tokens = await accountFormTokens(browser, session);
  return signedInPage(browser, session, signOutPage(session.account.email, tokens));
}

/** POST /logout: ends the session itself, so that a copy of its cookie is void as well. */
export async function logOut(browser: BrowserRequest): Promise<Response> {
  const submitted = await readAccountForm(browser, "/logout", notSignedIn);
  if (submitted instanceof Response) return submitted;
  return answerAccountForm(browser, submitted, async () => {
    await endSession(browser, submitted.session);
    await recordChange(browser, submitted.session, { type: "session.ended", clientId: null });
    return pageResponse({ ...signedOutPage(), cookies: [clearedSessionCookie()] });
  });
}

function notSignedIn(): Response {
  return pageResponse({ ...notSignedInPage(), cookies: [clearedSessionCookie()] });
}
