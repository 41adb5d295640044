// Every kind of page, at each size and in both colour schemes: nothing sticks out, everything can be read and hit, and a picture of
// each is left in `.test/screenshots` for whoever wants to look.
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { contrasts, overflowing, smallestTarget, structure } from "./measures.ts";
import { doorPages, ownPages } from "./pages.ts";

const FOLDER = path.join(ROOT, ".test/screenshots");
const SIZES = [
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
] as const;
/** The narrowest phone, and 1280 by 1024 at 400 % zoom (WCAG 2.2, 1.4.10). */
const NARROW = [
  { width: 320, height: 640 },
  { width: 320, height: 256 },
] as const;

beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
});

/** Looks at the page that `page` shows. */
async function inspect(page: Page, name: string): Promise<void> {
  expect(await structure(page)).toEqual({ lang: "en", headings: 1, mains: 1, nameless: [], doubleIds: [], scripts: 0 });
  expect(await page.title()).toMatch(/\w/);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const { text, borders } = await contrasts(page);
    expect(text[0]?.ratio, `${colorScheme}: ${JSON.stringify(text.slice(0, 3))}`).toBeGreaterThanOrEqual(4.5);
    expect(borders[0]?.ratio ?? 3, `${colorScheme}: ${JSON.stringify(borders.slice(0, 3))}`).toBeGreaterThanOrEqual(3);
    for (const size of SIZES) {
      await page.setViewportSize(size);
      await page.screenshot({ path: path.join(FOLDER, `${name}-${size.width}-${colorScheme}.png`), fullPage: true });
    }
  }
  for (const size of [...SIZES, ...NARROW]) {
    await page.setViewportSize(size);
    expect(await overflowing(page), `${size.width} x ${size.height}`).toEqual([]);
    expect(await smallestTarget(page), `${size.width} x ${size.height}`).toBeGreaterThanOrEqual(24);
  }
}

describe("a page", () => {
  const system = useSystem();
  const { visitor, connect, complaints } = useBrowser(system);
  afterEach(() => expect(complaints()).toEqual([]));

  const kinds = { ...doorPages(system, { connect }), ...ownPages(system, { connect }) };

  it.each(Object.keys(kinds))("of the kind %s fits, can be read and can be hit", async (name) => {
    const page = await visitor();
    await kinds[name]?.(page);
    await inspect(page, name);
  });
});

describe("while sign-in is not open", () => {
  const system = useSystem({ vars: { gateway: { PUBLIC_SIGNUPS_ENABLED: "false" } } });
  const { visitor, complaints } = useBrowser(system);
  afterEach(() => expect(complaints()).toEqual([]));

  it.each(["/login", "/signup", "/consent", "/authorize?client_id=anybody", "/oauth/callback"])(
    "%s says that it opens soon",
    async (address) => {
      const page = await visitor();
      const answer = await page.goto(system.origin + address);
      expect(answer?.status()).toBe(503);
      expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Sign-in opens soon");
      expect(await page.context().cookies()).toEqual([]);
      if (address === "/login") await inspect(page, "coming-soon");
    },
  );

  it("the front page says so too", async () => {
    const page = await visitor();
    await page.goto(system.origin);
    expect(await page.locator("main").textContent()).toContain("Sign-in is not open yet.");
  });
});
