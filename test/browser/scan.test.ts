// Each kind of page against axe-core's rules, at 400 % zoom and with a keyboard only. Contrast in
// both colour schemes and sizes, which the rules cannot decide, are measured in
// `appearance.test.ts`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { signIn, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";
import { overflowing } from "./measures.ts";
import { accountPages, signInPages } from "./pages.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const SYMBOLS = "Element content contains only non-text characters";

/**
 * 1280 by 1024 at 400 % zoom (WCAG 2.2, 1.4.10). JavaScript is on for axe; the pages have no
 * scripts.
 */
const ZOOMED = { javaScriptEnabled: true, viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 };
const WIDE = { width: 1280, height: 1024 };

interface Finding {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** The violations that axe finds, and the number of rules that pass. */
async function scan(page: Page): Promise<{ readonly found: readonly string[]; readonly passed: number }> {
  await page.evaluate(AXE);
  const { violations, incomplete, passes } = await page.evaluate<
    Record<"violations" | "incomplete" | "passes", readonly Finding[]>
  >(`axe.run(document, { runOnly: { type: "tag", values: ${JSON.stringify(RULES)} } })`);
  // Undecided counts as a violation, except for symbols such as a tick, whose contrast axe does not
  // measure; `appearance.test.ts` does.
  const undecided = incomplete.map(({ id, nodes }) => ({
    id,
    nodes: nodes.filter(({ failureSummary }) => !failureSummary?.includes(SYMBOLS)),
  }));
  const findings = [...violations, ...undecided];
  const found = findings.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ""}`),
  );
  return { found, passed: passes.length };
}

/** A control that has the focus. */
interface Stop {
  /** Its position among all controls. */
  readonly at: number;
  /** True if another element is over its middle, or it is outside the window. */
  readonly isCovered: boolean;
}

/** All controls that Tab should reach; of radio buttons with one name, the checked one. */
const STOPS = `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")]
  .filter((control) => control.checkVisibility() && !control.disabled && (control.type !== "radio" || control.checked))`;

/** Presses Tab once for each control. Returns the controls that had the focus, in order. */
async function tabThrough(page: Page): Promise<readonly Stop[]> {
  // Starts at the top, wherever earlier steps left the focus.
  const controls = await page.evaluate<number>(`(() => {
    const top = Object.assign(document.createElement("span"), { tabIndex: -1 });
    document.body.prepend(top);
    top.focus();
    top.remove();
    return ${STOPS}.length;
  })()`);
  const stops: Stop[] = [];
  for (let pressed = 0; pressed < controls; pressed++) {
    await page.keyboard.press("Tab");
    stops.push(
      await page.evaluate<Stop>(`(() => {
        const control = document.activeElement;
        const { left, right, top, bottom } = control.getBoundingClientRect();
        const middle = (from, to, end) => (Math.max(from, 0) + Math.min(to, end)) / 2;
        const hit = document.elementFromPoint(middle(left, right, innerWidth), middle(top, bottom, innerHeight));
        return { at: ${STOPS}.indexOf(control), isCovered: !hit || !(control.contains(hit) || hit.contains(control)) };
      })()`),
    );
  }
  return stops;
}

/** Everything that is wrong with a page, in both colour schemes, at 100 % and 400 % zoom. */
interface Report {
  readonly violations: readonly string[];
  readonly overflow: readonly string[];
  /** Controls that Tab skips, reaches in another order, or reaches while they are covered. */
  readonly wrongStops: readonly Stop[];
  /** True if axe applied its rules to the page at all. */
  readonly isConclusive: boolean;
}

const CLEAN: Report = { violations: [], overflow: [], wrongStops: [], isConclusive: true };

async function reportOn(page: Page): Promise<Report> {
  const scans: Awaited<ReturnType<typeof scan>>[] = [];
  for (const [colorScheme, size] of [
    ["light", WIDE],
    ["dark", ZOOMED.viewport],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    scans.push(await scan(page));
  }
  const overflow = await overflowing(page);
  const stops = await tabThrough(page);
  return {
    violations: scans.flatMap(({ found }) => found),
    overflow,
    wrongStops: stops.filter((stop, at) => stop.at !== at || stop.isCovered),
    isConclusive: scans.every(({ passed }) => passed > 15),
  };
}

describe("a page", () => {
  const system = useSystem();
  const { newPage, connect, pageErrors } = useBrowser(system);
  afterEach(() => expect(pageErrors()).toEqual([]));
  const kinds = { ...signInPages(system, { connect }), ...accountPages(system, { connect }) };

  it.each(Object.keys(kinds))(
    "of the kind %s passes axe-core, and each control can be reached by keyboard, also at a zoom of 4",
    async (kind) => {
      const page = await newPage(ZOOMED);
      await kinds[kind]?.(page);
      expect(await reportOn(page)).toEqual(CLEAN);
    },
  );
});

describe("while sign-in is not open", () => {
  const system = useSystem({ vars: { gateway: { PUBLIC_SIGNUPS_ENABLED: "false" } } });
  const { newPage } = useBrowser(system);

  it.each(["/signup", "/login", "/"])("the page at %s passes axe-core", async (path) => {
    const page = await newPage(ZOOMED);
    await page.goto(system.origin + path);
    expect(await reportOn(page)).toEqual(CLEAN);
  });
});

describe("while the auth Worker is down", () => {
  const system = useSystem({ replacements: { auth: "test/support/dead-auth.ts" } });
  const { newPage, connect } = useBrowser(system);

  it("the error page passes axe-core", async () => {
    const page = await newPage(ZOOMED);
    await page.goto((await connect()).url);
    await signIn(page, newAccount());
    await page.getByRole("heading", { name: "Sign-in is not available right now" }).waitFor();
    expect(await reportOn(page)).toEqual(CLEAN);
  });
});

describe("the scan", () => {
  const system = useSystem();
  const { newPage } = useBrowser(system);

  it("finds a missing label, language and main landmark", async () => {
    const page = await newPage(ZOOMED);
    await page.goto(`${system.origin}/apps`);
    await page.evaluate(`
      document.documentElement.removeAttribute("lang");
      document.querySelector("label").remove();
      document.querySelector("main").replaceWith(...document.querySelector("main").childNodes);
    `);
    const { found } = await scan(page);
    expect(found.map((finding) => finding.split(":")[0])).toEqual(
      expect.arrayContaining(["html-has-lang", "label", "landmark-one-main", "region"]),
    );
  });
});
