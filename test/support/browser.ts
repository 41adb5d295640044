// A real Chromium, with an empty profile for each user and JavaScript off, and a client: it
// registers, opens the authorization URL, receives the redirect and redeems its code. Everything
// that no page of the gateway may do is recorded.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type LaunchOptions,
  type Locator,
  type Page,
} from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { ADDRESS_HEADER, newAddress } from "./address.ts";
import type { System } from "./system.ts";
import type { Account } from "./user.ts";

export interface ConnectOptions {
  /** The `client_name` of the registration. */
  readonly name?: string;
  /** The host of the redirect URI: this computer, or `HOSTED_APP`. */
  readonly host?: "127.0.0.1" | "localhost" | typeof HOSTED_APP;
  readonly scope?: string;
}

/** The host of a client elsewhere. Requests to it are intercepted in the browser. */
export const HOSTED_APP = "app.example";

/** One authorization request of a client. */
export interface Connection {
  /** The URL that the client opens in the browser. */
  readonly url: string;
  readonly redirectUri: string;
  readonly state: string;
  /** The parameters of each request to the redirect URI so far. */
  readonly received: readonly URLSearchParams[];
  /** Waits until `page` is at the redirect URI. Returns its parameters. */
  waitForCallback(page: Page): Promise<URLSearchParams>;
  /** The token response for the code. Throws unless the status is 200. */
  redeem(code: string | null): Promise<{ access_token: string; scope: string }>;
}

export interface Browsing {
  /**
   * An empty tab in an empty profile. `page.context().newPage()` is a second tab of the profile.
   */
  newPage(options?: BrowserContextOptions): Promise<Page>;
  connect(options?: ConnectOptions): Promise<Connection>;
  /** A new page at a client's authorization URL: it shows the sign-in page. */
  openSignInPage(
    app?: ConnectOptions,
    profile?: BrowserContextOptions,
  ): Promise<{ readonly connection: Connection; readonly page: Page }>;
  /**
   * Forbidden actions of pages since the running test began: console errors and warnings,
   * violations of their content security policy, exceptions, requests to other origins.
   */
  pageErrors(): readonly string[];
}

/** Starts a Chromium without a network of its own. The caller closes it. */
export function launchBrowser(options: LaunchOptions = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
    chromiumSandbox: false, // the sandbox cannot start as root, and these pages are ours
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
    ...options,
  });
}

/** A Chromium for all tests of the calling file. Profiles last for one test. */
export function useBrowser(system: System, launch: LaunchOptions = {}): Browsing {
  let browser: Browser;
  let app: App;
  const profiles: BrowserContext[] = [];
  let pageErrors: string[] = [];

  beforeAll(async () => {
    app = await startApp(system);
    browser = await launchBrowser(launch);
  });
  afterEach(async () => {
    await Promise.all(profiles.splice(0).map((profile) => profile.close()));
    pageErrors = [];
  });
  afterAll(async () => {
    await browser?.close();
    app?.server.close();
  });

  const browsing: Browsing = {
    async newPage(options = {}) {
      const profile = await browser.newContext({
        javaScriptEnabled: false,
        viewport: { width: 1280, height: 900 },
        reducedMotion: "reduce", // a colour in transition cannot be measured
        extraHTTPHeaders: { [ADDRESS_HEADER]: newAddress() },
        ...options,
      });
      profiles.push(profile);
      profile.setDefaultTimeout(60_000);
      await profile.route(`https://${HOSTED_APP}/**`, (route) =>
        route.fulfill({ contentType: "text/html", body: app.receive(route.request().url()) }),
      );
      const known = new Set([system.origin, ...app.origins]);
      profile.on("request", (request) => {
        if (!known.has(new URL(request.url()).origin)) pageErrors.push(`requests ${request.url()}`);
      });
      profile.on("weberror", (error) => pageErrors.push(`throws ${error.error().message}`));
      profile.on("console", (message) => {
        const text = message.text();
        // Chromium reports each status like 401; tests check the page of such a response
        // themselves.
        if (
          /^(error|warning)$/.test(message.type()) &&
          !text.startsWith("Failed to load resource: the server responded")
        )
          pageErrors.push(text);
      });
      return profile.newPage();
    },
    connect: (options) => app.connect(options),
    async openSignInPage(options, profile) {
      const connection = await app.connect(options);
      const page = await browsing.newPage(profile);
      await page.goto(connection.url);
      return { connection, page };
    },
    pageErrors: () => pageErrors,
  };
  return browsing;
}

