// Sign-in and consent with a keyboard only: the order of the focus, its visibility, Enter and
// Space.
import type { Page } from "playwright-core";
import { afterEach, expect, it } from "vitest";
import { useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";
import { tabTo } from "./measures.ts";

const system = useSystem();
const { newPage, connect, pageErrors } = useBrowser(system);
afterEach(() => expect(pageErrors()).toEqual([]));

/** Presses Enter and waits for the page with this heading. */
async function enter(page: Page, heading: string): Promise<void> {
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: heading }).waitFor();
}

it("a user can sign up, clear Generate and allow the client", async () => {
  const { name, email, password } = newAccount();
  const connection = await connect();
  const page = await newPage();
  await page.goto(connection.url);
  await tabTo(
    page,
    "E-mail",
    "Password",
    "Sign in",
    "Continue with GitHub",
    "Continue with Google",
    "Create an account",
  );
  await enter(page, "Create your account");
  await tabTo(page, "Name");
  await page.keyboard.type(name);
  await tabTo(page, "E-mail");
  await page.keyboard.type(email);
  await tabTo(page, "Password");
  await page.keyboard.type(password);
  await enter(page, "Allow Test client?");
  await tabTo(page, "Not you?", "Generate");
  await page.keyboard.press("Space");
  await tabTo(page, "Deny", "Allow");
  await page.keyboard.press("Enter");
  const token = await connection.redeem((await connection.waitForCallback(page)).get("code"));
  expect(token.scope).toBe("read");
});

it("a user can continue with GitHub and deny the client", async () => {
  const connection = await connect();
  const page = await newPage();
  await page.goto(connection.url);
  await tabTo(page, "E-mail", "Password", "Sign in", "Continue with GitHub");
  await enter(page, "Local GitHub sign-in");
  await tabTo(page, "Name", "E-mail", "GitHub has verified", "Continue");
  await enter(page, "Allow Test client?");
  await tabTo(page, "Not you?", "Generate", "Deny");
  await page.keyboard.press("Space");
  expect((await connection.waitForCallback(page)).get("error")).toBe("access_denied");
});

it("Enter on the checkbox of the consent page denies the client", async () => {
  const connection = await connect();
  const page = await newPage();
  await page.goto(connection.url);
  await tabTo(page, "E-mail", "Password", "Sign in", "Continue with GitHub");
  await enter(page, "Local GitHub sign-in");
  await tabTo(page, "Name");
  await enter(page, "Allow Test client?");
  await tabTo(page, "Not you?", "Generate");
  await page.keyboard.press("Enter");
  const callback = await connection.waitForCallback(page);
  expect(callback.get("error")).toBe("access_denied");
});
