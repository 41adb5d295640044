// How each kind of trouble at the door is told to a person: what happened, and what to do about it.
import type { Trace } from "../../context.ts";
import { html } from "../pages/html.ts";
import { type Page, respond } from "../pages/page.ts";
import type { BrowserRequest } from "./browser-request.ts";

/** Ways on from a problem. */
export interface Ways extends Pick<Page, "headers" | "cookies"> {
  /** Where to go on. */
  readonly link?: { readonly href: string; readonly label: string };
}

/** A problem as a page. Failures of ours, 500 and above, show the trace id, so that they can be looked up. */
export function refuse(
  { trace }: { readonly trace: Trace },
  status: number,
  title: string,
  text: string,
  { link = { href: "/", label: "About this gateway" }, ...ways }: Ways = {},
): Response {
  return respond({
    ...ways,
    status,
    title,
    main: html`<h1>${title}</h1>
<p>${text}</p>
<a class="button" href="${link.href}">${link.label}</a>
${status >= 500 && html`<small>Status ${status}, trace id <code>${trace.traceId}</code></small>`}`,
  });
}

/** The auth service gave no answer: never "wrong password", never a half-made account. */
export function authUnavailable(visit: BrowserRequest): Response {
  const text = "Nothing was changed. Wait a moment, then reload this page or start again from your app.";
  return refuse(visit, 503, "Sign-in is not available right now", text, { headers: { "Retry-After": "10" } });
}

/** What can be said of a sign-in that is not known, or not known in this browser. */
export const ENDED =
  "This sign-in has ended, was already used, or was started in another browser. Go back to your app and connect again.";

/** The browser does not hold the transaction that the address names, or the address names none. */
export function noTransaction(visit: BrowserRequest): Response {
  const text = visit.url.searchParams.has("tx")
    ? ENDED
    : "Signing in begins in your app: connect it there, and this page opens by itself.";
  const hint =
    visit.url.protocol === "http:"
      ? " On a local address, Safari keeps no sign-in cookies: use another browser there."
      : "";
  return refuse(visit, 400, "Start again from your app", text + hint);
}

/** The form was made for an earlier step, or not by us. */
export function staleForm(visit: BrowserRequest, transactionId: string): Response {
  return refuse(visit, 400, "This page was out of date", "Its form belongs to an earlier step, so it was not used.", {
    link: { href: `/login?tx=${transactionId}`, label: "Sign in again" },
  });
}

/** The decision on this request has been made before. */
export function alreadyUsed(visit: BrowserRequest, cookies: readonly string[]): Response {
  const text = "This request has been answered. If your app is not connected, go back to it and connect again.";
  return refuse(visit, 400, "Already used", text, { cookies });
}

/** Asked for too often. Nothing was done, so the same step can be tried again. */
export function tooMany(visit: BrowserRequest, retryAfterSeconds: number): Response {
  const [unitSeconds, unit] = retryAfterSeconds > 3_600 ? [3_600, "hours"] : [60, "minutes"];
  const wait = retryAfterSeconds <= 60 ? "a minute" : `${Math.ceil(retryAfterSeconds / unitSeconds)} ${unit}`;
  const text = `Nothing was changed. Wait ${wait}, then go back and try again.`;
  return refuse(visit, 429, "Too many attempts", text, { headers: { "Retry-After": String(retryAfterSeconds) } });
}

/** The client's own request is at fault, and a person can do little about it. */
export function badRequest(visit: BrowserRequest, reason: string, ways?: Ways): Response {
  const text = `${reason} Connect again from your app; if that does not help, tell the people who make it.`;
  return refuse(visit, 400, "Your app’s request cannot be used", text, ways);
}
