// The signed-in user on the account pages.
import type { Identity } from "../../../contracts/rpc/identity.ts";
import type { AccessEvent } from "../../audit/event.ts";
import { recordAccess } from "../../audit/recorder.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import { type Page, pageResponse } from "../pages/page.ts";
import { accountUnavailable } from "./account-forms.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { type BrowserSession, sessionCookie, signedInSession } from "./session.ts";
import { signInForAccount } from "./sign-in.ts";

/** The user's identity for calls to the auth Worker. */
export function identityOf({ account: { userId, tenantId, tier } }: BrowserSession): Identity {
  return { subject: userId, tenantId, tier, scopes: ["read", "generate"], clientId: "gateway" };
}

/**
 * The session, checked at the auth Worker, because a new credential outlives the session; otherwise
 * the response. `title` is for the page that says that nothing was created.
 */
export async function revalidatedSession(browser: BrowserRequest, title: string): Promise<BrowserSession | Response> {
  const session = await signedInSession(browser);
  if (session === AUTH_UNAVAILABLE)
    return accountUnavailable(browser, title, "Your account could not be checked. Wait a moment, then try again.");
  return session ?? signInForAccount(browser);
}

/** The response with a page for a signed-in user. It extends the session. */
export async function signedInPage({ config }: BrowserRequest, session: BrowserSession, page: Page): Promise<Response> {
  return pageResponse({ ...page, cookies: [await sessionCookie(config, session)] });
}

/** Records a change that this user made. */
export function recordChange(
  browser: BrowserRequest,
  { account }: BrowserSession,
  change: Pick<AccessEvent, "type" | "clientId" | "scopes">,
): void {
  recordAccess(browser, { ...change, subject: account.userId });
}
