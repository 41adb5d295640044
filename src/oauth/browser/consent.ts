// The person decides, or has decided before and asked for that to be remembered. No code exists before this, and it exists at most
// once: the step is used up in one place, whatever arrives together, immediately before the library makes the code.
import { authorizationErrorRedirect } from "@cloudflare/workers-oauth-provider";
import { recordAccess } from "../../audit/sinks.ts";
import { createGrantObject } from "../../durable/grant-object.ts";
import { claimOnce } from "../../durable/one-time-mark.ts";
import { approvedScopes, rememberDecision } from "../authorization-server/approvals.ts";
import { destinationOf } from "../authorization-server/client-identity.ts";
import { type GrantProps, grantedScopes } from "../authorization-server/grant.ts";
import { authorizationServer } from "../authorization-server/server.ts";
import { consentPage } from "../pages/consent.ts";
import { html } from "../pages/html.ts";
import { leavePage } from "../pages/notices.ts";
import { redirect, respond } from "../pages/page.ts";
import { type BrowserRequest, nowSeconds } from "./browser-request.ts";
import { alreadyUsed, noTransaction, refuse } from "./error-pages.ts";
import { hasSignedOut } from "./session.ts";
import { type Account, type Connection, clearedCookie, csrfToken, type TransactionAt } from "./transaction.ts";
import { onSubmit, transactionOf } from "./transaction-form.ts";

/** GET /consent: asks, or goes on where the person said that they need not be asked. */
export async function showConsent(visit: BrowserRequest): Promise<Response> {
  const transaction = await transactionOf(visit, visit.url.searchParams.get("tx"));
  if (!transaction) return noTransaction(visit);
  if (transaction.stage !== "consent") return redirect(`/login?tx=${transaction.id}`);
  if (await hasSignedOut(visit, transaction)) return signInAgain(transaction);
  const { id, jti, connection, account } = transaction;
  const approved = await rememberedScopes(visit, connection, account);
  if (approved === null) return respond(consentPage(transaction, await csrfToken(visit.keys, transaction, "decide")));
  const cookies = [clearedCookie(id)];
  if (!(await claimOnce(visit.env, jti))) return alreadyUsed(visit, cookies);
  // Not a redirect: this answers the form that the person signed in with.
  return returnToClient(connection, (await grant(visit, connection, account, approved)).redirectTo, cookies);
}

/** POST /authorize, and /consent as well. */
export const decide = onSubmit("decide", "consent", async (visit, form, transaction) => {
  const { env, ctx, trace } = visit;
  const { id, jti, connection, account } = transaction;
  const decision = form.get("decision");
  if (decision !== "approve" && decision !== "deny")
    return refuse(visit, 400, "No decision", "Go back, then choose Allow or Deny.");
  if (await hasSignedOut(visit, transaction)) return signInAgain(transaction);
  const cookies = [clearedCookie(id)];
  if (!(await claimOnce(env, jti))) return alreadyUsed(visit, cookies);
  if (decision === "deny") {
    await rememberDecision(env, account.userId, connection, null);
    const change = { type: "grant.declined", subject: account.userId, clientId: connection.request.clientId } as const;
    recordAccess(env.PLATFORM_EVENTS_QUEUE, ctx, trace.traceId, change);
    return returnToClient(
      connection,
      authorizationErrorRedirect(connection.request, "access_denied", "The person declined."),
      cookies,
    );
  }
  const { redirectTo, scopes } = await grant(visit, connection, account, form.getAll("scope"));
  await rememberDecision(env, account.userId, connection, form.has("remember") ? scopes : null);
  return returnToClient(connection, redirectTo, cookies);
});

/**
 * What the person approved before, so that they need not be asked; `null`: ask. Only a page that they look at goes on by itself,
 * not one that something fetches ahead, embeds or probes.
 */
export async function rememberedScopes(
  { env, request }: BrowserRequest,
  connection: Connection,
  account: Account,
): Promise<readonly string[] | null> {
  const { method, headers } = request;
  const isLookedAt =
    method !== "HEAD" && !headers.has("Sec-Purpose") && (headers.get("Sec-Fetch-Dest") ?? "document") === "document";
  return isLookedAt ? approvedScopes(env, account.userId, connection) : null;
}

/** Makes the grant, with the address that carries its code to the client. `allowed`: what the person allows, beyond reading. */
export async function grant(
  { env, ctx, trace }: BrowserRequest,
  { request, client }: Connection,
  { userId, tenantId, tier, authTime }: Account,
  allowed: readonly string[],
): Promise<{ readonly redirectTo: string; readonly scopes: readonly string[] }> {
  const props: GrantProps = { userId, tenantId, tier, authTime, v: 1 };
  const scopes = grantedScopes(request.scope, allowed);
  const { host } = destinationOf(request.redirectUri);
  const { redirectTo } = await authorizationServer(env)
    .getOAuthApi(env)
    .completeAuthorization({
      request,
      userId,
      scope: [...scopes],
      metadata: { clientName: client.name, host, at: nowSeconds() },
      props,
    });
  await createGrantObject(env, redirectTo, trace.traceId);
  const change = { type: "grant.made", subject: userId, clientId: request.clientId, scopes } as const;
  recordAccess(env.PLATFORM_EVENTS_QUEUE, ctx, trace.traceId, change);
  return { redirectTo, scopes };
}

function signInAgain({ id }: TransactionAt<"consent">): Response {
  return redirect(`/login?tx=${id}&e=ended`);
}

function returnToClient({ request }: Connection, url: string, cookies: readonly string[]): Response {
  const { host } = destinationOf(request.redirectUri);
  return respond(leavePage(url, html`Returning to <bdi class="host">${host}</bdi>`, cookies));
}
