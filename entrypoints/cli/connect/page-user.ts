// A user of the gateway's pages without a browser: stores cookies, follows redirects on one origin
// and submits the forms of a page.
import { randomUUID } from "node:crypto";

/** A form of a page: its target and its initial values. */
interface Form {
  readonly action: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** The response that the browser shows, after redirects. */
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

/** The details of an account that does not exist yet. */
export function newAccount(name = "Ada Lovelace"): Account {
  return { name, email: `ada-${randomUUID()}@example.com`, password: "seven green turtles at noon" };
}

/** The user's choices on the pages. */
export interface AuthorizeOptions {
  readonly decision?: "approve" | "deny";
  /** Signs in, instead of signing up. */
  readonly hasAccount?: boolean;
  /** `false` clears the checkbox of the scope. */
  readonly generate?: boolean;
}

export class PageUser {
  /** Values by name, for one origin: every cookie of the gateway is a `__Host-` cookie. */
  readonly cookies = new Map<string, string>();
  readonly #headers: Readonly<Record<string, string>>;

  /** `headers` are sent with every request that does not set them. */
  constructor(headers: Readonly<Record<string, string>> = {}) {
    this.#headers = headers;
  }

  /** Opens a URL and follows redirects on its origin. */
  async open(url: string | URL, init: RequestInit = {}): Promise<Page> {
    let target = new URL(url);
    const { origin } = target;
    let request = init;
    for (let hops = 0; hops < 10; hops++) {
      const cookie = Array.from(this.cookies, ([name, value]) => `${name}=${value}`).join("; ");
      const headers = new Headers({ ...this.#headers, ...Object.fromEntries(new Headers(request.headers)) });
      if (cookie !== "") headers.set("cookie", cookie);
      const response = await fetch(target, { ...request, headers, redirect: "manual" });
      for (const line of response.headers.getSetCookie()) this.#storeCookie(line);
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

  /** Submits the form of `page` with this action; `null` removes a field, as a cleared checkbox. */
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

  /**
   * Signs up or in at the authorization URL and decides. Returns the redirect URI with its
   * parameters, which the last page links to.
   */
  async authorize(authorizationUrl: string | URL, account: Account, options: AuthorizeOptions = {}): Promise<URL> {
    const { decision = "approve", hasAccount = false, generate = true } = options;
    const login = await this.open(authorizationUrl);
    const signedIn = hasAccount
      ? await this.submit(login, "/login", { email: account.email, password: account.password })
      : await this.submit(await this.open(linkTo(login, "/signup")), "/signup", { ...account });
    const last = await this.submit(signedIn, "/authorize", { decision, ...(generate ? {} : { scope: null }) });
    return continueUrl(last);
  }

  #storeCookie(line: string): void {
    const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
    const at = pair.indexOf("=");
    const name = pair.slice(0, at);
    if (attributes.some((attribute) => /^max-age=0$/i.test(attribute))) this.cookies.delete(name);
    else this.cookies.set(name, pair.slice(at + 1));
  }
}

/** The absolute URL of the page's first link to `path`. */
export function linkTo(page: Page, path: string): URL {
  for (const [, href = ""] of page.html.matchAll(/<a\b[^>]*\bhref="([^"]*)"/g)) {
    const url = new URL(unescaped(href), page.url);
    if (url.pathname === path) return url;
  }
  throw new Error(`The page at ${page.url.pathname} (${page.status}) has no link to ${path}:\n${page.html}`);
}

/** The URL that the page before a redirect to the client links to. */
export function continueUrl(page: Page): URL {
  const link = /<a\b[^>]*\bid="continue"[^>]*>/.exec(page.html)?.[0] ?? "";
  const href = /\bhref="([^"]*)"/.exec(link)?.[1];
  if (href === undefined)
    throw new Error(`The page at ${page.url.pathname} (${page.status}) has no link to continue:\n${page.html}`);
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
