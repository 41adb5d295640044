// A button that is pressed twice in a real browser, while the auth Worker is slow: the browser
// gives the first request up and shows the answer to the second.
import type { Locator } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { decide, follow, headingOf, signIn, signUp, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";

const system = useSystem({ mains: { auth: "test/support/slow-auth.ts" } });
const { newPage, openSignInPage, pageErrors } = useBrowser(system);
afterEach(() => expect(pageErrors()).toEqual([]));

/** Milliseconds between the presses of people, in parallel with the first request. */
const PAUSES_MS = [60, 150, 250];

/** Presses the button twice, as a mouse does: where it was, whatever is there the second time. */
async function pressTwice(button: Locator, pauseMs: number): Promise<void> {
  await button.click({ trial: true }); // waits until it can be pressed
  const box = await button.boundingBox();
  if (!box) throw new Error("The button is not shown.");
  const { mouse } = button.page();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await mouse.click(x, y, { delay: 10 });
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  await mouse.click(x, y, { delay: 10 });
}

const grantsOf = async () => {
  const { OAUTH_KV } = await system.worker("gateway").getEnv();
  const { keys } = await (OAUTH_KV as KVNamespace).list({ prefix: "grant:" });
  return keys.length;
};

it("Disconnect that is pressed twice only asks", async () => {
  const { connection, page } = await openSignInPage();
  await signUp(page, newAccount());
  await connection.redeem((await decide(page, "Allow", connection)).get("code"));
  await page.goto(`${system.origin}/apps`);
  await pressTwice(page.getByLabel("Disconnect Test client"), 60);
  await page.waitForTimeout(500);
  await page.reload();
  expect(await page.getByLabel("Disconnect Test client").count()).toBe(1);
});

describe.each(PAUSES_MS)("a second press after %i ms", (pauseMs) => {
  it("on Allow brings one code to the app, and the code works", async () => {
    const { connection, page } = await openSignInPage();
    await signUp(page, newAccount());
    const before = await grantsOf();
    await pressTwice(page.getByRole("button", { name: "Allow" }), pauseMs);
    // The second press may end the navigation to the app, which then comes again.
    await expect.poll(() => page.url()).toContain(`${connection.redirectUri}?`);
    const code = connection.received.at(-1)?.get("code") ?? null;
    expect(await grantsOf()).toBe(before + 1);
    expect((await connection.redeem(code)).scope).toBe("read generate");
  });

  it("on Create the key shows the key, and there is one", async () => {
    const page = await newPage();
    await page.goto(`${system.origin}/apps`);
    await signUp(page, newAccount());
    await page.getByText("Create a key", { exact: true }).click();
    await page.getByLabel("Name").fill("Build server");
    await pressTwice(page.getByRole("button", { name: "Create the key" }), pauseMs);
    await page.getByRole("heading", { name: "Your new API key" }).waitFor();
    expect(await page.locator("code.secret").textContent()).toMatch(/^sb_live_/);
    await page.goto(`${system.origin}/apps`);
    expect(await page.getByLabel("Revoke Build server").count()).toBe(1);
  });

  it("on Sign in signs in", async () => {
    const account = newAccount();
    const page = await newPage();
    await page.goto(`${system.origin}/apps`);
    await signUp(page, account);
    await follow(page.getByRole("button", { name: "Sign out" }));
    await page.goto(`${system.origin}/apps`);
    await page.getByLabel("E-mail").fill(account.email);
    await page.getByLabel("Password").fill(account.password);
    await pressTwice(page.getByRole("button", { name: "Sign in", exact: true }), pauseMs);
    await page.getByRole("heading", { name: "Your apps and keys" }).waitFor();
  });
});

it("a wrong password that is pressed twice can be corrected at once", async () => {
  const account = newAccount();
  const { page } = await openSignInPage();
  await signUp(page, account);
  await follow(page.getByRole("link", { name: "Not you?" }));
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password").fill("a guess of enough characters");
  await pressTwice(page.getByRole("button", { name: "Sign in", exact: true }), 150);
  expect(await page.getByRole("alert").textContent()).toContain("E-mail or password is wrong.");
  await signIn(page, account);
  expect(await headingOf(page)).toBe("Allow Test client?");
});
