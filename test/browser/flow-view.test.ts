// The view of a flow, in a real Chromium inside a client of MCP Apps.
import { describe, expect, it } from "vitest";
import { flowView } from "../../src/resources/flow-view.ts";
import { useAppsClient } from "../support/apps-client.ts";
import { connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";
import { overflowing } from "./measures.ts";
import { HOSTILE, TEXT } from "./view-content.ts";

const open = useAppsClient();

const FLOW = { flowId: "flow_1", status: "running", currentMode: "RISK", progress: 0.33, estimatedRemainingSeconds: 9 };
const ARTIFACTS = [
  { mode: "PRODUCT", title: "Product: Tickets", markdown: "# Product: Tickets\n\n- seats\n- refunds", tokens: 7 },
  { mode: "UX", title: "", markdown: `# UX\n\n${HOSTILE}`, tokens: 9 },
];

describe("the view of a flow", () => {
  it("shows the progress, each mode with its score, and the artifacts", async () => {
    const modes = [
      { mode: "PRODUCT", status: "completed", tokens: 7, quality: 81.4 },
      { mode: "UX", status: "completed", tokens: 9, quality: 64 },
      { mode: "RISK", status: "running", tokens: 0, quality: null },
    ];
    const { view } = await open(flowView, {
      result: { content: [TEXT], structuredContent: { ...FLOW, modes, artifacts: ARTIFACTS, quality: 64 } },
    });
    await view.getByText("Flow running, mode RISK").waitFor();
    await view.getByText("flow_1").waitFor();
    expect(await view.getByRole("progressbar").getAttribute("value")).toBe("0.33");
    expect(await view.getByRole("row").allTextContents()).toEqual([
      "ModeStatusScore",
      "PRODUCTcompleted81",
      "UXcompleted64",
      "RISKrunning–",
    ]);
    await view.getByText("Scores are from 0 to 100").waitFor();
    const closed = view.getByText(HOSTILE);
    expect(await closed.isVisible()).toBe(false);
    await view.locator("summary", { hasText: "UX" }).click();
    expect(await closed.isVisible()).toBe(true);
    expect(await view.locator("details").allTextContents()).toEqual(["Product: Ticketsseatsrefunds", `UXUX${HOSTILE}`]);
  });

  it.each([
    ["headings", "# One\n## Two\n###### Six\n#no", "<h3>One</h3><h4>Two</h4><h6>Six</h6><p>#no</p>"],
    ["paragraphs", "one\ntwo\r\n\r\nthree", "<p>one two</p><p>three</p>"],
    ["emphasis", "a **b** `c**d**` *e* **", "<p>a <strong>b</strong> <code>c**d**</code> *e* **</p>"],
    [
      "lists",
      "- a\n* b\n1. c\n2. **d**\n-e",
      "<ul><li>a</li><li>b</li></ul><ol><li>c</li><li><strong>d</strong></li></ol><p>-e</p>",
    ],
    ["quotes", "> a\n>b\nc", "<blockquote>a b</blockquote><p>c</p>"],
    [
      "tables",
      "| A | B |\n| --- | :-: |\n| 1 | x \\| **y** |\n|2||",
      '<div class="wide"><table><thead><tr><th>A</th><th>B</th></tr></thead><tbody><tr><td>1</td><td>x | <strong>y</strong></td></tr><tr><td>2</td><td></td></tr></tbody></table></div>',
    ],
    [
      "rows without a header",
      "|a|\n|b|",
      '<div class="wide"><table><tbody><tr><td>a</td></tr><tr><td>b</td></tr></tbody></table></div>',
    ],
    ["code", "```ts\n# a\n\n<b>\n```\nc", "<pre># a\n\n&lt;b&gt;</pre><p>c</p>"],
    ["an unclosed code block", "a\n```\n- b", "<p>a</p><pre>- b</pre>"],
    [
      "no links, no pictures, no HTML",
      "[a](https://evil.example) ![b](x.png)\n<script>c</script>",
      "<p>[a](https://evil.example) ![b](x.png) &lt;script&gt;c&lt;/script&gt;</p>",
    ],
  ])("shows Markdown: %s", async (_, markdown, html) => {
    const value = { ...FLOW, artifact: { mode: "UX", title: "T", markdown, tokens: 1 } };
    const { view } = await open(flowView, { result: { content: [TEXT], structuredContent: value } });
    expect(await view.locator("details").innerHTML()).toBe(`<summary>T</summary>${html}`);
  });

  it.each(["|", "| ", "**", "`", "*`", "> ", "- ", "# ", "```\n", "\\|", "a\n", "| - "])(
    "shows without delay a text of 20,000 times %j",
    async (piece) => {
      const value = { ...FLOW, artifact: { mode: "UX", title: "T", markdown: piece.repeat(20_000), tokens: 1 } };
      const { view } = await open(flowView, { result: { content: [TEXT], structuredContent: value } });
      await view.locator("details").waitFor();
    },
  );

  it("shows the artifact of a single mode opened, with both of its scores", async () => {
    const [artifact] = ARTIFACTS;
    const value = { ...FLOW, mode: "PRODUCT", artifact, quality: { mode: "PRODUCT", local: 90, fused: 88.6 } };
    const { view } = await open(flowView, { result: { content: [TEXT], structuredContent: value } });
    await view.getByRole("row").nth(1).waitFor();
    expect(await view.getByRole("row").allTextContents()).toEqual(["ModeStatusAloneWeighed", "PRODUCTcompleted9089"]);
    expect(await view.getByText("refunds").isVisible()).toBe(true);
    await view.getByText("Alone: the document by itself. Weighed: together with the modes before it.").waitFor();
  });

  it("fits a phone: no part is cut off, and each score's bar can be read", async () => {
    const modes = ["PRODUCT", "ARCHITECTURE_DECISIONS"].map((mode) => ({ mode, local: 90, fused: 38.6 }));
    const result = { content: [TEXT], structuredContent: { ...FLOW, modes, artifacts: ARTIFACTS } };
    const { view, frame } = await open(flowView, { result, width: 360 });
    await view.getByRole("row").nth(2).waitFor();
    const bars = await view.locator("meter").evaluateAll((all) => all.map((bar) => bar.clientWidth));
    expect(bars).toHaveLength(4);
    expect(Math.min(...bars)).toBeGreaterThanOrEqual(48);
    expect(await overflowing(frame())).toEqual([]);
  });

  it("shows a mode that failed as a flow without an artifact", async () => {
    const value = { ...FLOW, status: "failed", mode: "RISK", artifact: null, quality: null };
    const { view } = await open(flowView, { result: { content: [TEXT], structuredContent: value } });
    await view.getByText("Flow failed, mode RISK").waitFor();
    expect(await view.getByRole("table").count()).toBe(0);
  });
});

describe("a flow of the gateway", () => {
  const system = useSystem();

  it("is shown with one mode, two modes, and finally all modes and artifacts", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const call = (name: string, args: Record<string, unknown>) => client.callTool({ name, arguments: args });
    const created = await call("flow_create", {
      projectDescription: "A booking system for a small theatre",
    });
    const { flowId } = created.structuredContent as { flowId: string };
    const rowsOf = async (result: object) => {
      const { view } = await open(flowView, { result });
      await view.getByRole("row").nth(1).waitFor();
      return {
        rows: await view.locator("main > table tr").count(),
        artifacts: await view.locator("details h4").allTextContents(),
      };
    };
    const first = await call("flow_advance", { flowId });
    const { markdown } = (first.structuredContent as { artifact: { markdown: string } }).artifact;
    const headings = Array.from(markdown.matchAll(/^## (.*)$/gm), ([, heading]) => heading);
    expect(headings).toContain("Goals");
    expect(await rowsOf(first)).toEqual({ rows: 2, artifacts: headings });
    await call("flow_advance", { flowId });
    expect(await rowsOf(await call("flow_quality", { flowId }))).toEqual({ rows: 3, artifacts: [] });
    expect(await rowsOf(await call("flow_summary", { flowId }))).toEqual({
      rows: 7,
      artifacts: [...headings, "Journeys", "States", "Accessibility"],
    });
    await close();
  });
});
