// Pages without a form: on the way to another site, and not open yet.
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

/**
 * Sends the browser to another site by a page: `form-action 'self'` would silently block a redirect
 * that responds to a form. `url` must come from the library or from our own settings.
 */
export function leavePage(url: string, heading: Html, cookies: readonly string[]): Page {
  return {
    title: "One moment",
    refreshTo: url,
    cookies,
    main: html`<h1>${heading}</h1>
<p>If nothing happens, use the button.</p>
<a class="button main" id="continue" rel="noreferrer" href="${url}">Continue</a>`,
  };
}

export function comingSoonPage(): Page {
  return {
    status: 503,
    title: "Opening soon",
    headers: { "Retry-After": "86400" },
    main: html`<h1>Sign-in opens soon</h1>
<p>This gateway is not open to new connections yet. Apps that are already connected keep working.</p>`,
  };
}
