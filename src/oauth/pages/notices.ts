// Pages without a form: on the way to another site, not open yet, and the home page.

import type { ProductTexts } from "../../tools/product-texts.ts";
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

/** `resource` is the address to add to an MCP client. */
export function homePage(resource: string, isSignupOpen: boolean, texts: ProductTexts): Page {
  return {
    title: "MCP Gateway",
    main: html`<h1>Stackbilt, in your AI app</h1>
<p>One MCP endpoint for ${texts.summary}. Connect Claude, Cursor, VS Code or any other MCP client.</p>
<dl><dt>Your endpoint</dt><dd><code>${resource}</code></dd></dl>
<ol>
<li>Add this address to your MCP client.</li>
<li>Your browser opens. Sign in or create an account.</li>
<li>Choose what the app may do.</li>
</ol>
<p>${!isSignupOpen && "Sign-in is not open yet. "}See which apps can use your account: <a href="/apps">Your connected apps</a></p>`,
  };
}