interface App {
  readonly server: Server;
  readonly origins: readonly string[];
  /** Records a request to the client. Returns the page to respond with. */
  receive(url: string): string;
  connect(options?: ConnectOptions): Promise<Connection>;
}

async function startApp(system: System): Promise<App> {
  const requests: URL[] = [];
  const receive = (url: string) => {
    requests.push(new URL(url));
    return '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>The app</title><h1>Back in the app</h1>';
  };
  const server = createServer((request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(receive(`http://${request.headers.host}${request.url}`));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const origins = {
    "127.0.0.1": `http://127.0.0.1:${port}`,
    localhost: `http://localhost:${port}`,
    [HOSTED_APP]: `https://${HOSTED_APP}`,
  };

  const connect = async ({
    name = "Test client",
    host = "127.0.0.1",
    scope = "read generate",
  }: ConnectOptions = {}): Promise<Connection> => {
    const redirectUri = `${origins[host]}/callback/${randomUUID()}`;
    const registration = await system.fetch("/register", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ client_name: name, redirect_uris: [redirectUri], token_endpoint_auth_method: "none" }),
    });
    if (registration.status !== 201)
      throw new Error(`Registration failed: ${registration.status} ${await registration.text()}`);
    const { client_id } = (await registration.json()) as { client_id: string };
    const verifier = randomBytes(32).toString("base64url");
    const state = randomUUID();
    const resource = `${system.origin}/mcp`;
    const url = new URL("/authorize", system.origin);
    url.search = new URLSearchParams({
      ...{ response_type: "code", client_id, redirect_uri: redirectUri, scope, state, resource },
      ...{ code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" },
    }).toString();
    const received = () =>
      requests
        .filter(({ origin, pathname }) => origin + pathname === redirectUri)
        .map(({ searchParams }) => searchParams);
    return {
      url: url.href,
      redirectUri,
      state,
      get received() {
        return received();
      },
      async waitForCallback(page) {
        await page.waitForURL((at) => at.href.startsWith(`${redirectUri}?`));
        return received().at(-1) ?? new URLSearchParams();
      },
      async redeem(code) {
        const body = new URLSearchParams({
          grant_type: "authorization_code",
          code: code ?? "",
          client_id,
          redirect_uri: redirectUri,
          code_verifier: verifier,
          resource,
        });
        const response = await system.fetch("/token", { method: "POST", body });
        if (response.status !== 200) throw new Error(`No token: ${response.status} ${await response.text()}`);
        return (await response.json()) as { access_token: string; scope: string };
      },
    };
  };
  return { server, origins: Object.values(origins), receive, connect };
}

/** The text of the page's main heading. */
export function headingOf(page: Page): Promise<string | null> {
  return page.getByRole("heading", { level: 1 }).textContent();
}

/** Clicks, and waits for the next page: until then the old one can still be read. */
export async function follow(control: Locator): Promise<void> {
  await Promise.all([control.page().waitForEvent("domcontentloaded"), control.click()]);
}

/** Creates an account, from the sign-in page to the consent page. */
export async function signUp(page: Page, account: Account): Promise<void> {
  await follow(page.getByRole("link", { name: "Create an account" }));
  await page.getByLabel("Name").fill(account.name);
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password").fill(account.password);
  await follow(page.getByRole("button", { name: "Create account" }));
}

/** Fills in and submits the sign-in form. */
export async function signIn(page: Page, { email, password }: Pick<Account, "email" | "password">): Promise<void> {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await follow(page.getByRole("button", { name: "Sign in", exact: true }));
}

/**
 * Presses a button of the consent page and waits for the client. Returns the redirect's parameters.
 */
export async function decide(page: Page, button: "Allow" | "Deny", connection: Connection): Promise<URLSearchParams> {
  await page.getByRole("button", { name: button }).click();
  return connection.waitForCallback(page);
}
