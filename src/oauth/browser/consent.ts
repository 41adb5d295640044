// The decision: the user allows or denies access, or has a stored approval. No code exists before
// it, and at most one after it: the step is claimed in one place, whatever arrives in parallel,
// immediately before the library makes the code.
import { authorizationErrorRedirect } from "@cloudflare/workers-oauth-provider";
import { recordAccess } from "../../audit/recorder.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import { createGrantObject } from "../../durable/grant-object.ts";
import { approvedScopes, storeDecision } from "../authorization-server/approvals.ts";
import { destinationOf } from "../authorization-server/client-identity.ts";
import { completeAuthorization } from "../authorization-server/complete-authorization.ts";
import type { GrantProps } from "../authorization-server/grant-props.ts";
import type { GrantMetadata } from "../authorization-server/grants.ts";
import { grantedScopes } from "../authorization-server/scopes.ts";
import { nowSeconds } from "../clock.ts";
import { consentPage } from "../pages/consent.ts";
import { appName } from "../pages/forms.ts";
import { html } from "../pages/html.ts";
import { leavePage } from "../pages/notices.ts";
import { pageResponse, redirect } from "../pages/page.ts";
import { answerOnce } from "./answer-once.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { deviceOf } from "./device.ts";
import { alreadyUsed, authUnavailable, errorPage, noTransaction, retryLink } from "./error-pages.ts";
import { decidingAccount } from "./session.ts";
import type { Account, SignInOrigin } from "./signed-in-account.ts";
import { type Connection, clearedCookie, csrfToken, doneCookie, type TransactionAt } from "./transaction.ts";
import { readTransactionForm, transactionOf } from "./transaction-form.ts";

/** GET /consent: asks the user, or continues with a stored approval. */
export async function showConsent(browser: BrowserRequest): Promise<Response> {
  const transaction = await transactionOf(browser, browser.url.searchParams.get("tx"));
  if (!transaction) return noTransaction(browser);
  if (transaction.stage !== "consent") return redirect(`/login?tx=${transaction.id}`);
  const account = await decidingAccount(browser, transaction);
  if (account === AUTH_UNAVAILABLE) return authUnavailable(browser);
  if (account === null) return signInAgain(transaction);
  const { jti, connection, session } = transaction;
  const approved = await storedApproval(browser, connection, account);
  if (approved === null) return askForConsent(browser, transaction);
  const connect = async () => {
    const { redirectTo } = await makeGrant(browser, connection, { account, ...session }, approved);
    // Not a redirect: this responds to the form of the sign-in.
    return returnToClient(browser, transaction, redirectTo, "approved before");
  };
  return answerOnce(browser, { name: jti, digest: "stored approval" }, connect, () => decided(browser, transaction));
}

async function askForConsent(
  { config, texts }: BrowserRequest,
  transaction: TransactionAt<"consent">,
): Promise<Response> {
  const { id, connection, account } = transaction;
  const { client, request, metaHash } = connection;
  const view = {
    transactionId: id,
    csrf: await csrfToken(config, transaction, "decide"),
    email: account.email,
    client,
    redirectUri: request.redirectUri,
    requestedScopes: request.scope,
    canRemember: metaHash !== null,
  };
  return pageResponse(consentPage(view, texts));
}

/** POST /authorize and POST /consent: the decision of the consent page. */
export async function decide(browser: BrowserRequest): Promise<Response> {
  const submitted = await readTransactionForm(browser, "decide", ["consent"]);
  if (submitted instanceof Response) return submitted;
  const { form, transaction, once } = submitted;
  const decision = form.get("decision");
  if (decision !== "approve" && decision !== "deny")
    return errorPage(browser, {
      status: 400,
      title: "No decision",
      text: "Go back, then choose Allow or Deny.",
      link: retryLink(browser),
    });
  const account = await decidingAccount(browser, transaction);
  if (account === AUTH_UNAVAILABLE) return authUnavailable(browser);
  if (account === null) return signInAgain(transaction);
  const current = { ...transaction, account };
  const act = () => (decision === "deny" ? deny(browser, current) : allow(browser, current, form));
  return answerOnce(browser, once, act, () => decided(browser, transaction));
}

