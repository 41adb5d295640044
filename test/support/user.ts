// A person at a browser, as far as HTTP can tell: keeps cookies, follows same-origin redirects, fills in the forms that a page has.
// Not for what only a real browser decides; `test/browser` is for that.
import { randomUUID } from "node:crypto";
import { newAddress, withAddress } from "./address.ts";

/** A form of a page: where it goes and what it holds before anything is typed. */
interface Form {
  readonly action: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** What is on the screen. */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
}

export interface Account {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

/** Somebody who has never been here before. */
export function newAccount(name = "Ada Lovelace"): Account {
  return { name, email: `ada-${randomUUID()}@example.com`, password: "seven green turtles at noon" };
}

/** How somebody goes through the pages. */
export interface AuthorizeOptions {
  readonly decision?: "approve" | "deny";
  /** Signs in instead of up. */
  readonly isKnown?: boolean;
  /** `false` unticks the scope. */
  readonly generate?: boolean;
}

export class Person {
  /** By origin, as a browser keeps `__Host-` cookies. */
  readonly cookies = new Map<string, string>();
  /** Where they call from. */
  readonly address: string;

  constructor(address = newAddress()) {
    this.address = address;
  }

  /** Opens an address and follows redirects on its origin. */
  async open(url: string | URL, init: RequestInit = {}): Promise<Page> {
    let target = new URL(url);
    const { origin } = target;
    let request = init;
    for (let hops = 0; hops < 10; hops++) {
      const cookie = Array.from(this.cookies, ([name, value]) => `${name}=${value}`).join("; ");
      const headers = withAddress(request.headers, this.address);
      if (cookie !== "") headers.set("cookie", cookie);
      const response = await fetch(target, { ...request, headers, redirect: "manual" });
      for (const line of response.headers.getSetCookie()) this.#keep(line);
      const location = response.headers.get("location");
      const next = location === null ? null : new URL(location, target);
      if (next === null || next.origin !== origin) {
        return { url: next ?? target, status: response.status, headers: response.headers, html: await response.text() };
      }
      await response.body?.cancel();
      target = next;
      request = {};
    }
    throw new Error(`Too many redirects from ${url}.`);
  }

  /** Sends the form of `page` whose action has this path, with these fields filled in; `null` unticks. */
  async submit(
    page: Page,
    path: string,
    filled: Readonly<Record<string, string | null>> = {},
    headers: Record<string, string> = {},
  ): Promise<Page> {
    const form = formsOf(page).find(({ action }) => new URL(action, page.url).pathname === path);
    if (!form)
      throw new Error(`The page at ${page.url.pathname} (${page.status}) has no form for ${path}:\n${page.html}`);
    const body = new URLSearchParams([...form.fields]);
    for (const [name, value] of Object.entries(filled)) {
      if (value === null) body.delete(name);
      else body.set(name, value);
    }
    return this.open(new URL(form.action, page.url), {
      method: "POST",
      body,
      headers: { origin: page.url.origin, ...headers },
    });
  }

  /** From the authorization URL to the redirect back to the client: signs up, allows, and follows the leave page. */
  async authorize(authorizationUrl: string | URL, account: Account, options: AuthorizeOptions = {}): Promise<URL> {
    const { decision = "approve", isKnown = false, generate = true } = options;
    const login = await this.open(authorizationUrl);
    const signedIn = isKnown
      ? await this.submit(login, "/login", { email: account.email, password: account.password })
      : await this.submit(await this.open(linkTo(login, "/signup")), "/signup", { ...account });
    const left = await this.submit(signedIn, "/authorize", { decision, ...(generate ? {} : { scope: null }) });
    return continueUrl(left);
  }

  #keep(line: string): void {
    const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
    const at = pair.indexOf("=");
    const name = pair.slice(0, at);
    if (attributes.some((attribute) => /^max-age=0$/i.test(attribute))) this.cookies.delete(name);
    else this.cookies.set(name, pair.slice(at + 1));
  }
}

/** The absolute address of the page's first link to `path`. */
export function linkTo(page: Page, path: string): URL {
  for (const [, href = ""] of page.html.matchAll(/<a\b[^>]*\bhref="([^"]*)"/g)) {
    const url = new URL(unescaped(href), page.url);
    if (url.pathname === path) return url;
  }
  throw new Error(`The page at ${page.url.pathname} (${page.status}) has no link to ${path}:\n${page.html}`);
}

/** Where a leave page sends its reader. */
export function continueUrl(page: Page): URL {
  const link = /<a\b[^>]*\bid="continue"[^>]*>/.exec(page.html)?.[0] ?? "";
  const href = /\bhref="([^"]*)"/.exec(link)?.[1];
  if (href === undefined)
    throw new Error(`The page at ${page.url.pathname} (${page.status}) leads nowhere:\n${page.html}`);
  return new URL(unescaped(href));
}

function formsOf({ html }: Page): Form[] {
  return Array.from(html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs), ([, attributes = "", inside = ""]) => {
    const inputs = Array.from(inside.matchAll(/<input\b([^>]*)>/g), ([, input = ""]) => input).filter(
      (input) => !/\bdisabled\b/.test(input) && (!/type="checkbox"/.test(input) || /\bchecked\b/.test(input)),
    );
    const fields = inputs.map((input): [string, string] => [attribute(input, "name"), attribute(input, "value")]);
    return { action: attribute(attributes, "action"), fields: new Map(fields) };
  });
}

function attribute(tag: string, name: string): string {
  return unescaped(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? "");
}

function unescaped(text: string): string {
  const characters: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => characters[entity] ?? entity);
}
