// Every kind of page, before axe-core's rules and for people who see it large or have only a keyboard: nothing found, nothing out of
// reach, nothing hidden. What the rules cannot judge, such as contrast in both colour schemes and sizes, `looks.test.ts` measures.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { signIn, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";
import { overflowing } from "./measures.ts";
import { doorPages, ownPages } from "./pages.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const SIGNS = "Element content contains only non-text characters";

/** 1280 by 1024 at 400 % zoom (WCAG 2.2, 1.4.10); axe needs scripts, the pages have none. */
const ZOOMED = { javaScriptEnabled: true, viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 };
const WIDE = { width: 1280, height: 1024 };

interface Finding {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** What axe finds against the page, and how many rules it has tried. */
async function scan(page: Page): Promise<{ readonly found: readonly string[]; readonly passed: number }> {
  await page.evaluate(AXE);
  const { violations, incomplete, passes } = await page.evaluate<
    Record<"violations" | "incomplete" | "passes", readonly Finding[]>
  >(`axe.run(document, { runOnly: { type: "tag", values: ${JSON.stringify(RULES)} } })`);
  // Undecided is not passed, but for signs such as a tick: axe measures letters only. `looks.test.ts` measures signs as well.
  const undecided = incomplete.map(({ id, nodes }) => ({
    id,
    nodes: nodes.filter(({ failureSummary }) => !failureSummary?.includes(SIGNS)),
  }));
  const findings = [...violations, ...undecided];
  const found = findings.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ""}`),
  );
  return { found, passed: passes.length };
}

/** A control, and what a keyboard or a finger makes of it. */
interface Stop {
  readonly at: number;
  /** Something else lies over it, or it is out of the window. */
  readonly isCovered: boolean;
}

/** Everything that Tab should stop at; of several radio buttons of one name, the one that is chosen. */
const STOPS = `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")]
  .filter((control) => control.checkVisibility() && !control.disabled && (control.type !== "radio" || control.checked))`;

/** Presses Tab until every control has had its turn, and says at which it stopped, in order. */
async function tabThrough(page: Page): Promise<{ readonly controls: number; readonly stops: readonly Stop[] }> {
  // From the top, wherever the way to this page has left the focus.
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
  return { controls, stops };
}

async function inspect(page: Page): Promise<void> {
  for (const [colorScheme, size] of [
    ["light", WIDE],
    ["dark", ZOOMED.viewport],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    const { found, passed } = await scan(page);
    expect(found, `${colorScheme}, ${size.width} pixels wide`).toEqual([]);
    expect(passed).toBeGreaterThan(15);
  }
  expect(await overflowing(page)).toEqual([]);
  const { controls, stops } = await tabThrough(page);
  expect(stops).toEqual(Array.from({ length: controls }, (_, at) => ({ at, isCovered: false })));
}

describe("a page", () => {
  const system = useSystem();
  const { visitor, connect, complaints } = useBrowser(system);
  afterEach(() => expect(complaints()).toEqual([]));
  const ways = { ...doorPages(system, { connect }), ...ownPages(system, { connect }) };

  it.each(Object.keys(ways))(
    "of the kind %s has no fault that axe finds, and all of it is in reach of a keyboard, also four times as large",
    async (kind) => {
      const page = await visitor(ZOOMED);
      await ways[kind]?.(page);
      await inspect(page);
    },
  );
});

describe("while sign-in is not open", () => {
  const system = useSystem({ vars: { gateway: { PUBLIC_SIGNUPS_ENABLED: "false" } } });
  const { visitor } = useBrowser(system);

  it.each(["/login", "/"])("the page at %s has no fault either", async (path) => {
    const page = await visitor(ZOOMED);
    await page.goto(system.origin + path);
    await inspect(page);
  });
});

describe("while the auth Worker is gone", () => {
  const system = useSystem({ standIns: { auth: "test/support/dead-auth.ts" } });
  const { visitor, connect } = useBrowser(system);

  it("the page that says so has no fault either", async () => {
    const page = await visitor(ZOOMED);
    await page.goto((await connect()).url);
    await signIn(page, newAccount());
    await page.getByRole("heading", { name: "Sign-in is not available right now" }).waitFor();
    await inspect(page);
  });
});

describe("the scan", () => {
  const system = useSystem();
  const { visitor } = useBrowser(system);

  it("finds what is there to be found: the same page with its label, language and main part taken away", async () => {
    const page = await visitor(ZOOMED);
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
