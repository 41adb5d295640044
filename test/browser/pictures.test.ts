// The pictures of the documents: the pages of a new user from the front page to the account page,
// and the views of two results. `PICTURES=docs/pictures npm run test:browser -- pictures` writes
// them anew; without the variable they are taken, and only names and sizes are checked.
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { DEFAULT_ORIGIN, ROOT } from "../../entrypoints/cli/workers.ts";
import { flowView } from "../../src/resources/flow-view.ts";
import { pictureView } from "../../src/resources/picture-view.ts";
import type { View } from "../../src/resources/view.ts";
import { useAppsClient } from "../support/apps-client.ts";
import { decide, follow, signUp, useBrowser } from "../support/browser.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { useSystem } from "../support/system.ts";

/** Without the failure of the shared system, so that the flow is shown as it usually is. */
const system = useSystem({});
const { newPage, connect } = useBrowser(system);
const open = useAppsClient();

const SIZE = { width: 800, height: 400 };
/** Of longer pages, the beginning says enough. */
const MAX_HEIGHT = 1050;
const MAX_BYTES = 60_000;
const ACCOUNT = { name: "Ada Lovelace", email: "ada@example.com", password: "seven green turtles at noon" };

/** Makes a tool call with this bearer. Returns its result. */
async function call(bearer: string, name: string, args: object): Promise<{ structuredContent: { flowId: string } }> {
  const params = { name, arguments: args };
  const response = await postRequest(system, bearer, { method: "tools/call", params }, { revision: "2025-11-25" });
  return ((await response.json()) as { result: Awaited<ReturnType<typeof call>> }).result;
}

/** A WebP of a page, in which the address of the system is that of `npm run dev`. */
async function take(page: Page): Promise<Buffer> {
  const height = await page.evaluate<number>(`{
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll("${system.origin}", "${DEFAULT_ORIGIN}");
    document.documentElement.scrollHeight;
  }`);
  const session = await page.context().newCDPSession(page);
  const clip = { x: 0, y: 0, width: SIZE.width, height: Math.min(height, MAX_HEIGHT), scale: 1 };
  const picture = { format: "webp", quality: 80, clip, captureBeyondViewport: true } as const;
  return Buffer.from((await session.send("Page.captureScreenshot", picture)).data, "base64");
}

/** The view of a result, in a client that is as wide as the pictures. */
async function takeView(view: View, result: object, height: number): Promise<Buffer> {
  const { page } = await open(view, { result });
  await page.setViewportSize({ width: SIZE.width, height });
  await page.evaluate(
    `Object.assign(document.querySelector("iframe").style, { width: "100%", height: "${height}px", border: 0 })`,
  );
  await page.waitForTimeout(500);
  return take(page);
}

it("the pictures of the documents can be taken, and are small", async () => {
  const pictures: Record<string, Buffer> = {};
  const page = await newPage({ viewport: SIZE, colorScheme: "light" });
  await page.goto(system.origin);
  pictures["front-page"] = await take(page);
  const connection = await connect({ name: "Claude Code (stackbilt)", host: "localhost" });
  await page.goto(connection.url);
  pictures["sign-in"] = await take(page);
  await signUp(page, ACCOUNT);
  pictures.consent = await take(page);
  const { access_token: token } = await connection.redeem((await decide(page, "Allow", connection)).get("code"));
  const drawn = await call(token, "image_generate", { prompt: "A sailing boat at sunset" });
  const { structuredContent: flow } = await call(token, "flow_create", {
    projectDescription: "A booking system for a small theatre: visitors reserve seats, refunds follow rules.",
  });
  for (let mode = 0; mode < 3; mode++) await call(token, "flow_advance", { flowId: flow.flowId });
  pictures["picture-view"] = await takeView(pictureView, drawn, 590);
  pictures["flow-view"] = await takeView(flowView, await call(token, "flow_summary", { flowId: flow.flowId }), 480);
  await page.goto(`${system.origin}/apps`);
  await page.getByText("Create a key", { exact: true }).click();
  await page.getByLabel("Name").fill("Build server");
  await follow(page.getByRole("button", { name: "Create the key" }));
  await page.goto(`${system.origin}/apps`);
  pictures.account = await take(page);

  const folder = process.env.PICTURES;
  if (folder !== undefined)
    for (const [name, data] of Object.entries(pictures)) writeFileSync(path.join(ROOT, folder, `${name}.webp`), data);
  expect(readdirSync(path.join(ROOT, "docs/pictures")).toSorted()).toEqual(
    Object.keys(pictures)
      .map((name) => `${name}.webp`)
      .toSorted(),
  );
  for (const [name, { length }] of Object.entries(pictures)) expect(length, name).toBeLessThan(MAX_BYTES);
});
