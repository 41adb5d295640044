// The pages without a form: on the way elsewhere, not open yet, something went wrong, and the front page.
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

/**
 * Sends the browser on with a page instead of a redirect: `form-action 'self'` would silently stop a redirect that answers a form.
 * `url` must come from the library or from our own settings.
 */
export function leavePage(url: string, heading: Html, cookies: readonly string[]): Page {
  return {
    status: 200,
    title: "One moment",
    refreshTo: url,
    cookies,
    main: html`<div class="away" aria-hidden="true"><span></span><span></span><span></span></div>
<h1>${heading}</h1>
<p class="lead">If nothing happens, use the button.</p>
<a class="button button-main" id="continue" rel="noreferrer" href="${url}">Continue</a>`,
  };
}

/** Something that a person should know, with what to do about it. */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  /** Where to go on, where there is such a place. */
  readonly link?: { readonly href: string; readonly label: string };
  /** Shown for failures of ours, so that they can be looked up. */
  readonly traceId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
}

export function problemPage({ status, title, text, link, traceId, headers = {}, cookies = [] }: Problem): Page {
  return {
    status,
    title,
    headers,
    cookies,
    main: html`<p class="code">${status}</p>
<h1>${title}</h1>
<p class="lead">${text}</p>
${link && html`<a class="button button-plain" href="${link.href}">${link.label}</a>`}
${traceId !== undefined && html`<p class="trace">Trace id <code>${traceId}</code></p>`}`,
  };
}

export function comingSoonPage(): Page {
  return {
    status: 503,
    title: "Opening soon",
    headers: { "Retry-After": "86400", "X-Robots-Tag": "noindex" },
    main: html`<h1>Sign-in opens soon</h1>
<p class="lead">The Stackbilt MCP Gateway is not open to new connections yet. Apps that are already connected go on working.</p>`,
  };
}

/** `resource` is the address that goes into an MCP client. */
export function homePage(resource: string, isSignupOpen: boolean): Page {
  return {
    status: 200,
    title: "MCP Gateway",
    main: html`<h1>Stackbilt, in your AI app</h1>
<p class="lead">One MCP endpoint for architecture flows and image generation. Connect Claude, Cursor, VS Code or any other MCP client.</p>
<p class="label" id="endpoint">Your endpoint</p>
<p class="endpoint" aria-labelledby="endpoint"><code>${resource}</code></p>
<ol class="steps">
<li>Add this address to your MCP client.</li>
<li>Your browser opens, and you sign in or create an account.</li>
<li>You choose what the app may do.</li>
</ol>
<p class="aside">${isSignupOpen ? "There is nothing to sign in to on this page: signing in always starts from your app." : "Sign-in is not open yet."}</p>`,
  };
}
