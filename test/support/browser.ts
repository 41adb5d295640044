// People at a real Chromium, each with an empty profile and JavaScript off, and the app that sends them: it registers, opens the
// authorization address, really receives the browser back, and redeems its code. Everything that no page may do is written down.
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
  /** The app's own word for itself. */
  readonly name?: string;
  /** Where its callback is: on this computer, or on the `HOSTED_APP`. */
  readonly host?: "127.0.0.1" | "localhost" | typeof HOSTED_APP;
  readonly scope?: string;
}

/** An app elsewhere. Nothing is sent there: the test itself answers for it. */
export const HOSTED_APP = "app.example";

/** One attempt of an app to be connected. */
export interface Connection {
  /** The authorization address, which the app opens in the browser. */
  readonly url: string;
  readonly redirectUri: string;
  readonly state: string;
  /** What the browser has brought back so far. */
  readonly received: readonly URLSearchParams[];
  /** Waits until `page` shows the app again, and says what it brought. */
  arrival(page: Page): Promise<URLSearchParams>;
  /** Exchanges the code for the token answer. Throws for any other answer. */
  redeem(code: string | null): Promise<{ access_token: string; scope: string }>;
}

export interface Browsing {
  /** An empty tab of somebody who has never been here. `page.context().newPage()` is their second tab. */
  visitor(options?: BrowserContextOptions): Promise<Page>;
  connect(options?: ConnectOptions): Promise<Connection>;
  /** A visitor whom an app has just sent: on the sign-in page. */
  arrive(
    app?: ConnectOptions,
    profile?: BrowserContextOptions,
  ): Promise<{ readonly connection: Connection; readonly page: Page }>;
  /** What pages of the running test did that none may do: complain in the console, break their policy, ask somebody else. */
  complaints(): readonly string[];
}

/** Chromium for all tests of the calling file. Profiles last for one test. */
export function useBrowser(system: System, launch: LaunchOptions = {}): Browsing {
  let browser: Browser;
  let app: App;
  const profiles: BrowserContext[] = [];
  let complaints: string[] = [];

  beforeAll(async () => {
    app = await startApp(system);
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
      chromiumSandbox: false, // it cannot start as root, and these pages are ours
      args: [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
      ...launch,
    });
  });
  afterEach(async () => {
    await Promise.all(profiles.splice(0).map((profile) => profile.close()));
    complaints = [];
  });
  afterAll(async () => {
    await browser?.close();
    app?.server.close();
  });

  const browsing: Browsing = {
    async visitor(options = {}) {
      const profile = await browser.newContext({
        javaScriptEnabled: false,
        viewport: { width: 1280, height: 900 },
        reducedMotion: "reduce", // a colour on its way to another one cannot be measured
        extraHTTPHeaders: { [ADDRESS_HEADER]: newAddress() },
        ...options,
      });
      profiles.push(profile);
      profile.setDefaultTimeout(15_000);
      await profile.route(`https://${HOSTED_APP}/**`, (route) =>
        route.fulfill({ contentType: "text/html", body: app.receive(route.request().url()) }),
      );
      const known = new Set([system.origin, ...app.origins]);
      profile.on("request", (request) => {
        if (!known.has(new URL(request.url()).origin)) complaints.push(`asks ${request.url()}`);
      });
      profile.on("weberror", (error) => complaints.push(`throws ${error.error().message}`));
      profile.on("console", (message) => {
        const text = message.text();
        // Chromium's remark on an answer like 401; tests look at the page that came with it.
        if (
          /^(error|warning)$/.test(message.type()) &&
          !text.startsWith("Failed to load resource: the server responded")
        )
          complaints.push(text);
      });
      return profile.newPage();
    },
    connect: (options) => app.connect(options),
    async arrive(options, profile) {
      const connection = await app.connect(options);
      const page = await browsing.visitor(profile);
      await page.goto(connection.url);
      return { connection, page };
    },
    complaints: () => complaints,
  };
  return browsing;
}

interface App {
  readonly server: Server;
  readonly origins: readonly string[];
  /** Takes note of a visit and gives the page for it. */
  receive(url: string): string;
  connect(options?: ConnectOptions): Promise<Connection>;
}

async function startApp(system: System): Promise<App> {
  const visits: URL[] = [];
  const receive = (url: string) => {
    visits.push(new URL(url));
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
      visits
        .filter(({ origin, pathname }) => origin + pathname === redirectUri)
        .map(({ searchParams }) => searchParams);
    return {
      url: url.href,
      redirectUri,
      state,
      get received() {
        return received();
      },
      async arrival(page) {
        await page.waitForURL((at) => at.href.startsWith(`${redirectUri}?`));
        return received().at(-1) ?? new URLSearchParams();
      },
      async redeem(code) {
        const body = new URLSearchParams({
          ...{
            grant_type: "authorization_code",
            code: code ?? "",
            client_id,
            redirect_uri: redirectUri,
            code_verifier: verifier,
            resource,
          },
        });
        const answer = await system.fetch("/token", { method: "POST", body });
        if (answer.status !== 200) throw new Error(`No token: ${answer.status} ${await answer.text()}`);
        return (await answer.json()) as { access_token: string; scope: string };
      },
    };
  };
  return { server, origins: Object.values(origins), receive, connect };
}

/** Clicks, and waits for the page that answers: until then the old one is still there to be read. */
export async function follow(control: Locator): Promise<void> {
  await Promise.all([control.page().waitForEvent("domcontentloaded"), control.click()]);
}

/** From the sign-in page to the consent page, by way of a new account. */
export async function signUp(page: Page, account: Account): Promise<void> {
  await follow(page.getByRole("link", { name: "Create an account" }));
  await page.getByLabel("Name").fill(account.name);
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password").fill(account.password);
  await follow(page.getByRole("button", { name: "Create account" }));
}

/** Fills in and sends the sign-in form. */
export async function signIn(page: Page, { email, password }: Pick<Account, "email" | "password">): Promise<void> {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await follow(page.getByRole("button", { name: "Sign in", exact: true }));
}

/** Presses a button of the consent page, waits for the app, and says what it was brought. */
export async function decide(page: Page, button: "Allow" | "Deny", connection: Connection): Promise<URLSearchParams> {
  await page.getByRole("button", { name: button }).click();
  return connection.arrival(page);
}
