// The way back to the app, as only a browser decides it: which addresses it goes on to under the pages' own policy, what it tells the
// app about where it comes from, and what is left to do where the page does not go on by itself.
import type { BrowserContextOptions, Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { HOSTED_APP, signUp, useBrowser } from "../support/browser.ts";
import { HAS_IPV6, pageOf, useReceiver, WELCOME } from "../support/redirect-receiver.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";
import { type Ask, WireClient } from "../support/wire-client.ts";

const system = useSystem();
const receiver = useReceiver();
const { visitor, complaints } = useBrowser(system);

const HOSTS = ["127.0.0.1", "localhost", "[::1]", HOSTED_APP] as const;
type Host = (typeof HOSTS)[number];
const originOf = (host: Host) => (host === HOSTED_APP ? `https://${HOSTED_APP}` : receiver.at(host));

afterEach(() => {
  const asksTheApp = (complaint: string) =>
    HOSTS.some((host) => complaint.startsWith(`asks ${originOf(host)}/callback?`));
  expect(complaints().filter((complaint) => !asksTheApp(complaint))).toEqual([]);
});

interface Undecided {
  readonly page: Page;
  readonly client: WireClient;
  readonly ask: Ask;
  /** What the browser was told to fetch for this person so far, with the `Referer` that it sent. */
  readonly requests: readonly { readonly url: string; readonly referer: string | null }[];
}

/** Somebody before the decision, sent by an app whose callback is on `host`. */
async function undecided(host: Host, profile: BrowserContextOptions = {}): Promise<Undecided> {
  const redirectUri = `${originOf(host)}/callback`;
  const client = await WireClient.register(system, {
    ...{ client_name: "Test client", redirect_uris: [redirectUri], token_endpoint_auth_method: "none" },
  });
  const ask = client.ask(redirectUri);
  const page = await visitor(profile);
  const requests: { url: string; referer: string | null }[] = [];
  page.on("request", (request) => requests.push({ url: request.url(), referer: request.headers().referer ?? null }));
  await page.route(`https://${HOSTED_APP}/**`, async (route) => {
    receiver.note(route.request().url(), await route.request().allHeaders());
    await route.fulfill({ contentType: "text/html", body: pageOf(WELCOME) });
  });
  await page.goto(ask.url.href);
  await signUp(page, newAccount());
  return { page, client, ask, requests };
}

/** Waits until the app is on the screen, and says what it was told. */
async function arrival(page: Page, { redirectUri }: Ask): Promise<URLSearchParams> {
  await page.waitForURL((at) => at.href.startsWith(`${redirectUri}?`));
  await page.getByRole("heading", { name: "Back in the app" }).waitFor();
  const visits = receiver.received.filter(({ url }) => url.href.startsWith(`${redirectUri}?`));
  expect(visits).toHaveLength(1);
  expect(visits[0]?.referer, "what the app hears of where the browser comes from").toBeNull();
  return visits[0]?.url.searchParams ?? new URLSearchParams();
}

describe.each([false, true])("a browser that has decided, with JavaScript %s,", (javaScriptEnabled) => {
  it.for(HOSTS)(
    "goes on to the app at %s, which gets a code that works and does not hear where it comes from",
    async (host, context) => {
      if (host === "[::1]" && !HAS_IPV6) context.skip("this computer has no IPv6");
      const { page, client, ask } = await undecided(host, { javaScriptEnabled });
      await page.getByRole("button", { name: "Allow" }).click();
      const answer = await arrival(page, ask);
      expect([answer.getAll("state"), answer.getAll("iss")]).toEqual([[ask.state], [system.origin]]);
      expect((await client.redeem(ask, new URL(page.url()))).status).toBe(200);
    },
  );

  it.for(HOSTS)("goes on to the app at %s after a denial too", async (host, context) => {
    if (host === "[::1]" && !HAS_IPV6) context.skip("this computer has no IPv6");
    const { page, ask } = await undecided(host, { javaScriptEnabled });
    await page.getByRole("button", { name: "Deny" }).click();
    const answer = await arrival(page, ask);
    expect(Object.fromEntries(answer)).toMatchObject({ error: "access_denied", state: ask.state, iss: system.origin });
    expect(answer.has("code")).toBe(false);
  });
});

describe("what a browser tells on its way", () => {
  it("holds neither code nor state: no request names an address that has them, and none to another site names any", async () => {
    const { page, ask, requests } = await undecided("localhost");
    await page.getByRole("button", { name: "Allow" }).click();
    const code = (await arrival(page, ask)).get("code") ?? "";
    expect(code).not.toBe("");
    expect(requests.length).toBeGreaterThan(5);
    const told = requests.filter(({ referer }) => referer !== null);
    expect(told.length, "steps of our own do name each other").toBeGreaterThan(0);
    for (const { url, referer } of told) {
      expect(new URL(url).origin, url).toBe(system.origin);
      expect(referer).not.toMatch(/[?&](code|state|client_id)=/);
      for (const secret of [code, ask.state, ask.verifier]) expect(referer).not.toContain(secret);
    }
  });
});

describe("a page that does not go on by itself", () => {
  /** The browser stays where it is when an answer has no content. */
  const stay = async (page: Page) => {
    await page.route("**/callback?*", (route) => route.fulfill({ status: 204 }));
    await page.getByRole("button", { name: "Allow" }).click();
    await page.getByRole("heading", { name: "Returning to" }).waitFor();
    expect(receiver.received).toEqual([]);
    await page.unroute("**/callback?*");
  };

  it.each(["127.0.0.1", HOSTED_APP] as const)(
    "has a link to the app at %s that works, and tells as little",
    async (host) => {
      const { page, client, ask } = await undecided(host);
      await stay(page);
      await page.getByRole("link", { name: "Continue" }).click();
      expect((await arrival(page, ask)).get("state")).toBe(ask.state);
      expect((await client.redeem(ask, new URL(page.url()))).status).toBe(200);
    },
  );

  it("has its link one Tab away", async () => {
    const { page, ask } = await undecided("127.0.0.1");
    await stay(page);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect((await arrival(page, ask)).has("code")).toBe(true);
  });
});

describe("a browser that goes back from the app", () => {
  it.each(["Allow", "Deny"])("finds nothing left to decide after %s", async (button) => {
    const { page, ask } = await undecided("127.0.0.1", { javaScriptEnabled: true });
    await page.getByRole("button", { name: button }).click();
    await arrival(page, ask);
    await page.goBack();
    expect(new URL(page.url()).origin).toBe(system.origin);
    await page.getByRole("heading", { name: "Start again from your app" }).waitFor();
    expect(await page.getByRole("button").count()).toBe(0);
    expect(receiver.received).toHaveLength(1);
  });
});
