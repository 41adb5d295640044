// Continue with GitHub or Google, through the local provider that replaces them on a developer's
// machine.
import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { follow, signUp, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";

const system = useSystem();
const { newPage, connect, pageErrors } = useBrowser(system);
afterEach(() => expect(pageErrors()).toEqual([]));

/** Goes from the sign-in page to the local provider's page, and fills in a new user. */
async function openProvider(page: Page, provider: string, email: string): Promise<void> {
  await page.getByRole("button", { name: `Continue with ${provider}` }).click();
  await page.getByRole("heading", { name: `Local ${provider} sign-in` }).waitFor();
  await page.getByLabel("Name").fill("Grace Hopper");
  await page.getByLabel("E-mail", { exact: true }).fill(email);
}

describe("a user who continues with a provider", () => {
  it.each(["GitHub", "Google"])(
    "is signed in after %s, can decide, and the client gets a code that works",
    async (provider) => {
      const connection = await connect();
      const page = await newPage();
      const { email } = newAccount();
      await page.goto(connection.url);
      await openProvider(page, provider, email);
      await page.getByRole("button", { name: "Continue" }).click();
      await page.waitForURL("**/consent?*");
      expect(await page.locator("main").textContent()).toContain(email);
      await page.getByRole("button", { name: "Allow" }).click();
      const callback = await connection.waitForCallback(page);
      expect(callback.get("state")).toBe(connection.state);
      expect((await connection.redeem(callback.get("code"))).scope).toBe("read generate");
      expect((await page.context().cookies()).map(({ name }) => name)).toContain("__Host-gw_s");
    },
  );

  it("can do so from the sign-up page, and is the same user the next time", async () => {
    const { email } = newAccount();
    const subjects: string[] = [];
    for (const link of ["Create an account", undefined]) {
      const [connection, page] = [await connect(), await newPage()];
      await page.goto(connection.url);
      if (link !== undefined) await follow(page.getByRole("link", { name: link }));
      await openProvider(page, "Google", email);
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByRole("button", { name: "Allow" }).click();
      const { access_token } = await connection.redeem((await connection.waitForCallback(page)).get("code"));
      subjects.push(access_token.split(":")[0] ?? "");
    }
    expect(subjects[0]).toBeTruthy();
    expect(subjects[1]).toBe(subjects[0]);
  });

  it.each([
    ["denies", "GitHub", (page: Page) => page.getByRole("button", { name: "Deny" }).click()],
    [
      "has no verified e-mail address",
      "Google",
      async (page: Page) => {
        await page.getByRole("checkbox").uncheck();
        await page.getByRole("button", { name: "Continue" }).click();
      },
    ],
  ] as const)("but %s there is back at the sign-in page with an error, and can try again", async (_, provider, act) => {
    const connection = await connect();
    const page = await newPage();
    await page.goto(connection.url);
    await openProvider(page, provider, newAccount().email);
    await act(page);
    await page.waitForURL("**/login?*");
    expect(await page.getByRole("alert").textContent()).toBe(
      "That sign-in did not work. Try again, or sign in another way.",
    );
    await openProvider(page, provider, newAccount().email);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("button", { name: "Allow" }).click();
    expect((await connection.waitForCallback(page)).get("code")).toBeTruthy();
  });
});

describe("a user at a provider", () => {
  it("who then signs in another way cannot use the earlier response of the provider", async () => {
    const connection = await connect();
    const page = await newPage();
    await page.goto(connection.url);
    await openProvider(page, "GitHub", newAccount().email);
    const providerUrl = page.url();
    await page.goto(new URL(`/login?tx=${await transactionOf(page)}`, system.origin).href);
    await signUp(page, newAccount());
    await page.goto(providerUrl);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("heading", { name: "This sign-in cannot be continued" }).waitFor();
    expect(connection.received).toEqual([]);
  });

  it("gets an error for an invalid e-mail address", async () => {
    const connection = await connect();
    const page = await newPage();
    await page.goto(connection.url);
    await openProvider(page, "Google", "grace@nowhere");
    await page.getByRole("button", { name: "Continue" }).click();
    expect(await page.getByRole("alert").textContent()).toContain("Enter a name and an e-mail address");
    expect(await page.getByLabel("Name").inputValue()).toBe("Grace Hopper");
  });
});

/** The id in the name of the browser's one transaction cookie. */
async function transactionOf(page: Page): Promise<string | undefined> {
  const names = (await page.context().cookies()).map(({ name }) => name);
  return names.find((name) => name.startsWith("__Host-gw_tx_"))?.slice("__Host-gw_tx_".length);
}
