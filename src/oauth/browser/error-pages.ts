// Error pages. Each says what happened and what to do.
import type { RequestContext } from "../../context.ts";
import { html } from "../pages/html.ts";
import { type Page, pageResponse } from "../pages/page.ts";
import type { BrowserRequest } from "./browser-request.ts";

export interface ErrorPage extends Pick<Page, "headers" | "cookies"> {
  readonly status: number;
  readonly title: string;
  /** Sentences for the user. */
  readonly text: string;
  /** The next step. */
  readonly link?: { readonly href: string; readonly label: string } | undefined;
}

/**
 * The response with an error page. From status 500 on it shows the trace id, by which logs are
 * searched.
 */
export function errorPage(
  { trace }: Pick<RequestContext, "trace">,
  { status, title, text, link = { href: "/", label: "About this gateway" }, ...rest }: ErrorPage,
): Response {
  const main = html`<h1>${title}</h1>
<p>${text}</p>
<a class="button" href="${link.href}">${link.label}</a>
${status >= 500 && html`<small>Status ${status}, trace id <code>${trace.traceId}</code></small>`}`;
  return pageResponse({ ...rest, status, title, main });
}

/** The auth Worker gave no usable reply. Never "wrong password", and no account is half made. */
export function authUnavailable(browser: BrowserRequest): Response {
  return errorPage(browser, {
    status: 503,
    title: "Sign-in is not available right now",
    text: "Nothing was changed. Wait a moment, then try again.",
    // The state in the address of a callback is used up.
    link: browser.url.pathname === "/oauth/callback" ? undefined : retryLink(browser),
    headers: { "Retry-After": "10" },
  });
}

/** For a sign-in that is unknown, or unknown in this browser. */
export const SIGN_IN_ENDED =
  "This sign-in has ended, was already used, or was started in another browser. Go back to your app and connect again.";

/** The browser does not hold the transaction that the address names, or the address names none. */
export function noTransaction(browser: BrowserRequest): Response {
  const text = browser.url.searchParams.has("tx")
    ? SIGN_IN_ENDED
    : "Sign-in starts in your app: connect there, and this page opens by itself.";
  const hint =
    browser.url.protocol === "http:"
      ? " On a local address, Safari keeps no sign-in cookies: use another browser there."
      : "";
  return errorPage(browser, { status: 400, title: "Start again from your app", text: text + hint });
}

/** The form is not ours, or is of an earlier step. */
export function staleForm(browser: BrowserRequest, transactionId: string): Response {
  return errorPage(browser, {
    status: 400,
    title: "This page was out of date",
    text: "Its form belongs to an earlier step, so it was not used.",
    link: { href: `/login?tx=${transactionId}`, label: "Sign in again" },
  });
}

/** The decision was already made. */
export function alreadyUsed(browser: BrowserRequest, cookies: readonly string[]): Response {
  return errorPage(browser, {
    status: 400,
    title: "Already used",
    text: "This request was already answered. If your app is not connected, go back to it and connect again.",
    cookies,
  });
}

/** A rate limit was reached. Nothing was done, so the same step can be repeated. */
export function tooManyAttempts(browser: BrowserRequest, retryAfterSeconds: number): Response {
  return errorPage(browser, {
    status: 429,
    title: "Too many attempts",
    text: `Nothing was changed. ${waitFor(retryAfterSeconds)}`,
    link: retryLink(browser),
    headers: { "Retry-After": String(retryAfterSeconds) },
  });
}

/** The sentence about a limit that was reached. */
export function waitFor(seconds: number): string {
  return `Wait ${durationOf(seconds)}, then try again.`;
}

/** The pages of forms that are sent to another address. */
const FORM_PAGES: Readonly<Record<string, readonly [path: string, part?: string]>> = {
  "/authorize": ["/consent"],
  "/oauth/github": ["/login"],
  "/oauth/google": ["/login"],
  "/apps/revoke": ["/apps"],
  "/apps/revoke-all": ["/apps"],
  "/apps/keys": ["/apps", "#keys"],
  "/apps/keys/revoke": ["/apps", "#keys"],
  "/apps/token": ["/apps", "#token"],
  "/apps/data": ["/apps", "#data"],
  "/apps/delete/sign-in": ["/apps/delete"],
};

/** Leads to the page with the form that this request sends, or to the page that it opens. */
export function retryLink({ request, url: { pathname, search } }: BrowserRequest): NonNullable<ErrorPage["link"]> {
  const isForm = request.method === "POST";
  const [path, part = ""] = (isForm && FORM_PAGES[pathname]) || [pathname];
  return { href: `${path}${search}${part}`, label: isForm ? "Back to the form" : "Try again" };
}

function durationOf(seconds: number): string {
  if (seconds <= 60) return "a minute";
  const [unitSeconds, unit] = seconds > 3_600 ? [3_600, "hours"] : [60, "minutes"];
  return `${Math.ceil(seconds / unitSeconds)} ${unit}`;
}

/**
 * 503 makes a browser that loads a page ahead of time discard it, and ask again when the user goes
 * there.
 */
export function loadedAhead(browser: BrowserRequest): Response {
  return errorPage(browser, {
    status: 503,
    title: "Reload this page",
    text: "Your browser loaded it ahead of time, which starts nothing. Reload it to continue.",
    link: retryLink(browser),
  });
}

/** The client's own request is invalid, which the user cannot correct. */
export function badRequest(browser: BrowserRequest, reason: string, link?: ErrorPage["link"]): Response {
  return errorPage(browser, {
    status: 400,
    title: "Your app’s request cannot be used",
    text: `${reason} Connect again from your app. If that does not help, report it to the app’s developer.`,
    link,
  });
}

/** Clients keep the id of a registration for ever, also after it has expired here. */
export function unknownClient(browser: BrowserRequest): Response {
  return errorPage(browser, {
    status: 400,
    title: "This app is not known here",
    text: "Its registration is missing or has expired. Remove the connection in your app and add it again.",
  });
}

/** The client's metadata document cannot be used. The page shows no text of the client's. */
export function unusableClientDocument(browser: BrowserRequest): Response {
  return errorPage(browser, {
    status: 400,
    title: "This app could not be checked",
    text: "Its description could not be read, or describes another app. Wait a moment, then start again from your app.",
  });
}

const CHANGES = {
  deleted: "it was removed from this server",
  redirect_uri: "it no longer lists the address that you would return to",
  request: "it may not make this request any more",
} as const;

/** The client is no longer the one that the user was asked about. No code was made. */
export function clientChanged(browser: BrowserRequest, change: keyof typeof CHANGES): Response {
  return errorPage(browser, {
    status: 400,
    title: "This app has changed",
    text: `While you decided, ${CHANGES[change]}. Nothing was allowed. Connect again from your app.`,
  });
}
