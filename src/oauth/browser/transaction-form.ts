// What a page's form sends, and the checks that every form passes before anything is done with it: media type, size, where it was
// sent from, no repeated fields, a transaction of this browser, and proof that our own page of this very step made it.
import { readUpTo } from "../../limits/bounded-read.ts";
import { hasMediaType, hasRepeatedName } from "../authorization-server/parameters.ts";
import { type BrowserRequest, nowSeconds } from "./browser-request.ts";
import { noTransaction, refuse, staleForm, type Ways } from "./error-pages.ts";
import { isCsrfToken, openTransaction, type StageName, type Transaction, type TransactionAt } from "./transaction.ts";

const LIMIT_BYTES = 8_192;

/** A route that hands the checked form `action` of `stage` to `answer`, or says why not. */
export function onSubmit<Name extends StageName>(
  action: string,
  stage: Name,
  answer: (visit: BrowserRequest, form: URLSearchParams, transaction: TransactionAt<Name>) => Promise<Response>,
): (visit: BrowserRequest) => Promise<Response> {
  return async (visit) => {
    const { url, keys } = visit;
    const form = await readForm(visit);
    if (form instanceof Response) return form;
    const transaction = await transactionOf(visit, url.searchParams.get("tx") ?? form.get("tx"));
    if (!transaction) return noTransaction(visit);
    const isOurs = isAt(transaction, stage) && (await isCsrfToken(keys, transaction, action, form.get("csrf") ?? ""));
    return isOurs ? answer(visit, form, transaction) : staleForm(visit, transaction.id);
  };
}

/** The form of one of our pages, as far as can be told without knowing which; or why it cannot be used, and the way on from there. */
export async function readForm(visit: BrowserRequest, ways?: Ways): Promise<URLSearchParams | Response> {
  const { request, url, config } = visit;
  const unusable = (status: number, why: string) => refuse(visit, status, "This form cannot be used", why, ways);
  if (!hasMediaType(request, "application/x-www-form-urlencoded"))
    return unusable(415, "This address takes the form of its own page.");
  if (!isSentFromHere(request, config.issuer)) return unusable(403, "It did not come from this site.");
  const body = await readUpTo(request.body, LIMIT_BYTES);
  if (body === null) return unusable(413, "It is longer than any of our pages can make it.");
  const form = new URLSearchParams(new TextDecoder().decode(body));
  // Each scope is a tick box of its own.
  if (!hasRepeatedName(form, "scope") && !hasRepeatedName(url.searchParams)) return form;
  return unusable(400, "It has a field twice. Reload the page and try again.");
}

function isAt<Name extends StageName>(
  transaction: Transaction,
  stage: Name,
): transaction is TransactionAt<Name> & Transaction {
  return transaction.stage === stage;
}

/** The transaction `id` of the browser that makes this request. */
export async function transactionOf({ request, keys }: BrowserRequest, id: string | null): Promise<Transaction | null> {
  return id === null ? null : openTransaction(keys, request.headers.get("Cookie"), id, nowSeconds());
}

/** What browsers say about the sender of a form. A missing `Origin` is let pass: cookie and token prove the browser already. */
function isSentFromHere(request: Request, issuer: string): boolean {
  const origin = request.headers.get("Origin");
  const site = request.headers.get("Sec-Fetch-Site");
  return (origin === null || origin === issuer) && site !== "cross-site" && site !== "same-site";
}
