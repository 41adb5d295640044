// A minimal client of MCP Apps 2026-01-26 in a real Chromium: it shows a view in a frame, plays the
// client's side of the protocol, and enforces the policy that the view declares.
import type { Browser, BrowserContext, Frame, FrameLocator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { VIEW_META, type View } from "../../src/resources/view.ts";
import { launchBrowser } from "./browser.ts";

const CLIENT = "https://client.example";
const VIEW = "https://view.example";

/** The client's side of one view. */
export interface ClientSide {
  readonly result?: object;
  readonly capabilities?: object;
  readonly context?: object;
  /** The response to `resources/read`; an error by default. */
  readonly contents?: readonly object[];
  /** Sends a cancellation instead of the result. */
  readonly cancelled?: true;
  /** Of the frame, in CSS pixels; 400 by default. */
  readonly width?: number;
}

export interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: unknown;
}

export interface ShownView {
  readonly page: Page;
  readonly view: FrameLocator;
  /** The frame in which the view is shown. */
  frame(): Frame;
  /** The messages of the view so far. */
  messages(): Promise<readonly Message[]>;
}

/** The client's page. Inside it, `received` holds the view's messages. */
const clientPage = ({ result = {}, capabilities = {}, context = {}, contents, cancelled, width = 400 }: ClientSide) =>
  `<!doctype html>
<html lang="en"><title>A client</title><link rel="icon" href="data:,">
<script>
const received = [];
addEventListener("message", ({ source, data }) => {
  if (source !== frames[0]) return;
  received.push(data);
  const send = (message) => source.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const client = ${JSON.stringify({ result, capabilities, context, contents: contents ?? null }).replaceAll("<", "\\u003c")};
  if (data.method === "ui/initialize") send({ id: data.id, result: {
    protocolVersion: "2026-01-26", hostInfo: { name: "client", version: "1" },
    hostCapabilities: client.capabilities, hostContext: client.context,
  } });
  if (data.method === "ui/notifications/initialized") {
    send({ method: "ui/notifications/tool-input", params: { arguments: {} } });
    ${cancelled ? `send({ method: "ui/notifications/tool-cancelled", params: { reason: "user" } })` : `send({ method: "ui/notifications/tool-result", params: client.result })`};
  }
  if (data.method === "resources/read") send({ id: data.id, ...(client.contents
    ? { result: { contents: client.contents } }
    : { error: { code: -32603, message: "no" } }) });
  if (data.method === "ui/open-link") send({ id: data.id, result: {} });
});
</script>
<iframe title="view" src="${VIEW}/" sandbox="allow-scripts" style="width: ${width}px; height: 300px"></iframe></html>`;

/** The policy that the specification builds from `_meta.ui.csp`. */
const { connectDomains, resourceDomains } = VIEW_META.ui.csp;
const POLICY = [
  "default-src 'none'",
  `script-src 'self' 'unsafe-inline' ${resourceDomains.join(" ")}`,
  `style-src 'self' 'unsafe-inline' ${resourceDomains.join(" ")}`,
  // The specification also allows data:, which a client in use does not.
  `img-src 'self' ${resourceDomains.join(" ")}`,
  `connect-src 'self' ${connectDomains.join(" ")}`,
  "frame-src 'none'; object-src 'none'; base-uri 'self'",
].join("; ");

/**
 * Clients for all tests of the calling file: returns `open`, which shows a view in a new profile. A
 * test fails if a view violates its policy, throws, opens a dialog or requests another URL.
 */
export function useAppsClient(): (view: View, client: ClientSide) => Promise<ShownView> {
  let browser: Browser;
  let pageErrors: string[] = [];
  const profiles: BrowserContext[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterEach(async () => {
    await Promise.all(profiles.splice(0).map((profile) => profile.close()));
    const found = pageErrors;
    pageErrors = [];
    expect(found).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
  });

  return async ({ html }, client) => {
    const profile = await browser.newContext();
    profiles.push(profile);
    profile.setDefaultTimeout(60_000);
    await profile.route("**/*", (route) => {
      const { origin } = new URL(route.request().url());
      if (origin === CLIENT)
        return route.fulfill({ contentType: "text/html; charset=utf-8", body: clientPage(client) });
      if (origin !== VIEW || !route.request().isNavigationRequest())
        pageErrors.push(`requests ${route.request().url()}`);
      return route.fulfill({
        contentType: "text/html; charset=utf-8",
        headers: { "content-security-policy": POLICY },
        body: html,
      });
    });
    profile.on("weberror", (error) => pageErrors.push(`throws ${error.error().message}`));
    profile.on("console", (message) => {
      if (/^(error|warning)$/.test(message.type())) pageErrors.push(message.text());
    });
    profile.on("dialog", (dialog) => {
      pageErrors.push(`opens a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const page = await profile.newPage();
    await page.goto(CLIENT);
    return {
      page,
      view: page.frameLocator("iframe"),
      frame: () => page.frames()[1] ?? page.mainFrame(),
      messages: () => page.evaluate<Message[]>("received"),
    };
  };
}

/** The first message of the view with this method, once it is received. */
export async function messageOf({ messages }: ShownView, method: string): Promise<Message> {
  const find = () => messages().then((all) => all.find((message) => message.method === method));
  await expect.poll(find).toBeDefined();
  return (await find()) ?? {};
}
