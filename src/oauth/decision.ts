// The person decides. No code exists before this, and it exists at most once: the step is used up in one place, whatever arrives
// together, immediately before the library makes the code.
import { authorizationErrorRedirect } from "@cloudflare/workers-oauth-provider";
import { alreadyUsed, noTransaction, refuse } from "./answers.ts";
import { destinationOf } from "./client-identity.ts";
import { type GrantProps, grantedScopes } from "./grant.ts";
import { useUp } from "./one-time.ts";
import { consentPage } from "./pages/consent.ts";
import { html } from "./pages/html.ts";
import { redirect, respond } from "./pages/page.ts";
import { leavePage } from "./pages/plain.ts";
import { authorizationServer } from "./server.ts";
import { onSubmit, transactionOf } from "./submission.ts";
import { clearedCookie, csrfToken, type TransactionAt } from "./transaction.ts";
import { nowSeconds, type Visit } from "./visit.ts";

/** GET /consent */
export async function showConsent(visit: Visit): Promise<Response> {
  const transaction = await transactionOf(visit, visit.url.searchParams.get("tx"));
  if (!transaction) return noTransaction(visit);
  if (transaction.stage !== "consent") return redirect(`/login?tx=${transaction.id}`);
  return respond(consentPage(transaction, await csrfToken(visit.keys, transaction, "decide")));
}

/** POST /authorize, and /consent as well. */
export const decide = onSubmit("decide", "consent", async (visit, form, transaction) => {
  const decision = form.get("decision");
  if (decision !== "approve" && decision !== "deny") return refuse(visit, 400, "No decision", "Go back, then choose Allow or Deny.");
  const cookies = [clearedCookie(transaction.id)];
  if (!(await useUp(visit.env, transaction.jti))) return alreadyUsed(visit, cookies);
  const { host } = destinationOf(transaction.request.redirectUri);
  const url =
    decision === "approve"
      ? await grant(visit, transaction, host, form.getAll("scope"))
      : authorizationErrorRedirect(transaction.request, "access_denied", "The person declined.");
  return respond(leavePage(url, html`Returning to <bdi class="host">${host}</bdi>`, cookies));
});

/** Makes the grant, and the address that carries its code to the client. */
async function grant(
  { env }: Visit,
  { request, client, account }: TransactionAt<"consent">,
  host: string,
  ticked: readonly string[],
): Promise<string> {
  const { userId, tenantId, tier, authTime } = account;
  const props: GrantProps = { userId, tenantId, tier, authTime, v: 1 };
  const { redirectTo } = await authorizationServer(env)
    .getOAuthApi(env)
    .completeAuthorization({
      request,
      userId,
      scope: [...grantedScopes(request.scope, ticked)],
      metadata: { clientName: client.name, host, at: nowSeconds() },
      props,
    });
  return redirectTo;
}
