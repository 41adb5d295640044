// Properties of each view, in a real Chromium inside a client of MCP Apps.
import { describe, expect, it } from "vitest";
import { flowView } from "../../src/resources/flow-view.ts";
import { pictureView } from "../../src/resources/picture-view.ts";
import { messageOf, useAppsClient } from "../support/apps-client.ts";
import { HOSTILE, IMAGE, LINK, TEXT } from "./view-content.ts";

const open = useAppsClient();

describe.each([pictureView, flowView])("each view: $title", (view) => {
  it("shows hostile values as text, and tolerates results that no tool returns", async () => {
    const hostile: Record<string, unknown> = {};
    for (const name of [
      "flowId",
      "status",
      "currentMode",
      "progress",
      "model",
      "quality_tier",
      "enhanced_prompt",
      "url",
      "width",
      "height",
    ])
      hostile[name] = HOSTILE;
    const each = {
      mode: HOSTILE,
      status: HOSTILE,
      title: HOSTILE,
      markdown: HOSTILE,
      quality: 1e9,
      local: Number.MAX_VALUE,
      fused: HOSTILE,
    };
    const lists = { modes: [each, null, 7, [], HOSTILE], artifacts: [each, each], artifact: each, quality: each };
    const content = [
      { ...IMAGE, data: HOSTILE },
      { ...IMAGE, mimeType: HOSTILE },
      LINK,
      null,
      3,
      { type: "text", text: { not: "text" } },
    ];
    for (const structuredContent of [
      { ...hostile, ...lists },
      { modes: 3, artifacts: {}, quality: [], progress: {} },
      [],
      {},
    ]) {
      const shown = await open(view, { result: { content, structuredContent } });
      await messageOf(shown, "ui/notifications/initialized");
      await shown.view.getByText(/is being generated|flow is running/).waitFor({ state: "detached" });
      expect(await shown.view.locator("main :is(script, img, iframe, a)").count()).toBe(0);
    }
    const shown = await open(view, { result: {} });
    await shown.view.getByText("There is nothing to show.").waitFor();
  });

  it("responds to requests of its client, and ignores other frames and invalid messages", async () => {
    const shown = await open(view, { result: { content: [TEXT], structuredContent: {} } });
    await messageOf(shown, "ui/notifications/initialized");
    await shown.page.evaluate(`
      for (const [id, method] of [["p", "ping"], ["x", "tools/list"], ["t", "ui/resource-teardown"]]) frames[0].postMessage({ jsonrpc: "2.0", id, method, params: {} }, "*");
      for (const noise of [null, 7, "text", {}, { jsonrpc: "2.0", id: 99, result: {} }, { jsonrpc: "2.0", method: "__proto__", params: {} }]) frames[0].postMessage(noise, "*");
    `);
    await expect.poll(async () => (await shown.messages()).filter(({ id }) => typeof id === "string")).toHaveLength(3);
    expect((await shown.messages()).filter(({ id }) => typeof id === "string")).toEqual([
      { jsonrpc: "2.0", id: "p", result: {} },
      { jsonrpc: "2.0", id: "x", error: { code: -32601, message: "This method is not served here." } },
      { jsonrpc: "2.0", id: "t", result: {} },
    ]);
    // The same from another frame of the client.
    await shown.page.evaluate(`
      const other = document.createElement("iframe");
      document.body.append(other);
      other.contentWindow.eval('parent.frames[0].postMessage({ jsonrpc: "2.0", id: "other", method: "ping", params: {} }, "*")');
      frames[0].postMessage({ jsonrpc: "2.0", id: "last", method: "ping", params: {} }, "*");
    `);
    await expect.poll(async () => (await shown.messages()).map(({ id }) => id)).toContain("last");
    expect((await shown.messages()).map(({ id }) => id)).not.toContain("other");
  });

  it("has the client's theme, also after it changes", async () => {
    const context = {
      theme: "dark",
      styles: { variables: { "--color-text-primary": "rgb(1, 2, 3)", display: "none" } },
    };
    const shown = await open(view, { context, result: { content: [TEXT], isError: true } });
    await shown.view.getByText("job id").waitFor();
    const read = "({ color, colorScheme, display }) => [color, colorScheme, display]";
    const styleOf = (element: string) => () =>
      shown.page.frames()[1]?.evaluate(`(${read})(getComputedStyle(document.${element}))`);
    expect(await styleOf("body")()).toEqual(["rgb(1, 2, 3)", "dark", "block"]);
    expect(await styleOf("documentElement")()).toEqual([expect.any(String), "dark", "block"]);
    await shown.page.evaluate(
      `frames[0].postMessage({ jsonrpc: "2.0", method: "ui/notifications/host-context-changed", params: { theme: "light" } }, "*")`,
    );
    await expect.poll(styleOf("body")).toEqual(["rgb(1, 2, 3)", "light", "block"]);
  });
});
