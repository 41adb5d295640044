// Pages without a form: on the way to another site, and not open yet.
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

/** Another site to continue at. */
export interface Departure {
  readonly url: string;
  readonly heading: Html;
  /** A sentence before the one about the button. */
  readonly text?: Html;
  /** Whole `Set-Cookie` values. */
  readonly cookies: readonly string[];
}

/**
 * Sends the browser to another site by a page: `form-action 'self'` would silently block a redirect
 * that responds to a form. `url` must come from the library or from our own settings.
 */
export function leavePage({ url, heading, text, cookies }: Departure): Page {
  return {
    title: "One moment",
    refreshTo: url,
    cookies,
    main: html`<h1>${heading}</h1>
<p>${text && html`${text} `}If nothing happens, use the button.</p>
<a class="button main" id="continue" rel="noreferrer" href="${url}">Continue</a>`,
  };
}

export function comingSoonPage(): Page {
  return {
    status: 503,
    title: "Opening soon",
    headers: { "Retry-After": "86400" },
    main: html`<h1>Sign-in opens soon</h1>
<p>This gateway is not open to new connections yet. Apps and keys that are already connected keep working.</p>
<a class="button" href="/apps">Your apps and keys</a>
<p><a href="/">About this gateway</a></p>`,
  };
}
