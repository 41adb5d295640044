// What a page's form sends, and the checks that every form passes before anything is done with it: media type, size, where it was
// sent from, no repeated fields, a transaction of this browser, and proof that our own page of this very step made it.
import { noTransaction, refuse, staleForm } from "./answers.ts";
import { hasMediaType, readBody, repeatedName } from "./body.ts";
import { isCsrfToken, openTransaction, type Transaction } from "./transaction.ts";
import { nowSeconds, type Visit } from "./visit.ts";

const LIMIT_BYTES = 8_192;

export interface Submission {
  readonly form: URLSearchParams;
  readonly transaction: Transaction;
}

/** The checked form `action`, or the page that says why not. */
export async function readSubmission(visit: Visit, action: string): Promise<Submission | Response> {
  const { request, url, keys } = visit;
  if (!hasMediaType(request, "application/x-www-form-urlencoded")) {
    return refuse(visit, { status: 415, title: "Unknown form", text: "This address takes the form of its own page and nothing else." });
  }
  if (!isSentFromHere(request, visit.config.issuer)) {
    return refuse(visit, { status: 403, title: "Sent from elsewhere", text: "This form did not come from this site, so it was not used." });
  }
  const body = await readBody(request, LIMIT_BYTES);
  if (body === null)
    return refuse(visit, { status: 413, title: "Too long", text: "The form is longer than any of our pages can make it." });
  const form = new URLSearchParams(new TextDecoder().decode(body));
  if (repeatedName(form, ["scope"]) !== undefined || repeatedName(url.searchParams) !== undefined) {
    return refuse(visit, { status: 400, title: "Unclear form", text: "A field was sent twice. Reload the page and try again." });
  }
  const transaction = await transactionOf(visit, url.searchParams.get("tx") ?? form.get("tx"));
  if (!transaction) return noTransaction(visit);
  if (!(await isCsrfToken(keys, transaction, action, form.get("csrf") ?? ""))) return staleForm(visit, transaction.id);
  return { form, transaction };
}

/** The transaction `id` of the browser that makes this request. */
export async function transactionOf({ request, keys }: Visit, id: string | null): Promise<Transaction | null> {
  return id === null ? null : openTransaction(keys, request.headers.get("Cookie"), id, nowSeconds());
}

/** What browsers say about the sender of a form. A missing `Origin` is let pass: cookie and token prove the browser already. */
function isSentFromHere(request: Request, issuer: string): boolean {
  const origin = request.headers.get("Origin");
  const site = request.headers.get("Sec-Fetch-Site");
  return (origin === null || origin === issuer) && site !== "cross-site" && site !== "same-site";
}
