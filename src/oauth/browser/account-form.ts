// The forms of a person's own page, and the checks that each passes before anything is done with it: media type, where it was sent
// from, size, no repeated fields, a session of this browser, and proof that our own page, in this session, made this very form.

import { claimOnce } from "../../durable/one-time-mark.ts";
import { SESSION_LIFETIME_SECONDS } from "../../durable/user-revocations.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { refuse } from "./error-pages.ts";
import { type BrowserSession, isSessionCsrf, sessionCsrf, sessionOf } from "./session.ts";
import { signInForOwnPage } from "./sign-in.ts";
import { readForm } from "./transaction-form.ts";

/** Where the forms go. A form's address is its name, too. */
export const ACCOUNT_FORMS = [
  "/apps/revoke",
  "/apps/revoke-all",
  "/apps/keys",
  "/apps/keys/revoke",
  "/apps/token",
  "/logout",
] as const;
export type AccountForm = (typeof ACCOUNT_FORMS)[number];
/** A token for each form of one session's pages. */
export type AccountFormTokens = Readonly<Record<AccountForm, string>>;

const ONCE = /^[\w-]{22}$/;

/** The tokens that make forms this session's. */
export async function accountFormTokens({ keys }: BrowserRequest, session: BrowserSession): Promise<AccountFormTokens> {
  const entries = ACCOUNT_FORMS.map(async (form) => [form, await sessionCsrf(keys, session, form)] as const);
  return Object.fromEntries(await Promise.all(entries)) as AccountFormTokens; // `fromEntries` widens the names
}

/** A route that hands the checked form `name` to `answer`, or says why not. Without a session the way leads to signing in. */
export function onAccountSubmit(
  name: AccountForm,
  answer: (visit: BrowserRequest, form: URLSearchParams, session: BrowserSession) => Promise<Response>,
  withoutSession: (visit: BrowserRequest) => Response | Promise<Response> = signInForOwnPage,
): (visit: BrowserRequest) => Promise<Response> {
  return async (visit) => {
    const form = await readForm(visit, ACCOUNT_LINK);
    if (form instanceof Response) return form;
    const session = await sessionOf(visit);
    if (!session) return withoutSession(visit);
    if (await isSessionCsrf(visit.keys, session, name, form.get("csrf") ?? "")) return answer(visit, form, session);
    return refuse(
      visit,
      400,
      "This page was out of date",
      "Its form belongs to another sign-in, so nothing was done.",
      ACCOUNT_LINK,
    );
  };
}

/**
 * Uses up a form that makes something: `true` for the one request that may go on, whatever the browser sends again. Remembered for
 * as long as a session can live, after which the form is good for nothing anyway.
 */
export async function claimForm(
  { env }: BrowserRequest,
  form: URLSearchParams,
  { sid }: BrowserSession,
): Promise<boolean> {
  const once = form.get("once") ?? "";
  return ONCE.test(once) && claimOnce(env, `own|${sid}|${once}`, SESSION_LIFETIME_SECONDS);
}

/** The way on from anything that went wrong on a person's own page. */
export const ACCOUNT_LINK = { link: { href: "/apps", label: "Your apps and keys" } } as const;
