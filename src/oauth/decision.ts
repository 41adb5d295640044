// The person decides. No code exists before this, and it exists at most once: the step is used up in one place, whatever arrives
// together, immediately before the library makes the code.
import { authorizationErrorRedirect } from "@cloudflare/workers-oauth-provider";
import { alreadyUsed, noTransaction, refuse, staleForm } from "./answers.ts";
import { destinationOf } from "./client-identity.ts";
import { type GrantProps, grantableScopes, grantedScopes } from "./grant.ts";
import { useUp } from "./one-time.ts";
import { consentPage } from "./pages/consent.ts";
import { html } from "./pages/html.ts";
import { redirect, respond } from "./pages/page.ts";
import { leavePage } from "./pages/plain.ts";
import { authorizationServer } from "./server.ts";
import { readSubmission, transactionOf } from "./submission.ts";
import { clearedCookie, csrfToken, type TransactionAt } from "./transaction.ts";
import { nowSeconds, type Visit } from "./visit.ts";

/** GET /consent */
export async function showConsent(visit: Visit): Promise<Response> {
  const transaction = await transactionOf(visit, visit.url.searchParams.get("tx"));
  if (!transaction) return noTransaction(visit);
  if (transaction.stage !== "consent") return redirect(visit.config.issuer, `/login?tx=${transaction.id}`);
  const main = consentPage({
    transactionId: transaction.id,
    csrf: await csrfToken(visit.keys, transaction, "decide"),
    client: transaction.client,
    redirectUri: transaction.request.redirectUri,
    email: transaction.account.email,
    scopes: grantableScopes(transaction.request.scope),
  });
  return respond(visit.config.issuer, { status: 200, title: `Allow ${transaction.client.name}?`, main });
}

/** POST /authorize, and /consent as well. */
export async function decide(visit: Visit): Promise<Response> {
  const submission = await readSubmission(visit, "decide");
  if (submission instanceof Response) return submission;
  const { form, transaction } = submission;
  if (transaction.stage !== "consent") return staleForm(visit, transaction.id);
  const decision = form.get("decision");
  if (decision !== "approve" && decision !== "deny") {
    return refuse(visit, { status: 400, title: "No decision", text: "Go back, then choose Allow or Deny." });
  }
  const cookies = [clearedCookie(transaction.id)];
  if (!(await useUp(visit.env, transaction.jti))) return alreadyUsed(visit, cookies);
  const url =
    decision === "approve"
      ? await grant(visit, transaction, form.getAll("scope"))
      : authorizationErrorRedirect(transaction.request, "access_denied", "The person declined.");
  const { host } = destinationOf(transaction.request.redirectUri);
  return respond(visit.config.issuer, leavePage(url, html`Returning to <bdi class="host">${host}</bdi>`, cookies));
}

/** Makes the grant, and the address that carries its code to the client. */
async function grant({ env }: Visit, { request, client, account }: TransactionAt<"consent">, ticked: readonly string[]): Promise<string> {
  const { userId, tenantId, tier, authTime } = account;
  const props: GrantProps = { userId, tenantId, tier, authTime, v: 1 };
  const { redirectTo } = await authorizationServer(env)
    .getOAuthApi(env)
    .completeAuthorization({
      request,
      userId,
      scope: [...grantedScopes(request.scope, ticked)],
      metadata: { clientName: client.name, host: destinationOf(request.redirectUri).host, at: nowSeconds() },
      props,
    });
  return redirectTo;
}
