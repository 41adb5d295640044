// The client on the consent page: its name is self-declared, so it must not be able to imitate or
// break the page.
import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { type ConnectOptions, HOSTED_APP, signUp, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";

const system = useSystem();
const { newPage, connect, pageErrors } = useBrowser(system);
afterEach(() => expect(pageErrors()).toEqual([]));

/**
 * The consent page of an app for a new user, with JavaScript on, so that an injected script would
 * run.
 */
async function consent(options: ConnectOptions): Promise<{ page: Page; text: string; host: string }> {
  const connection = await connect(options);
  const page = await newPage({ javaScriptEnabled: true });
  await page.goto(connection.url);
  await signUp(page, newAccount());
  const text = (await page.locator("main").innerText()).replace(/\s+/g, " ");
  return { page, text, host: new URL(connection.redirectUri).host };
}

const CAUTION =
  "This app runs on this computer, where any program could use its name. Continue only if you just started it.";

describe("the consent page", () => {
  it("shows an app on this computer with its port, its scopes and a caution", async () => {
    const { page, text, host } = await consent({ name: "Test client" });
    expect(text).toContain(`Access goes to this computer (${host})`);
    expect(text).toContain("App Self-registered, name not verified");
    expect(text).toContain(CAUTION);
    expect(text).toContain("Read always included See your architecture flows; see your images and the image models.");
    expect(text).toContain("Generate Create and run architecture flows; generate images, which costs credits.");
    expect(await page.getByLabel("Generate").isChecked()).toBe(true);
    expect(await page.getByRole("group", { name: "It may" }).getByRole("checkbox").count()).toBe(1);
  });

  it("shows the host of an app elsewhere, without the caution for this computer", async () => {
    const { text } = await consent({ host: HOSTED_APP });
    expect(text).toContain(`Access goes to ${HOSTED_APP}`);
    expect(text).not.toContain(CAUTION);
  });

  it("warns of an app elsewhere with the name of a well-known client", async () => {
    const { text } = await consent({ host: HOSTED_APP, name: "Claude" });
    expect(text).toContain("Any app can call itself “Claude”. Check the address, not the name.");
  });

  it("has no checkbox for a scope that the app did not request", async () => {
    const { page } = await consent({ scope: "read" });
    expect(await page.getByRole("checkbox").count()).toBe(0);
    expect(await page.getByLabel("Generate").count()).toBe(0);
  });

  it.each([
    `"><img src=x onerror="document.title='owned'">&lt;b&gt;&amp;`,
    "</title></h1><script>document.title = 'owned'</script><!--",
  ])("shows the name %s as text", async (name) => {
    const { page } = await consent({ name });
    expect(await page.locator("h1").allTextContents()).toEqual([`Allow ${name}?`]);
    expect(await page.title()).toBe(`Allow ${name}? · Stackbilt`);
    expect(await page.locator("script, img").count()).toBe(0);
  });

  it("removes bidirectional and invisible characters from a name", async () => {
    const { page } = await consent({ name: "Good\u202Egnp.exe\u2066\u200B app" });
    expect(await page.locator("h1").textContent()).toBe("Allow Goodgnp.exe app?");
  });

  it("keeps a right-to-left name separate from its own text", async () => {
    const { page, host } = await consent({ name: "שלום (עולם)" });
    const edges = await page.evaluate<number[]>(`(() => {
      const heading = document.querySelector("h1");
      const box = (node, from, to) => { const range = document.createRange(); range.setStart(node, from); range.setEnd(node, to); return range.getBoundingClientRect(); };
      const [before, name, after] = heading.childNodes;
      const [verb, client, mark] = [box(before, 0, 5), name.getBoundingClientRect(), box(after, 0, 1)];
      return [verb.left, verb.right, client.left, client.right, mark.left, mark.right];
    })()`);
    expect(edges, "Allow, the name and the question mark are in this order").toEqual(edges.toSorted((a, b) => a - b));
    expect(await page.locator("dd bdi").first().textContent()).toBe(host);
  });

  it("truncates a long name", async () => {
    const { page } = await consent({ name: "W".repeat(80) });
    expect(await page.locator("h1 bdi").textContent()).toBe(`${"W".repeat(63)}…`);
  });
});
