// Continue with GitHub or Google, through the local stand-in that takes their place on a developer's machine.
import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { follow, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";

const system = useSystem();
const { visitor, connect, complaints } = useBrowser(system);
afterEach(() => expect(complaints()).toEqual([]));

/** From the sign-in page to the stand-in's, with somebody new typed in. */
async function leaveFor(page: Page, provider: string, email: string): Promise<void> {
  await page.getByRole("button", { name: `Continue with ${provider}` }).click();
  await page.getByRole("heading", { name: `No ${provider} here` }).waitFor();
  await page.getByLabel("Name").fill("Grace Hopper");
  await page.getByLabel("E-mail", { exact: true }).fill(email);
}

describe("a person who continues with a provider", () => {
  it.each(["GitHub", "Google"])(
    "comes back from %s signed in, decides, and their app gets a code that works",
    async (provider) => {
      const connection = await connect();
      const page = await visitor();
      const { email } = newAccount();
      await page.goto(connection.url);
      await leaveFor(page, provider, email);
      await page.getByRole("button", { name: "Continue" }).click();
      await page.waitForURL("**/consent?*");
      expect(await page.locator("main").textContent()).toContain(email);
      await page.getByRole("button", { name: "Allow" }).click();
      const answer = await connection.arrival(page);
      expect(answer.get("state")).toBe(connection.state);
      expect((await connection.redeem(answer.get("code"))).scope).toBe("read generate");
      expect((await page.context().cookies()).map(({ name }) => name)).toEqual(["__Host-gw_s"]);
    },
  );

  it("may do so from the sign-up page, and is the same person the next time", async () => {
    const { email } = newAccount();
    const subjects: string[] = [];
    for (const link of ["Create an account", undefined]) {
      const [connection, page] = [await connect(), await visitor()];
      await page.goto(connection.url);
      if (link !== undefined) await follow(page.getByRole("link", { name: link }));
      await leaveFor(page, "Google", email);
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByRole("button", { name: "Allow" }).click();
      const { access_token } = await connection.redeem((await connection.arrival(page)).get("code"));
      subjects.push(access_token.split(":")[0] ?? "");
    }
    expect(subjects[0]).toBeTruthy();
    expect(subjects[1]).toBe(subjects[0]);
  });

  it.each([
    ["denies there", "GitHub", (page: Page) => page.getByRole("button", { name: "Deny" }).click()],
    [
      "has an e-mail there that was never verified",
      "Google",
      async (page: Page) => {
        await page.getByRole("checkbox").uncheck();
        await page.getByRole("button", { name: "Continue" }).click();
      },
    ],
  ] as const)("but %s is back at the sign-in page, told so, and can go on another way", async (_, provider, act) => {
    const connection = await connect();
    const page = await visitor();
    await page.goto(connection.url);
    await leaveFor(page, provider, newAccount().email);
    await act(page);
    await page.waitForURL("**/login?*");
    expect(await page.getByRole("alert").textContent()).toBe(
      "Signing in there did not work. Try again, or sign in another way.",
    );
    await leaveFor(page, provider, newAccount().email);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("button", { name: "Allow" }).click();
    expect((await connection.arrival(page)).get("code")).toBeTruthy();
  });
});

describe("a person away at a provider", () => {
  it("who goes back signs in with a password instead, and the provider's answer counts no more", async () => {
    const connection = await connect();
    const page = await visitor();
    await page.goto(connection.url);
    await leaveFor(page, "GitHub", newAccount().email);
    const standIn = page.url();
    await page.goto(new URL(`/login?tx=${await transactionOf(page)}`, system.origin).href);
    await page.goto(standIn);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("heading", { name: "That sign-in does not belong here" }).waitFor();
    expect(connection.received).toEqual([]);
  });

  it("is asked to mend an e-mail that is none", async () => {
    const connection = await connect();
    const page = await visitor();
    await page.goto(connection.url);
    await leaveFor(page, "Google", "grace@nowhere");
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
