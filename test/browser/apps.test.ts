// A person's own page in a real browser: what they see, take away and make there, with a mouse or only a keyboard.
import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { type ConnectOptions, decide, follow, HOSTED_APP, signIn, signUp, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";
import { focus } from "./measures.ts";

const system = useSystem();
const { visitor, connect, complaints } = useBrowser(system);
afterEach(() => expect(complaints()).toEqual([]));

const heading = (page: Page) => page.getByRole("heading", { level: 1 }).textContent();
const open = (page: Page, address = "/apps") => page.goto(system.origin + address);

/** Connects one more app of whoever is signed in, or of somebody new; and what it can do with its tokens. */
async function connectApp(page: Page, options?: ConnectOptions, account = newAccount()) {
  const connection = await connect(options);
  await page.goto(connection.url);
  if ((await heading(page)) === "Sign in") await signUp(page, account);
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

/** What /mcp says to this bearer: 200 or not. */
async function use(bearer: string): Promise<number> {
  const headers = {
    authorization: `Bearer ${bearer}`,
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  return (await system.fetch("/mcp", { method: "POST", headers, body })).status;
}

/** Opens a part of the page that is folded away. */
const unfold = (page: Page, summary: string) => page.getByText(summary, { exact: true }).click();

describe("a person's own page", () => {
  it("shows a connected app; disconnected, the app is out at once", async () => {
    const page = await visitor();
    const { account, use, refresh } = await connectApp(page, { host: HOSTED_APP, name: "Drawing board" });
    expect(await use()).toBe(200);
    await open(page);
    expect(await page.locator("main").textContent()).toContain(`Signed in as ${account.email}`);
    expect(await page.getByRole("listitem").innerText()).toMatch(
      /Drawing board on app\.example\s+Can see .*, run flows .*\s+Connected \d+ \w+ \d{4}, ends \d+ \w+ \d{4}\./,
    );
    await follow(page.getByRole("button", { name: "Disconnect Drawing board" }));
    expect(new URL(page.url()).pathname).toBe("/apps");
    expect(await page.locator("main").textContent()).toContain("No app is connected.");
    expect([await use(), await refresh()]).toEqual([401, 400]);
  });

  it("disconnects everything, in this browser and in others", async () => {
    const [page, elsewhere] = [await visitor(), await visitor()];
    const first = await connectApp(page, { name: "First" });
    const second = await connectApp(page, { name: "Second" });
    await open(elsewhere);
    await signIn(elsewhere, first.account);
    expect(await heading(elsewhere)).toBe("Your apps and keys");
    await open(page);
    await unfold(page, "Disconnect everything");
    await follow(page.getByRole("button", { name: "Disconnect everything and sign out" }));
    expect(await heading(page)).toBe("Everything is disconnected");
    expect([await first.use(), await second.use(), await first.refresh(), await second.refresh()]).toEqual([
      401, 401, 400, 400,
    ]);
    for (const tab of [page, elsewhere]) {
      await open(tab);
      expect(await heading(tab)).toBe("Sign in");
    }
  });

  it("makes a key, shows it once, and the key works until it is revoked", async () => {
    const page = await visitor();
    await connectApp(page);
    await open(page);
    await unfold(page, "Make a key");
    await page.getByLabel("Name").fill("Build server");
    await page.getByLabel("Works for").selectOption({ label: "30 days" });
    await follow(page.getByRole("button", { name: "Make the key" }));
    expect(await heading(page)).toBe("Your new API key");
    const key = (await page.locator("code.secret").textContent()) ?? "";
    expect(key).toMatch(/^sb_live_[\w-]{16,128}$/);
    expect(await page.evaluate("getComputedStyle(document.querySelector('code.secret')).userSelect")).toBe("all");
    expect(await use(key)).toBe(200);
    await page.reload();
    expect(await heading(page)).toBe("Already used");
    await follow(page.getByRole("link", { name: "Your apps and keys" }));
    expect(await page.content()).not.toContain(key);
    const revoke = page.getByRole("button", { name: "Revoke Build server" });
    expect(await revoke.count()).toBe(1);
    await follow(revoke);
    expect(await page.locator("main").textContent()).toContain("You have no key.");
    expect(await use(key)).toBe(401);
  });

  it("makes a token that works", async () => {
    const page = await visitor();
    await connectApp(page);
    await open(page);
    await unfold(page, "Make a token");
    await follow(page.getByRole("button", { name: "Make the token" }));
    expect(await heading(page)).toBe("Your access token");
    expect(await use((await page.locator("code.secret").textContent()) ?? "")).toBe(200);
  });

  it("is gone after signing out, also with the back button", async () => {
    const page = await visitor();
    const { account, use } = await connectApp(page);
    await open(page);
    await follow(page.getByRole("button", { name: "Sign out" }));
    expect(await heading(page)).toBe("You are signed out");
    expect(await page.context().cookies()).toEqual([]);
    await page.goBack();
    expect(await heading(page)).toBe("Sign in");
    expect(await page.locator("main").textContent()).not.toContain(account.email);
    expect(await use()).toBe(200);
  });
});

describe("without a mouse", () => {
  /** Presses Tab once for each stop, and expects to be there, visibly. */
  async function tabTo(page: Page, ...stops: readonly string[]): Promise<void> {
    for (const stop of stops) {
      await page.keyboard.press("Tab");
      const { what, outline } = await focus(page);
      expect(what).toMatch(new RegExp(`^${stop}`));
      expect(outline, `outline of ${stop}`).toBeGreaterThanOrEqual(2);
    }
  }

  async function press(page: Page, key: string, leadsTo: string): Promise<void> {
    await page.keyboard.press(key);
    await page.getByRole("heading", { name: leadsTo }).waitFor();
  }

  it("somebody makes a key, revokes it, disconnects an app, and signs out", async () => {
    const page = await visitor();
    const { use } = await connectApp(page);
    await open(page);
    await tabTo(page, "Sign out", "Disconnect", "Disconnect everything", "Make a key");
    await page.keyboard.press("Enter");
    await tabTo(page, "Name");
    await page.keyboard.type("From the keyboard");
    await tabTo(page, "Live");
    await page.keyboard.press("ArrowDown");
    await tabTo(page, "Generate", "Works for", "Make the key");
    await press(page, "Enter", "Your new API key");
    expect(await page.locator("code.secret").textContent()).toMatch(/^sb_test_/);
    await tabTo(page, "Your apps and keys");
    await press(page, "Enter", "Connected apps");
    await tabTo(page, "Sign out", "Disconnect", "Disconnect everything", "Revoke");
    await page.keyboard.press("Space");
    await page.getByText("You have no key.").waitFor();
    await open(page);
    await tabTo(page, "Sign out", "Disconnect");
    await page.keyboard.press("Enter");
    await page.getByText("No app is connected.").waitFor();
    expect(await use()).toBe(401);
    await open(page);
    await tabTo(page, "Sign out");
    await press(page, "Enter", "You are signed out");
  });
});
