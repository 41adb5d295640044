// Forms of the account pages, and the checks that each must pass: media type, sender, size, no
// repeated fields, a session of this browser, and proof that our own page, in this session, made
// this form.
import { digestText } from "../../../contracts/rpc/encoding.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import { SESSION_LIFETIME_SECONDS } from "../../durable/user-object.ts";
import { ACCOUNT_FORMS, type AccountForm, type AccountFormTokens } from "../pages/account-parts.ts";
import { answerOnce, keptAnswer } from "./answer-once.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { errorPage } from "./error-pages.ts";
import {
  type BrowserSession,
  isSessionCsrf,
  sealedSession,
  sessionCsrf,
  sessionOf,
  signedInSession,
} from "./session.ts";
import { readForm } from "./transaction-form.ts";

const ONE_TIME_VALUE = /^[\w-]{22}$/;

/** The next step after a problem on an account page. */
export const ACCOUNT_LINK = { href: "/apps", label: "Your apps and keys" } as const;

/** Forms that end the session they are sent in. */
const ENDING_FORMS: readonly AccountForm[] = ["/logout", "/apps/revoke-all", "/apps/delete"];

/** The tokens that bind the forms to this session. */
export async function accountFormTokens(
  { config }: BrowserRequest,
  session: BrowserSession,
): Promise<AccountFormTokens> {
  const entries = ACCOUNT_FORMS.map(async (form) => [form, await sessionCsrf(config, session, form)] as const);
  return Object.fromEntries(await Promise.all(entries)) as AccountFormTokens; // `fromEntries` widens the names
}

/** A form that passed all checks, and the session that it belongs to. */
export interface SubmittedAccountForm {
  readonly form: URLSearchParams;
  readonly session: BrowserSession;
}

/**
 * Reads the form `name`; the response if it cannot be used, which is `withoutSession()` if the
 * browser has no session.
 */
export async function readAccountForm(
  browser: BrowserRequest,
  name: AccountForm,
  withoutSession: (browser: BrowserRequest) => Response | Promise<Response>,
): Promise<SubmittedAccountForm | Response> {
  const form = await readForm(browser, ACCOUNT_LINK);
  if (form instanceof Response) return form;
  // Signing out needs no account, and works while the auth Worker does not.
  const session = await (name === "/logout" ? sessionOf(browser) : signedInSession(browser));
  if (session === AUTH_UNAVAILABLE) return accountUnchecked(browser, "Nothing was done");
  if (!session) return (await answerToEndingForm(browser, name, form)) ?? withoutSession(browser);
  if (await isSessionCsrf(browser.config, session, name, form.get("csrf") ?? "")) return { form, session };
  return errorPage(browser, {
    status: 400,
    title: "This page was out of date",
    text: "Its form belongs to another sign-in, so nothing was done.",
    link: ACCOUNT_LINK,
  });
}

/**
 * The response of `act`, once for each form: sent again within a minute, the form gets the same
 * response. A form with a one-time value creates something: any other use of the value, and each
 * later one, is refused with `used`, a sentence. The mark lives as long as a session can, after
 * which the form is void anyway.
 */
export async function answerAccountForm(
  browser: BrowserRequest,
  { form, session }: SubmittedAccountForm,
  act: () => Promise<Response>,
  used?: string,
): Promise<Response> {
  const repeatable = await repeatableOnce(browser, session, form);
  if (used === undefined) return answerOnce(browser, repeatable, act, act);
  const value = form.get("once") ?? "";
  const refuse = () => errorPage(browser, { status: 400, title: "Already used", text: used, link: ACCOUNT_LINK });
  if (!ONE_TIME_VALUE.test(value)) return refuse();
  const once = {
    name: `own|${session.sid}|${value}`,
    digest: repeatable.digest,
    lifetimeSeconds: SESSION_LIFETIME_SECONDS,
  };
  return answerOnce(browser, once, act, refuse);
}

async function repeatableOnce({ url }: BrowserRequest, { sid }: BrowserSession, form: URLSearchParams) {
  const digest = await digestText(`${url.pathname}|${form}`);
  return { name: `own|${sid}|${digest}`, digest, isRepeatable: true } as const;
}

/**
 * The answer to a form that ends the session, sent again while the first is being answered; `null`
 * for every other form.
 */
async function answerToEndingForm(
  browser: BrowserRequest,
  name: AccountForm,
  form: URLSearchParams,
): Promise<Response | null> {
  const ended = ENDING_FORMS.includes(name) ? await sealedSession(browser) : null;
  if (!ended || !(await isSessionCsrf(browser.config, ended, name, form.get("csrf") ?? ""))) return null;
  return keptAnswer(browser, await repeatableOnce(browser, ended, form));
}

/** The account of a session cannot be checked now. `title` is about the request. */
export function accountUnchecked(browser: BrowserRequest, title: string): Response {
  return accountUnavailable(browser, title, "Your account could not be checked. Wait a moment, then try again.");
}

/** No usable reply from the auth Worker, which is logged already. */
export function accountUnavailable(browser: BrowserRequest, title: string, text: string): Response {
  return errorPage(browser, { status: 503, title, text, link: ACCOUNT_LINK, headers: { "Retry-After": "10" } });
}
