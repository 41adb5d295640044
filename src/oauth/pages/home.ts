// The front page: for a person who opens the address of the gateway in a browser.
import { clientSetups, isPublic } from "../../discovery/clients.ts";
import type { ProductTexts, ToolText } from "../../tools/product-texts.ts";
import { clientSetupList, SERVER_NAME } from "./client-setups.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

export interface HomeView {
  /** The address of the MCP endpoint. */
  readonly resource: string;
  readonly isSignupOpen: boolean;
  /** False: only an API key gives a program access. */
  readonly isOpenToApps: boolean;
  readonly isSignedIn: boolean;
}

export function homePage({ resource, isSignupOpen, isOpenToApps, isSignedIn }: HomeView, texts: ProductTexts): Page {
  return {
    title: "MCP Gateway",
    main: html`<h1>Stackbilt, in your AI app</h1>
<p>One MCP endpoint for ${texts.summary}. Your app signs you in, and you decide what it may do.</p>
${isSignedIn ? ACCOUNT : isSignupOpen && ENTRANCES}
${!isSignupOpen && CLOSED}
${isSignupOpen && (isOpenToApps ? clientSection(resource) : keySection(resource))}
${toolSection(texts.tools)}
<section aria-labelledby="links">
<h2 id="links">More</h2>
<p><a href="/apps">Your connected apps</a>, keys, credits and activity. <a href="/health">Status</a> of this gateway.</p>
</section>`,
  };
}

const CLOSED = html`<p class="notice">Sign-in is not open to new users yet. Apps and keys that are already connected keep working.</p>`;

const ENTRANCES = html`<div class="choice"><a class="button main" href="/signup">Create account</a><a class="button" href="/login">Sign in</a></div>`;

const ACCOUNT = html`<div class="choice"><a class="button main" href="/apps">Your account</a></div>`;

function clientSection(resource: string): Html {
  const setups = clientSetups({ url: resource, name: SERVER_NAME });
  const reachable = setups.filter(({ isHosted }) => !isHosted || isPublic(resource));
  const others = setups.filter((setup) => !reachable.includes(setup)).map(({ name }) => name);
  return html`<section aria-labelledby="clients">
<h2 id="clients">Connect your app</h2>
<p>The endpoint is <code>${resource}</code>. Your browser opens when the app connects: sign in there, and choose what the app may do.</p>
${clientSetupList(reachable)}
${others.length > 0 && html`<p>${others.join(" and ")} connect from their vendors' servers. They need a gateway with a public https address.</p>`}
</section>`;
}

function keySection(resource: string): Html {
  const setups = clientSetups({ url: resource, name: SERVER_NAME }).filter(({ id }) => id === "key");
  return html`<section aria-labelledby="clients">
<h2 id="clients">Use a key</h2>
<p>New apps cannot be connected yet; those that are connected keep working. The endpoint is <code>${resource}</code>.</p>
${clientSetupList(setups, "key")}
</section>`;
}

function toolSection(tools: readonly ToolText[]): Html {
  return html`<section aria-labelledby="tools">
<h2 id="tools">Tools</h2>
<p>Each needs a scope, <i>read</i> or <i>generate</i>, which you allow an app when it connects.</p>
<ul>${tools.map(
    ({ name, title, scope, price }) =>
      html`<li><div><span class="app">${title}</span><br><code>${name}</code></div><small>${scope}, ${price}</small></li>`,
  )}</ul>
</section>`;
}
