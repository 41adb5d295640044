// The first instant of a page, in which a user may still be pressing what was there before: another
// page, or a window that an attacker closes in the middle of a double click.
import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { headingOf, signUp, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";

const system = useSystem();
const { connect, openSignInPage, pageErrors } = useBrowser(system);
afterEach(() => expect(pageErrors()).toEqual([]));

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The middle of the button *Allow* of the consent page. */
async function placeOfAllow(page: Page): Promise<readonly [x: number, y: number]> {
  const box = await page.getByRole("button", { name: "Allow" }).boundingBox();
  if (!box) throw new Error("The page has no button Allow.");
  return [box.x + box.width / 2, box.y + box.height / 2];
}

/** A signed-in user at the consent page, and where its button is. */
async function openConsentPage() {
  const { connection, page } = await openSignInPage();
  await signUp(page, newAccount());
  return { connection, page, place: await placeOfAllow(page) };
}

describe("a decision", () => {
  it("cannot be clicked in the first instant after its page appears, and can be a moment later", async () => {
    const { page, place } = await openConsentPage();
    await page.mouse.move(...place);
    const next = await connect();
    await page.goto(next.url, { waitUntil: "domcontentloaded" });
    await page.mouse.click(...place);
    await pause(300);
    expect([await headingOf(page), next.received]).toEqual(["Allow Test client?", []]);
    await pause(400);
    await page.mouse.click(...place);
    expect((await next.waitForCallback(page)).get("code")).toBeTruthy();
  });

  it("cannot be clicked as soon as the pointer is over its window, such as one that was behind another", async () => {
    const { connection, page, place } = await openConsentPage();
    const behind = await page.context().newPage();
    await behind.goto(page.url());
    await pause(1_000);
    await behind.mouse.click(...place);
    await pause(300);
    expect([await headingOf(behind), connection.received]).toEqual(["Allow Test client?", []]);
    await pause(400);
    await behind.mouse.click(...place);
    expect((await connection.waitForCallback(behind)).get("code")).toBeTruthy();
  });

  it("can be made with the keyboard at once, and with a finger a moment after the page appears", async () => {
    const { connection, page } = await openConsentPage();
    await page.reload({ waitUntil: "domcontentloaded" });
    for (let tab = 0; tab < 10 && !(await page.locator("button:focus", { hasText: "Allow" }).count()); tab++)
      await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect((await connection.waitForCallback(page)).get("code")).toBeTruthy();

    const touched = await openSignInPage({}, { hasTouch: true, isMobile: true });
    await signUp(touched.page, newAccount());
    const place = await placeOfAllow(touched.page);
    await pause(700);
    await touched.page.touchscreen.tap(...place);
    expect((await touched.connection.waitForCallback(touched.page)).get("code")).toBeTruthy();
  });
});
