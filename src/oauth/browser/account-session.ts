// The signed-in user on the account pages.
import type { Identity } from "../../../contracts/rpc/identity.ts";
import type { AccessEvent } from "../../audit/event.ts";
import { recordAccess } from "../../audit/recorder.ts";
import { type Page, pageResponse } from "../pages/page.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { type BrowserSession, sessionCookie } from "./session.ts";

/** The user's identity for calls to the auth Worker. */
export function identityOf({ account: { userId, tenantId, tier } }: BrowserSession): Identity {
  return { subject: userId, tenantId, tier, scopes: ["read", "generate"], clientId: "gateway" };
}

/** The response with a page for a signed-in user. It extends the session. */
export async function signedInPage({ config }: BrowserRequest, session: BrowserSession, page: Page): Promise<Response> {
  return pageResponse({ ...page, cookies: [await sessionCookie(config, session)] });
}

/** Records a change that this user made. Wait for it. */
export function recordChange(
  browser: BrowserRequest,
  { account }: BrowserSession,
  change: Pick<AccessEvent, "type" | "clientId" | "scopes">,
): Promise<void> {
  return recordAccess(browser, { ...change, subject: account.userId, tenantId: account.tenantId });
}
