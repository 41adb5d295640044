// The whole way with nothing but a keyboard: where the focus goes, that it can be seen, and what Enter and Space do.
import type { Page } from "playwright-core";
import { afterEach, expect, it } from "vitest";
import { useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";
import { focus } from "./measures.ts";

const system = useSystem();
const { visitor, connect, complaints } = useBrowser(system);
afterEach(() => expect(complaints()).toEqual([]));

/** Presses Tab once for each stop, and expects to be there, visibly. */
async function tabTo(page: Page, ...stops: readonly string[]): Promise<void> {
  for (const stop of stops) {
    await page.keyboard.press("Tab");
    const { what, outline } = await focus(page);
    expect(what).toMatch(new RegExp(`^${stop}`));
    expect(outline, `outline of ${stop}`).toBeGreaterThanOrEqual(2);
  }
}

/** Presses Enter and waits for the page that it leads to. */
async function enter(page: Page, heading: string): Promise<void> {
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: heading }).waitFor();
}

it("a person without a mouse signs up, unticks Generate, and allows", async () => {
  const { name, email, password } = newAccount();
  const connection = await connect();
  const page = await visitor();
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
  await tabTo(page, "Not you\\?", "Generate");
  await page.keyboard.press("Space");
  await tabTo(page, "Deny", "Allow");
  await page.keyboard.press("Enter");
  const token = await connection.redeem((await connection.arrival(page)).get("code"));
  expect(token.scope).toBe("read");
});

it("a person without a mouse continues with GitHub, and denies", async () => {
  const connection = await connect();
  const page = await visitor();
  await page.goto(connection.url);
  await tabTo(page, "E-mail", "Password", "Sign in", "Continue with GitHub");
  await enter(page, "No GitHub here");
  await tabTo(page, "Name", "E-mail", "GitHub has verified", "Continue");
  await enter(page, "Allow Test client?");
  await tabTo(page, "Not you\\?", "Generate", "Deny");
  await page.keyboard.press("Space");
  expect((await connection.arrival(page)).get("error")).toBe("access_denied");
});

it("Enter on a tick box decides nothing in the app's favour", async () => {
  const connection = await connect();
  const page = await visitor();
  await page.goto(connection.url);
  await tabTo(page, "E-mail", "Password", "Sign in", "Continue with GitHub");
  await enter(page, "No GitHub here");
  await tabTo(page, "Name");
  await enter(page, "Allow Test client?");
  await tabTo(page, "Not you\\?", "Generate");
  await page.keyboard.press("Enter");
  const answer = await connection.arrival(page);
  expect(answer.get("error")).toBe("access_denied");
});
