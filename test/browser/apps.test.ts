// The account page: connected apps, keys and tokens, with a mouse and with a keyboard only.
import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import {
  type ConnectOptions,
  decide,
  follow,
  HOSTED_APP,
  headingOf,
  signIn,
  signUp,
  useBrowser,
} from "../support/browser.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";
import { tabTo } from "./measures.ts";

const system = useSystem();
const { newPage, connect, pageErrors } = useBrowser(system);
afterEach(() => expect(pageErrors()).toEqual([]));

const open = (page: Page, address = "/apps") => page.goto(system.origin + address);

/**
 * Connects an app for the user who is signed in, or for a new one. Returns functions that try its
 * tokens, with the status of each.
 */
async function connectApp(page: Page, options?: ConnectOptions, account = newAccount()) {
  const connection = await connect(options);
  await page.goto(connection.url);
  if ((await headingOf(page)) === "Sign in") await signUp(page, account);
  const token = await connection.redeem((await decide(page, "Allow", connection)).get("code"));
  const { refresh_token = "" } = token as { refresh_token?: string };
  const client_id = new URL(connection.url).searchParams.get("client_id") ?? "";
  return {
    account,
    use: () => use(token.access_token),
    async refresh() {
      const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token, client_id });
      return (await system.fetch("/token", { method: "POST", body })).status;
    },
  };
}

/** The status of a ping with this credential. */
async function use(bearer: string): Promise<number> {
  const headers = { accept: "application/json, text/event-stream" };
  return (await postRequest(system, bearer, { method: "ping" }, { headers })).status;
}

/** Opens a collapsed part of the page. */
const unfold = (page: Page, summary: string) => page.getByText(summary, { exact: true }).click();

describe("the account page", () => {
  it("shows a connected app, and disconnects it at once", async () => {
    const page = await newPage();
    const { account, use, refresh } = await connectApp(page, { host: HOSTED_APP, name: "Drawing board" });
    expect(await use()).toBe(200);
    await open(page);
    expect(await page.locator("main").textContent()).toContain(`Signed in as ${account.email}`);
    expect(await page.getByRole("listitem").innerText()).toMatch(
      /Drawing board on app\.example\s+Can see .*; create and run architecture flows; .*\s+Connected \d+ \w+ \d{4} at \d\d:\d\d UTC from Chrome on Linux; works until \d+ \w+ \d{4}\./,
    );
    await page.getByLabel("Disconnect Drawing board").click();
    expect(await use(), "before it is confirmed").toBe(200);
    await follow(page.getByRole("button", { name: "Disconnect Drawing board" }));
    expect(new URL(page.url()).pathname).toBe("/apps");
    expect(await page.locator("main").textContent()).toContain("No app is connected.");
    expect([await use(), await refresh()]).toEqual([401, 400]);
  });

  it("disconnects everything, in this browser and in others", async () => {
    const [page, elsewhere] = [await newPage(), await newPage()];
    const first = await connectApp(page, { name: "First" });
    const second = await connectApp(page, { name: "Second" });
    await open(elsewhere);
    await signIn(elsewhere, first.account);
    expect(await headingOf(elsewhere)).toBe("Your apps and keys");
    await open(page);
    await unfold(page, "Disconnect everything");
    await follow(page.getByRole("button", { name: "Disconnect everything and sign out" }));
    expect(await headingOf(page)).toBe("Everything is disconnected");
    expect([await first.use(), await second.use(), await first.refresh(), await second.refresh()]).toEqual([
      401, 401, 400, 400,
    ]);
    for (const tab of [page, elsewhere]) {
      await open(tab);
      expect(await headingOf(tab)).toBe("Sign in");
    }
  });

  it("makes a key, which is shown once and works until it is revoked", async () => {
    const page = await newPage();
    await connectApp(page);
    await open(page);
    await unfold(page, "Create a key");
    await page.getByLabel("Name").fill("Build server");
    await page.getByLabel("Works for").selectOption({ label: "30 days" });
    await follow(page.getByRole("button", { name: "Create the key" }));
    expect(await headingOf(page)).toBe("Your new API key");
    const key = (await page.locator("code.secret").textContent()) ?? "";
    expect(key).toMatch(/^sb_live_[\w-]{16,128}$/);
    expect(await page.evaluate("getComputedStyle(document.querySelector('code.secret')).userSelect")).toBe("all");
    expect(await use(key)).toBe(200);
    await page.reload();
    expect(await page.locator("code.secret").textContent(), "the same key, for a minute").toBe(key);
    await follow(page.getByRole("link", { name: "Your apps and keys" }));
    expect(await page.content()).not.toContain(key);
    await page.getByLabel("Revoke Build server").click();
    await follow(page.getByRole("button", { name: "Revoke Build server" }));
    expect(await page.locator("main").textContent()).toContain("You have no API keys.");
    expect(await use(key)).toBe(401);
  });

  it("makes a token that works", async () => {
    const page = await newPage();
    await connectApp(page);
    await open(page);
    await unfold(page, "Create a token");
    await follow(page.getByRole("button", { name: "Create the token" }));
    expect(await headingOf(page)).toBe("Your access token");
    expect(await use((await page.locator("code.secret").textContent()) ?? "")).toBe(200);
  });

  it("is not shown after signing out, also with the back button", async () => {
    const page = await newPage();
    const { account, use } = await connectApp(page);
    await open(page);
    await follow(page.getByRole("button", { name: "Sign out" }));
    expect(await headingOf(page)).toBe("You are signed out");
    expect((await page.context().cookies()).map(({ name }) => name)).not.toContain("__Host-gw_s");
    await page.goBack();
    expect(await headingOf(page)).toBe("Sign in");
    expect(await page.locator("main").textContent()).not.toContain(account.email);
    expect(await use()).toBe(200);
  });
});

describe("a user with a keyboard only", () => {
  /** Presses a key and waits for the page with this heading. */
  async function press(page: Page, key: string, heading: string): Promise<void> {
    await page.keyboard.press(key);
    await page.getByRole("heading", { name: heading }).waitFor();
  }

  it("can create a key, revoke it, disconnect an app, and sign out", async () => {
    const page = await newPage();
    const { use } = await connectApp(page);
    await open(page);
    await tabTo(page, "Sign out", "Disconnect", "Connect an app", "Disconnect everything", "Create a key");
    await page.keyboard.press("Enter");
    await tabTo(page, "Name");
    await page.keyboard.type("From the keyboard");
    await tabTo(page, "Live");
    await page.keyboard.press("ArrowDown");
    await tabTo(page, "Generate", "Works for", "Create the key");
    await press(page, "Enter", "Your new API key");
    expect(await page.locator("code.secret").textContent()).toMatch(/^sb_test_/);
    await tabTo(page, "A script", "Claude Code", "Cursor", "VS Code", "Your apps and keys");
    await press(page, "Enter", "Connected apps");
    await tabTo(page, "Sign out", "Disconnect", "Connect an app", "Disconnect everything", "Revoke");
    await page.keyboard.press("Space");
    await tabTo(page, "Revoke From the keyboard");
    await page.keyboard.press("Space");
    await page.getByText("You have no API keys.").waitFor();
    await open(page);
    await tabTo(page, "Sign out", "Disconnect");
    await page.keyboard.press("Enter");
    await tabTo(page, "Disconnect Test client");
    await page.keyboard.press("Enter");
    await page.getByText("No app is connected.").waitFor();
    expect(await use()).toBe(401);
    await open(page);
    await tabTo(page, "Sign out");
    await press(page, "Enter", "You are signed out");
  });
});
