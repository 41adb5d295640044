// Each kind of page in several sizes and both colour schemes: no overflow, enough contrast, large
// enough controls. A screenshot of each is written to .test/screenshots.
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { contrasts, overflowing, smallestTarget, structure, touching } from "./measures.ts";
import { accountPages, signInPages } from "./pages.ts";

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

/** Everything that is wrong with the look of a page. */
interface Report {
  /**
   * Texts below a contrast of 4.5, and borders of controls below 3 (WCAG 2.2, 1.4.3 and 1.4.11).
   */
  readonly lowContrast: readonly string[];
  readonly overflow: readonly string[];
  /** Sizes at which a control is smaller than 24 CSS pixels (WCAG 2.2, 2.5.8). */
  readonly smallTargets: readonly string[];
  readonly touching: readonly string[];
  readonly structure: object;
  readonly hasTitle: boolean;
  readonly hasText: boolean;
}

const CLEAN: Report = {
  lowContrast: [],
  overflow: [],
  smallTargets: [],
  touching: [],
  structure: { lang: "en", headings: 1, mains: 1, nameless: [], doubleIds: [], scripts: 0 },
  hasTitle: true,
  hasText: true,
};

/** Measures the page in each size and colour scheme, and writes its screenshots. */
async function reportOn(page: Page, name: string): Promise<Report> {
  const lowContrast: string[] = [];
  const overflow: string[] = [];
  const smallTargets: string[] = [];
  const touchingControls: string[] = [];
  let texts = Number.POSITIVE_INFINITY;
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const { text, borders } = await contrasts(page);
    texts = Math.min(texts, text.length);
    const low = [...text.filter(({ ratio }) => ratio < 4.5), ...borders.filter(({ ratio }) => ratio < 3)];
    lowContrast.push(...low.map(({ what, ratio }) => `${colorScheme}: ${what} ${ratio}`));
    for (const size of SIZES) {
      await page.setViewportSize(size);
      await page.screenshot({ path: path.join(FOLDER, `${name}-${size.width}-${colorScheme}.png`), fullPage: true });
    }
  }
  for (const size of [...SIZES, ...NARROW]) {
    await page.setViewportSize(size);
    overflow.push(...(await overflowing(page)).map((what) => `${size.width} x ${size.height}: ${what}`));
    touchingControls.push(...(await touching(page)).map((what) => `${size.width} x ${size.height}: ${what}`));
    const smallest = await smallestTarget(page);
    if (smallest < 24) smallTargets.push(`${size.width} x ${size.height}: ${smallest}`);
  }
  const title = await page.title();
  return {
    lowContrast,
    overflow,
    smallTargets,
    touching: touchingControls,
    structure: await structure(page),
    hasTitle: /\w/.test(title),
    hasText: texts > 0,
  };
}

describe("a page", () => {
  const system = useSystem();
  const { newPage, connect, pageErrors } = useBrowser(system);
  afterEach(() => expect(pageErrors()).toEqual([]));

  const kinds = { ...signInPages(system, { connect }), ...accountPages(system, { connect }) };

  it.each(Object.keys(kinds))("of the kind %s has no overflow, enough contrast and large controls", async (name) => {
    const page = await newPage();
    await kinds[name]?.(page);
    expect(await reportOn(page, name)).toEqual(CLEAN);
  });
});

describe("while sign-in is not open", () => {
  const system = useSystem({ vars: { gateway: { PUBLIC_SIGNUPS_ENABLED: "false" } } });
  const { newPage, pageErrors } = useBrowser(system);
  afterEach(() => expect(pageErrors()).toEqual([]));

  it.each(["/signup", "/consent", "/authorize?client_id=any", "/oauth/callback"])(
    "%s says that it opens soon",
    async (route) => {
      const page = await newPage();
      const response = await page.goto(system.origin + route);
      expect(response?.status()).toBe(503);
      expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Sign-in opens soon");
      expect(await page.context().cookies()).toEqual([]);
      if (route === "/signup") expect(await reportOn(page, "coming-soon")).toEqual(CLEAN);
    },
  );

  it("the home page says so, too", async () => {
    const page = await newPage();
    await page.goto(system.origin);
    expect(await page.locator("main").textContent()).toContain("Sign-in is not open to new users yet.");
    for (const name of ["Create account", "Connect your app"]) expect(await page.getByText(name).count()).toBe(0);
    expect(await reportOn(page, "home-closed")).toEqual(CLEAN);
  });
});
