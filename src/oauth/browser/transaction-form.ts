// Forms of a transaction's pages, and the checks that each must pass: media type, size, sender, no
// repeated fields, a transaction of this browser, and proof that our own page of this step made it.
import { readUpTo } from "../../limits/bounded-read.ts";
import { hasMediaType, hasRepeatedName } from "../authorization-server/parameters.ts";
import { nowSeconds } from "../clock.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { type ErrorPage, errorPage, noTransaction, staleForm } from "./error-pages.ts";
import { isCsrfToken, openTransaction, type StageName, type Transaction, type TransactionAt } from "./transaction.ts";

const MAX_FORM_BYTES = 8_192;

/** A form that passed all checks, and the transaction that it belongs to. */
export interface TransactionForm<Name extends StageName> {
  readonly form: URLSearchParams;
  readonly transaction: TransactionAt<Name>;
}

/** Reads the form `action` of a page at `stage`; the error page if it cannot be used. */
export async function readTransactionForm<Name extends StageName>(
  browser: BrowserRequest,
  action: string,
  stage: Name,
): Promise<TransactionForm<Name> | Response> {
  const form = await readForm(browser);
  if (form instanceof Response) return form;
  const transaction = await transactionOf(browser, browser.url.searchParams.get("tx") ?? form.get("tx"));
  if (!transaction) return noTransaction(browser);
  if (!isAt(transaction, stage)) return staleForm(browser, transaction.id);
  const isOurs = await isCsrfToken(browser.config, transaction, action, form.get("csrf") ?? "");
  return isOurs ? { form, transaction } : staleForm(browser, transaction.id);
}

/**
 * Reads a form with the checks that all pages share; the error page, with `link`, if it cannot be
 * used.
 */
export async function readForm(browser: BrowserRequest, link?: ErrorPage["link"]): Promise<URLSearchParams | Response> {
  const { request, url, config } = browser;
  const unusable = (status: number, text: string) =>
    errorPage(browser, { status, title: "This form cannot be used", text, link });
  if (!hasMediaType(request, "application/x-www-form-urlencoded"))
    return unusable(415, "This address accepts only the form of its own page.");
  if (!isSameOrigin(request, config.issuer)) return unusable(403, "It did not come from this site.");
  const body = await readUpTo(request.body, MAX_FORM_BYTES);
  if (body === null) return unusable(413, "It is too long.");
  const form = new URLSearchParams(new TextDecoder().decode(body));
  // Each scope is a checkbox of its own.
  if (!hasRepeatedName(form, "scope") && !hasRepeatedName(url.searchParams)) return form;
  return unusable(400, "It has a field twice. Reload the page and try again.");
}

function isAt<Name extends StageName>(
  transaction: Transaction,
  stage: Name,
): transaction is TransactionAt<Name> & Transaction {
  return transaction.stage === stage;
}

/** The transaction `id` of this browser; `null` if it has none. */
export async function transactionOf(
  { request, config }: BrowserRequest,
  id: string | null,
): Promise<Transaction | null> {
  return id === null ? null : openTransaction(config, request.headers.get("Cookie"), id, nowSeconds());
}

/**
 * The browser's statement about the sender of a form. A missing `Origin` passes: cookie and token
 * prove the browser. Privacy settings make `Origin` opaque on our own page as well, which then
 * needs `Sec-Fetch-Site: same-origin`, a header that no page can set.
 */
function isSameOrigin(request: Request, issuer: string): boolean {
  const origin = request.headers.get("Origin");
  const site = request.headers.get("Sec-Fetch-Site");
  if (origin === "null") return site === "same-origin";
  return (origin === null || origin === issuer) && site !== "cross-site" && site !== "same-site";
}
