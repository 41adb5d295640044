// The forms of a person's own page, and the checks that each passes before anything is done with it: media type, where it was sent
// from, size, no repeated fields, a session of this browser, and proof that our own page, in this session, made this very form.

import { useUp } from "../one-time.ts";
import { refuse } from "./answers.ts";
import { isSessionCsrf, type Session, sessionCsrf, sessionOf } from "./session.ts";
import { signInForOwnPage } from "./sign-in.ts";
import { readForm } from "./submission.ts";
import { SESSION_LIFETIME_SECONDS } from "./user-revocations.ts";
import type { Visit } from "./visit.ts";

/** Where the forms go. A form's address is its name, too. */
export const OWN_FORMS = [
  "/apps/revoke",
  "/apps/revoke-all",
  "/apps/keys",
  "/apps/keys/revoke",
  "/apps/token",
  "/logout",
] as const;
export type OwnForm = (typeof OWN_FORMS)[number];
/** A token for each form of one session's pages. */
export type OwnTokens = Readonly<Record<OwnForm, string>>;

const ONCE = /^[\w-]{22}$/;

/** The tokens that make forms this session's. */
export async function ownTokens({ keys }: Visit, session: Session): Promise<OwnTokens> {
  const entries = OWN_FORMS.map(async (form) => [form, await sessionCsrf(keys, session, form)] as const);
  return Object.fromEntries(await Promise.all(entries)) as OwnTokens; // `fromEntries` widens the names
}

/** A route that hands the checked form `name` to `answer`, or says why not. Without a session the way leads to signing in. */
export function onOwnSubmit(
  name: OwnForm,
  answer: (visit: Visit, form: URLSearchParams, session: Session) => Promise<Response>,
  withoutSession: (visit: Visit) => Response | Promise<Response> = signInForOwnPage,
): (visit: Visit) => Promise<Response> {
  return async (visit) => {
    const form = await readForm(visit, YOUR_APPS);
    if (form instanceof Response) return form;
    const session = await sessionOf(visit);
    if (!session) return withoutSession(visit);
    if (await isSessionCsrf(visit.keys, session, name, form.get("csrf") ?? "")) return answer(visit, form, session);
    return refuse(
      visit,
      400,
      "This page was out of date",
      "Its form belongs to another sign-in, so nothing was done.",
      YOUR_APPS,
    );
  };
}

/**
 * Uses up a form that makes something: `true` for the one request that may go on, whatever the browser sends again. Remembered for
 * as long as a session can live, after which the form is good for nothing anyway.
 */
export async function useUpForm({ env }: Visit, form: URLSearchParams, { sid }: Session): Promise<boolean> {
  const once = form.get("once") ?? "";
  return ONCE.test(once) && useUp(env, `own|${sid}|${once}`, SESSION_LIFETIME_SECONDS);
}

/** The way on from anything that went wrong on a person's own page. */
export const YOUR_APPS = { link: { href: "/apps", label: "Your apps and keys" } } as const;
