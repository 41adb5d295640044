// Forms of a transaction's pages, and the checks that each must pass: media type, size, sender, no
// repeated fields, a transaction of this browser, and proof that our own page of this step made it.

import { digestText } from "../../../contracts/rpc/encoding.ts";
import { readBody } from "../../limits/bounded-read.ts";
import { hasMediaType, hasRepeatedName } from "../authorization-server/parameters.ts";
import { nowSeconds } from "../clock.ts";
import { type FormOnce, keptAnswer } from "./answer-once.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { alreadyUsed, type ErrorPage, errorPage, noTransaction, staleForm } from "./error-pages.ts";
import {
  clearedCookie,
  isCsrfToken,
  type OpenStageName,
  openTransaction,
  type Transaction,
  type TransactionAt,
} from "./transaction.ts";

const MAX_FORM_BYTES = 8_192;

/** A form that passed all checks, and the transaction that it belongs to. */
export interface TransactionForm<Name extends OpenStageName> {
  readonly form: URLSearchParams;
  readonly transaction: TransactionAt<Name>;
  readonly once: FormOnce;
}

/** Forms of the sign-in pages, which can be shown at each step until the decision. */
export const SIGN_IN_STAGES = ["login", "social", "consent"] as const;

/**
 * Reads the form `action` of a page at one of `stages`; the response if it cannot be used. A form
 * of the step before, sent twice, gets its answer again.
 */
export async function readTransactionForm<Name extends OpenStageName>(
  browser: BrowserRequest,
  action: string,
  stages: readonly Name[],
): Promise<TransactionForm<Name> | Response> {
  const form = await readForm(browser);
  if (form instanceof Response) return form;
  const found = await storedTransaction(browser, browser.url.searchParams.get("tx") ?? form.get("tx"));
  if (!found) return noTransaction(browser);
  const csrf = form.get("csrf") ?? "";
  const { id, previous } = found;
  const open = found.stage === "done" ? null : found;
  const isOurs = open !== null && (await isCsrfToken(browser.config, open, action, csrf));
  if (isOurs && isAt(open, stages)) return { form, transaction: open, once: await formOnce(open.jti, action, form) };
  if (previous && (await isCsrfToken(browser.config, { id, ...previous }, action, csrf))) {
    const answer = await keptAnswer(browser, await formOnce(previous.jti, action, form));
    if (answer) return answer;
    if (open === null) return alreadyUsed(browser, [clearedCookie(id)]);
  }
  return open === null ? noTransaction(browser) : staleForm(browser, id);
}

/**
 * A decision ends its step, whatever it is. A sign-in may be tried again, so each entered text is a
 * form of its own.
 */
async function formOnce(jti: string, action: string, form: URLSearchParams): Promise<FormOnce> {
  const digest = await digestText(form.toString());
  if (action === "decide") return { name: jti, digest };
  return { name: `${jti}|${action}|${digest}`, digest, isRepeatable: true };
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
  const body = await readBody(request, MAX_FORM_BYTES);
  if (body === null) return unusable(413, "It is too long.");
  const form = new URLSearchParams(new TextDecoder().decode(body));
  // Each scope is a checkbox of its own.
  if (!hasRepeatedName(form, "scope") && !hasRepeatedName(url.searchParams)) return form;
  return unusable(400, "It has a field twice. Reload the page and try again.");
}

function isAt<Name extends OpenStageName>(
  transaction: Transaction,
  stages: readonly Name[],
): transaction is TransactionAt<Name> & Transaction {
  return stages.some((stage) => stage === transaction.stage);
}

/** The transaction `id` of this browser; `null` if it has none, or it is done. */
export async function transactionOf(browser: BrowserRequest, id: string | null): Promise<Transaction | null> {
  const found = await storedTransaction(browser, id);
  return found?.stage === "done" ? null : found;
}

async function storedTransaction({ request, config }: BrowserRequest, id: string | null) {
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