async function allow(
  browser: BrowserRequest,
  transaction: TransactionAt<"consent">,
  form: URLSearchParams,
): Promise<Response> {
  const { connection, account, session } = transaction;
  const { redirectTo, scopes } = await makeGrant(browser, connection, { account, ...session }, form.getAll("scope"));
  await storeDecision(browser, account.userId, connection, form.has("remember") ? scopes : null);
  return returnToClient(browser, transaction, redirectTo, "allowed");
}

/** RFC 6749 section 4.1.2.1. */
async function deny(browser: BrowserRequest, transaction: TransactionAt<"consent">): Promise<Response> {
  const { connection, account } = transaction;
  const { request } = connection;
  await storeDecision(browser, account.userId, connection, null);
  const { userId, tenantId } = account;
  const { clientId } = request;
  await recordAccess(browser, { type: "grant.declined", subject: userId, tenantId, clientId });
  const redirectTo = authorizationErrorRedirect(request, "access_denied", "The user denied access.");
  return returnToClient(browser, transaction, redirectTo, "denied");
}

/**
 * The scopes of a stored approval that covers this connection; `null` if the user must be asked. It
 * counts for a page that the user looks at only, not for one that is embedded or probed. The router
 * refuses a prefetch.
 */
export async function storedApproval(
  browser: BrowserRequest,
  connection: Connection,
  account: Account,
): Promise<readonly string[] | null> {
  const { method, headers } = browser.request;
  const isLookedAt = method === "GET" && (headers.get("Sec-Fetch-Dest") ?? "document") === "document";
  return isLookedAt ? approvedScopes(browser, account.userId, connection) : null;
}

export interface NewGrant {
  /** The client's address, with the code. */
  readonly redirectTo: string;
  readonly scopes: readonly string[];
}

/**
 * Makes the grant, beside any other of the same client. `allowed`: the optional scopes that the
 * user allows.
 */
export async function makeGrant(
  browser: BrowserRequest,
  { request, client }: Connection,
  { account, startedAtMs, sessionVersion }: SignInOrigin & { readonly account: Account },
  allowed: readonly string[],
): Promise<NewGrant> {
  const { env } = browser;
  const { userId } = account;
  const props: GrantProps = { userId, signedInAtMs: startedAtMs, sessionVersion, v: 1 };
  const { clientId, redirectUri } = request;
  const scope = [...grantedScopes(request.scope, allowed)];
  const [clientName, atMs, madeFrom] = [client.name, Date.now(), deviceOf(browser.request)];
  const metadata: GrantMetadata = { clientName, atMs, signedInAtMs: startedAtMs, madeFrom };
  const grant = { request, userId, scope, metadata, props, revokeExistingGrants: false };
  const { redirectTo } = await completeAuthorization(env, grant);
  const redirectOrigin = new URL(redirectUri).origin;
  const made = { clientId, clientName, scope, redirectOrigin, signedInAtMs: startedAtMs, createdAtMs: atMs, madeFrom };
  await createGrantObject(browser, redirectTo, made);
  await recordAccess(browser, {
    type: "grant.made",
    subject: userId,
    tenantId: account.tenantId,
    clientId,
    scopes: scope,
  });
  return { redirectTo, scopes: scope };
}

function signInAgain({ id }: TransactionAt<"consent">): Response {
  return redirect(`/login?tx=${id}&e=ended`);
}

function decided(browser: BrowserRequest, { id }: TransactionAt<"consent">): Response {
  return alreadyUsed(browser, [clearedCookie(id)]);
}

/** Goes back to the client. The page says what was decided: the client may not respond any more. */
async function returnToClient(
  { config }: BrowserRequest,
  transaction: TransactionAt<"consent">,
  url: string,
  decision: "allowed" | "denied" | "approved before",
): Promise<Response> {
  const { client, request } = transaction.connection;
  const { host } = destinationOf(request.redirectUri);
  const returning = html`Returning to <bdi class="host">${host}</bdi>`;
  const access = decision === "denied" ? html`has no access` : html`has access`;
  const cookies = [await doneCookie(config, transaction, nowSeconds())];
  const page =
    decision === "approved before"
      ? { heading: returning }
      : { heading: html`You ${decision} access`, text: html`${appName(client.name)} ${access}. ${returning}.` };
  return pageResponse(leavePage({ url, cookies, ...page }));
}
