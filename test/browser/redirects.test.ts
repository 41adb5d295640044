// The redirect to the client in a real browser: the redirect URIs that the pages' policy allows,
// the Referer that the client gets, and the link on the page if the redirect does not succeed.
import type { BrowserContextOptions, Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { HOSTED_APP, signUp, useBrowser } from "../support/browser.ts";
import { HAS_IPV6, pageOf, useReceiver, WELCOME } from "../support/redirect-receiver.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";
import { type AuthorizationRequest, WireClient } from "../support/wire-client.ts";

const system = useSystem();
const receiver = useReceiver();
const { newPage, pageErrors } = useBrowser(system);

const HOSTS = ["127.0.0.1", "localhost", "[::1]", HOSTED_APP] as const;
type RedirectHost = (typeof HOSTS)[number];
const originOf = (host: RedirectHost) => (host === HOSTED_APP ? `https://${HOSTED_APP}` : receiver.at(host));

afterEach(() => {
  const isRedirect = (error: string) => HOSTS.some((host) => error.startsWith(`requests ${originOf(host)}/callback?`));
  expect(pageErrors().filter((error) => !isRedirect(error))).toEqual([]);
});

interface ConsentPage {
  readonly page: Page;
  readonly client: WireClient;
  readonly request: AuthorizationRequest;
  /** The requests of the browser so far, with the `Referer` of each. */
  readonly requests: readonly { readonly url: string; readonly referer: string | null }[];
}

/** The consent page for a new user and a client whose redirect URI is on `host`. */
async function openConsentPage(host: RedirectHost, profile: BrowserContextOptions = {}): Promise<ConsentPage> {
  const redirectUri = `${originOf(host)}/callback`;
  const client = await WireClient.register(system, {
    client_name: "Test client",
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: "none",
  });
  const authorization = client.authorizationRequest(redirectUri);
  const page = await newPage(profile);
  const requests: { url: string; referer: string | null }[] = [];
  page.on("request", (request) => requests.push({ url: request.url(), referer: request.headers().referer ?? null }));
  await page.route(`https://${HOSTED_APP}/**`, async (route) => {
    receiver.record(route.request().url(), await route.request().allHeaders());
    await route.fulfill({ contentType: "text/html", body: pageOf(WELCOME) });
  });
  await page.goto(authorization.url.href);
  await signUp(page, newAccount());
  return { page, client, request: authorization, requests };
}

/**
 * Waits for the client's page. Returns its parameters. Throws for a second request, and for a
 * Referer.
 */
async function callbackOf(page: Page, { redirectUri }: AuthorizationRequest): Promise<URLSearchParams> {
  await page.waitForURL((at) => at.href.startsWith(`${redirectUri}?`));
  await page.getByRole("heading", { name: "Back in the app" }).waitFor();
  const callbacks = receiver.received.filter(({ url }) => url.href.startsWith(`${redirectUri}?`));
  const [callback] = callbacks;
  if (!callback || callbacks.length > 1) throw new Error(`The client got ${callbacks.length} requests.`);
  if (callback.referer !== null) throw new Error(`The client got the Referer ${callback.referer}.`);
  return callback.url.searchParams;
}

describe.each([false, true])("a browser after the decision, with JavaScript %s,", (javaScriptEnabled) => {
  it.for(HOSTS)(
    "is redirected to the client at %s, which gets a code that works, and no Referer",
    async (host, context) => {
      if (host === "[::1]" && !HAS_IPV6) context.skip("this computer has no IPv6");
      const { page, client, request } = await openConsentPage(host, { javaScriptEnabled });
      await page.getByRole("button", { name: "Allow" }).click();
      const callback = await callbackOf(page, request);
      expect([callback.getAll("state"), callback.getAll("iss")]).toEqual([[request.state], [system.origin]]);
      expect((await client.redeem(request, new URL(page.url()))).status).toBe(200);
    },
  );

  it.for(HOSTS)("is redirected to the client at %s after a denial, too", async (host, context) => {
    if (host === "[::1]" && !HAS_IPV6) context.skip("this computer has no IPv6");
    const { page, request } = await openConsentPage(host, { javaScriptEnabled });
    await page.getByRole("button", { name: "Deny" }).click();
    const callback = await callbackOf(page, request);
    expect(Object.fromEntries(callback)).toMatchObject({
      error: "access_denied",
      state: request.state,
      iss: system.origin,
    });
    expect(callback.has("code")).toBe(false);
  });
});

describe("the Referer of each request", () => {
  it("has neither code nor state, and is sent to no other site", async () => {
    const { page, request, requests } = await openConsentPage("localhost");
    await page.getByRole("button", { name: "Allow" }).click();
    const code = (await callbackOf(page, request)).get("code") ?? "";
    expect(code).not.toBe("");
    expect(requests.length).toBeGreaterThan(5);
    const withReferer = requests.filter(({ referer }) => referer !== null);
    expect(withReferer.length, "requests between the gateway's own pages have one").toBeGreaterThan(0);
    for (const { url, referer } of withReferer) {
      expect(new URL(url).origin, url).toBe(system.origin);
      expect(referer).not.toMatch(/[?&](code|state|client_id)=/);
      for (const secret of [code, request.state, request.verifier]) expect(referer).not.toContain(secret);
    }
  });
});

describe("a page whose redirect does not succeed", () => {
  /** Allows the client, with a response without content to the redirect, so that the page stays. */
  const allowWithoutRedirect = async (page: Page) => {
    await page.route("**/callback?*", (route) => route.fulfill({ status: 204 }));
    await page.getByRole("button", { name: "Allow" }).click();
    await page.getByRole("heading", { name: "You allowed access" }).waitFor();
    if (receiver.received.length > 0) throw new Error("The redirect succeeded.");
    await page.unroute("**/callback?*");
  };

  it.each(["127.0.0.1", HOSTED_APP] as const)(
    "has a link to the client at %s, which also sends no Referer",
    async (host) => {
      const { page, client, request } = await openConsentPage(host);
      await allowWithoutRedirect(page);
      await page.getByRole("link", { name: "Continue" }).click();
      expect((await callbackOf(page, request)).get("state")).toBe(request.state);
      expect((await client.redeem(request, new URL(page.url()))).status).toBe(200);
    },
  );

  it("has its link at the first Tab", async () => {
    const { page, request } = await openConsentPage("127.0.0.1");
    await allowWithoutRedirect(page);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect((await callbackOf(page, request)).has("code")).toBe(true);
  });
});

describe("a browser that goes back from the client", () => {
  it.each(["Allow", "Deny"])("shows no decision again after %s", async (button) => {
    const { page, request } = await openConsentPage("127.0.0.1", { javaScriptEnabled: true });
    await page.getByRole("button", { name: button }).click();
    await callbackOf(page, request);
    await page.goBack();
    expect(new URL(page.url()).origin).toBe(system.origin);
    await page.getByRole("heading", { name: "Start again from your app" }).waitFor();
    expect(await page.getByRole("button").count()).toBe(0);
    expect(receiver.received).toHaveLength(1);
  });
});
