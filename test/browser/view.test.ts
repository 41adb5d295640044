// The views at a real Chromium, inside a small client that plays its side of the protocol (MCP Apps 2026-01-26) and enforces the policy
// that it would make from what a view declares.
import { type Browser, type BrowserContext, chromium, type FrameLocator, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { flowView } from "../../src/resources/flow-view.ts";
import { pictureView } from "../../src/resources/picture-view.ts";
import { VIEW_META, type View } from "../../src/resources/view.ts";
import { connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const CLIENT = "https://client.example";
const VIEW = "https://view.example";
/** One white pixel. */
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

interface Played {
  readonly result?: object;
  readonly capabilities?: object;
  readonly context?: object;
  /** What it answers to `resources/read`; without, an error. */
  readonly contents?: readonly object[];
  /** Sent instead of the result. */
  readonly cancelled?: true;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** The client's page. It answers what views ask and keeps what they said. */
const clientPage = ({ result = {}, capabilities = {}, context = {}, contents, cancelled }: Played) => `<!doctype html>
<html lang="en"><title>A client</title><link rel="icon" href="data:,">
<script>
const said = [];
addEventListener("message", ({ source, data }) => {
  if (source !== frames[0]) return;
  said.push(data);
  const send = (message) => source.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const played = ${JSON.stringify({ result, capabilities, context, contents: contents ?? null }).replaceAll("<", "\\u003c")};
  if (data.method === "ui/initialize") send({ id: data.id, result: {
    protocolVersion: "2026-01-26", hostInfo: { name: "client", version: "1" }, hostCapabilities: played.capabilities, hostContext: played.context,
  } });
  if (data.method === "ui/notifications/initialized") {
    send({ method: "ui/notifications/tool-input", params: { arguments: {} } });
    ${cancelled ? `send({ method: "ui/notifications/tool-cancelled", params: { reason: "user" } })` : `send({ method: "ui/notifications/tool-result", params: played.result })`};
  }
  if (data.method === "resources/read")
    send({ id: data.id, ...(played.contents ? { result: { contents: played.contents } } : { error: { code: -32603, message: "no" } }) });
  if (data.method === "ui/open-link") send({ id: data.id, result: {} });
});
</script>
<iframe title="view" src="${VIEW}/" sandbox="allow-scripts" style="width: 400px; height: 300px"></iframe></html>`;

/** As the specification builds it from `_meta.ui.csp`. */
const { connectDomains, resourceDomains } = VIEW_META.ui.csp;
const POLICY = [
  "default-src 'none'",
  `script-src 'self' 'unsafe-inline' ${resourceDomains.join(" ")}`,
  `style-src 'self' 'unsafe-inline' ${resourceDomains.join(" ")}`,
  // The specification has data: as well; a client in use has not.
  `img-src 'self' ${resourceDomains.join(" ")}`,
  `connect-src 'self' ${connectDomains.join(" ")}`,
  "frame-src 'none'; object-src 'none'; base-uri 'self'",
].join("; ");

let browser: Browser;
let complaints: string[] = [];
const profiles: BrowserContext[] = [];

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
    chromiumSandbox: false, // it cannot start as root, and these pages are ours
    args: [
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});
afterEach(async () => {
  await Promise.all(profiles.splice(0).map((profile) => profile.close()));
  const found = complaints;
  complaints = [];
  expect(found).toEqual([]);
});
afterAll(async () => {
  await browser?.close();
});

interface Shown {
  readonly page: Page;
  readonly view: FrameLocator;
  said(): Promise<readonly Message[]>;
}

/** Opens the client with the view in it. */
async function open({ html }: View, played: Played): Promise<Shown> {
  const profile = await browser.newContext();
  profiles.push(profile);
  profile.setDefaultTimeout(15_000);
  await profile.route("**/*", (route) => {
    const { origin } = new URL(route.request().url());
    if (origin === CLIENT) return route.fulfill({ contentType: "text/html; charset=utf-8", body: clientPage(played) });
    if (origin !== VIEW || !route.request().isNavigationRequest()) complaints.push(`asks ${route.request().url()}`);
    return route.fulfill({
      contentType: "text/html; charset=utf-8",
      headers: { "content-security-policy": POLICY },
      body: html,
    });
  });
  profile.on("weberror", (error) => complaints.push(`throws ${error.error().message}`));
  profile.on("console", (message) => {
    if (/^(error|warning)$/.test(message.type())) complaints.push(message.text());
  });
  profile.on("dialog", (dialog) => {
    complaints.push(`opens a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const page = await profile.newPage();
  await page.goto(CLIENT);
  return { page, view: page.frameLocator("iframe"), said: () => page.evaluate<Message[]>("said") };
}

/** The first message with this method, once it is there. */
async function heard({ said }: Shown, method: string): Promise<Message> {
  const message = () => said().then((all) => all.find((one) => one.method === method));
  await expect.poll(message, { timeout: 10_000 }).toBeDefined();
  return (await message()) ?? {};
}

const JOB = {
  job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10",
  status: "completed",
  url: "https://images.example/images/0b7e5a52.png",
  model: "flux-klein",
  quality_tier: "standard",
  enhanced_prompt: "A lighthouse at dusk, 灯台",
  width: 512,
  height: 512,
  size_bytes: 68,
};
const LINK = { type: "resource_link", uri: `stackbilt://images/${JOB.job_id}`, name: "picture", mimeType: "image/png" };
const WORDS = { type: "text", text: "job id: 0b7e5a52" };
const INSIDE = { type: "image", mimeType: "image/png", data: PNG };

const HOSTILE = `<img src=x onerror="alert(1)"><script>alert(2)</script>"'>&{{7*7}}`;

describe("the view of a picture", () => {
  it("introduces itself, then shows the picture inside the result, what it is and how it was made", async () => {
    const shown = await open(pictureView, { result: { content: [INSIDE, LINK, WORDS], structuredContent: JOB } });
    const picture = shown.view.getByRole("img", { name: JOB.enhanced_prompt });
    await picture.waitFor();
    await expect.poll(() => picture.evaluate((canvas) => (canvas as unknown as { width: number }).width)).toBe(1);
    expect(await shown.view.locator("p").textContent()).toBe("flux-klein · standard · 512 × 512");
    expect(await shown.view.getByRole("button").count()).toBe(0);
    const said = (await shown.said()).filter(({ method }) => method !== "ui/notifications/size-changed");
    expect(said).toEqual([
      {
        jsonrpc: "2.0",
        id: 1,
        method: "ui/initialize",
        params: {
          protocolVersion: "2026-01-26",
          appInfo: { name: "stackbilt-picture_view", version: "1.0.0" },
          appCapabilities: { availableDisplayModes: ["inline"] },
        },
      },
      { jsonrpc: "2.0", method: "ui/notifications/initialized", params: {} },
    ]);
    const { params } = await heard(shown, "ui/notifications/size-changed");
    expect(params).toEqual({ width: 400, height: expect.any(Number) });
  });

  it("reads a picture that did not fit into the result through the client", async () => {
    const contents = [{ uri: LINK.uri, mimeType: "image/png", blob: PNG }];
    const result = { content: [LINK, WORDS], structuredContent: JOB };
    const shown = await open(pictureView, { result, contents, capabilities: { serverResources: {} } });
    await shown.view.getByRole("img", { name: JOB.enhanced_prompt }).waitFor();
    expect((await heard(shown, "resources/read")).params).toEqual({ uri: LINK.uri });
  });

  it.each([
    ["cannot read", {}],
    ["may not read", { capabilities: { serverResources: {} } }],
    [
      "reads what is no picture",
      { capabilities: { serverResources: {} }, contents: [{ mimeType: "image/png", blob: "AAAA" }] },
    ],
    [
      "reads something else",
      { capabilities: { serverResources: {} }, contents: [{ mimeType: "image/svg+xml", blob: "PHN2Zz4=" }] },
    ],
  ] as const)("says where the picture is, where the client %s", async (_, client) => {
    const { view } = await open(pictureView, { ...client, result: { content: [LINK, WORDS], structuredContent: JOB } });
    await view.getByText(`The picture cannot be shown here. It is at ${JOB.url}`).waitFor();
  });

  it("opens the picture's own address through a client that opens links, and no other kind of address", async () => {
    const capabilities = { openLinks: {} };
    const shown = await open(pictureView, { result: { content: [INSIDE], structuredContent: JOB }, capabilities });
    await shown.view.getByRole("button", { name: "Open in the browser" }).click();
    expect((await heard(shown, "ui/open-link")).params).toEqual({ url: JOB.url });
    const hostile = { ...JOB, url: "javascript:alert(3)" };
    const { view } = await open(pictureView, {
      result: { content: [INSIDE], structuredContent: hostile },
      capabilities,
    });
    await view.getByRole("img").waitFor();
    expect(await view.getByRole("button").count()).toBe(0);
  });

  it("says what there is instead of a picture", async () => {
    const queued = await open(pictureView, {
      result: { content: [WORDS], structuredContent: { ...JOB, status: "queued", url: null } },
    });
    await queued.view.getByText("The picture is queued.").waitFor();
    const refused = { isError: true, content: [{ type: "text", text: `Not this. ${HOSTILE}` }] };
    await (await open(pictureView, { result: refused })).view.getByText(`Not this. ${HOSTILE}`).waitFor();
    await (await open(pictureView, { cancelled: true })).view.getByText("Cancelled.").waitFor();
  });
});

const FLOW = { flowId: "flow_1", status: "running", currentMode: "RISK", progress: 0.33, estimatedRemainingSeconds: 9 };
const ARTIFACTS = [
  { mode: "PRODUCT", title: "Product brief", markdown: "# Product brief\n\n- seats\n- refunds", tokens: 7 },
  { mode: "UX", title: "Flows", markdown: `# UX\n\n${HOSTILE}`, tokens: 9 },
];

describe("the view of a flow", () => {
  it("shows how far it is, every mode with its score, and what each wrote", async () => {
    const modes = [
      { mode: "PRODUCT", status: "completed", tokens: 7, quality: 81.4 },
      { mode: "UX", status: "completed", tokens: 9, quality: 64 },
      { mode: "RISK", status: "running", tokens: 0, quality: null },
    ];
    const { view } = await open(flowView, {
      result: { content: [WORDS], structuredContent: { ...FLOW, modes, artifacts: ARTIFACTS, quality: 64 } },
    });
    await view.getByText("Flow running, mode RISK").waitFor();
    await view.getByText("flow_1").waitFor();
    expect(await view.getByRole("progressbar").getAttribute("value")).toBe("0.33");
    expect(await view.getByRole("row").allTextContents()).toEqual([
      "ModeStatusScore",
      "PRODUCTcompleted 81",
      "UXcompleted 64",
      "RISKrunning–",
    ]);
    const closed = view.getByText(HOSTILE);
    expect(await closed.isVisible()).toBe(false);
    await view.getByText("UX: Flows").click();
    expect(await closed.isVisible()).toBe(true);
    expect(await view.locator("details").allTextContents()).toEqual([
      "PRODUCT: Product briefseatsrefunds",
      `UX: FlowsUX${HOSTILE}`,
    ]);
  });

  it.each([
    ["headings", "# One\n## Two\n###### Six\n#no", "<h3>One</h3><h4>Two</h4><h6>Six</h6><p>#no</p>"],
    ["paragraphs", "one\ntwo\r\n\r\nthree", "<p>one two</p><p>three</p>"],
    ["words", "a **b** `c**d**` *e* **", "<p>a <strong>b</strong> <code>c**d**</code> *e* **</p>"],
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
      "rows without a head",
      "|a|\n|b|",
      '<div class="wide"><table><tbody><tr><td>a</td></tr><tr><td>b</td></tr></tbody></table></div>',
    ],
    ["code", "```ts\n# a\n\n<b>\n```\nc", "<pre># a\n\n&lt;b&gt;</pre><p>c</p>"],
    ["code that does not end", "a\n```\n- b", "<p>a</p><pre>- b</pre>"],
    [
      "no links, no pictures, no HTML",
      "[a](https://evil.example) ![b](x.png)\n<script>c</script>",
      "<p>[a](https://evil.example) ![b](x.png) &lt;script&gt;c&lt;/script&gt;</p>",
    ],
  ])("shows Markdown: %s", async (_, markdown, html) => {
    const value = { ...FLOW, artifact: { mode: "UX", title: "T", markdown, tokens: 1 } };
    const { view } = await open(flowView, { result: { content: [WORDS], structuredContent: value } });
    expect(await view.locator("details").innerHTML()).toBe(`<summary>UX: T</summary>${html}`);
  });

  it("shows long texts of every kind without delay", async () => {
    for (const piece of ["|", "| ", "**", "`", "*`", "> ", "- ", "# ", "```\n", "\\|", "a\n", "| - "]) {
      const markdown = piece.repeat(20_000);
      const value = { ...FLOW, artifact: { mode: "UX", title: "T", markdown, tokens: 1 } };
      const { view } = await open(flowView, { result: { content: [WORDS], structuredContent: value } });
      await view.locator("details").waitFor();
    }
  });

  it("shows what one mode has just left, opened, with both of its scores", async () => {
    const [artifact] = ARTIFACTS;
    const value = { ...FLOW, mode: "PRODUCT", artifact, quality: { mode: "PRODUCT", local: 90, fused: 88.6 } };
    const { view } = await open(flowView, { result: { content: [WORDS], structuredContent: value } });
    await view.getByRole("row").nth(1).waitFor();
    expect(await view.getByRole("row").allTextContents()).toEqual(["ModeStatusAloneWeighed", "PRODUCTcompleted 90 89"]);
    expect(await view.getByText("refunds").isVisible()).toBe(true);
  });

  it("shows a mode that failed as a flow without an artifact", async () => {
    const value = { ...FLOW, status: "failed", mode: "RISK", artifact: null, quality: null };
    const { view } = await open(flowView, { result: { content: [WORDS], structuredContent: value } });
    await view.getByText("Flow failed, mode RISK").waitFor();
    expect(await view.getByRole("table").count()).toBe(0);
  });
});

describe.each([pictureView, flowView])("any view: $title", (view) => {
  it("writes whatever it is told as text, and bears what no tool would answer", async () => {
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
      { ...INSIDE, data: HOSTILE },
      { ...INSIDE, mimeType: HOSTILE },
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
      await heard(shown, "ui/notifications/initialized");
      await shown.view.getByText(/on its way|at work/).waitFor({ state: "detached" });
      expect(await shown.view.locator("main :is(script, img, iframe, a)").count()).toBe(0);
    }
    const shown = await open(view, { result: {} });
    await shown.view.getByText("There is nothing to show.").waitFor();
  });

  it("answers its client, and listens to nobody else", async () => {
    const shown = await open(view, { result: { content: [WORDS], structuredContent: {} } });
    await heard(shown, "ui/notifications/initialized");
    await shown.page.evaluate(`
      for (const [id, method] of [["p", "ping"], ["x", "tools/list"], ["t", "ui/resource-teardown"]]) frames[0].postMessage({ jsonrpc: "2.0", id, method, params: {} }, "*");
      for (const noise of [null, 7, "text", {}, { jsonrpc: "2.0", id: 99, result: {} }, { jsonrpc: "2.0", method: "__proto__", params: {} }]) frames[0].postMessage(noise, "*");
    `);
    await expect.poll(async () => (await shown.said()).filter(({ id }) => typeof id === "string")).toHaveLength(3);
    expect((await shown.said()).filter(({ id }) => typeof id === "string")).toEqual([
      { jsonrpc: "2.0", id: "p", result: {} },
      { jsonrpc: "2.0", id: "x", error: { code: -32601, message: "This method is not served here." } },
      { jsonrpc: "2.0", id: "t", result: {} },
    ]);
    // Another frame of the same client.
    await shown.page.evaluate(`
      const other = document.createElement("iframe");
      document.body.append(other);
      other.contentWindow.eval('parent.frames[0].postMessage({ jsonrpc: "2.0", id: "other", method: "ping", params: {} }, "*")');
      frames[0].postMessage({ jsonrpc: "2.0", id: "last", method: "ping", params: {} }, "*");
    `);
    await expect.poll(async () => (await shown.said()).map(({ id }) => id)).toContain("last");
    expect((await shown.said()).map(({ id }) => id)).not.toContain("other");
  });

  it("wears its client's theme, also when it changes", async () => {
    const context = {
      theme: "dark",
      styles: { variables: { "--color-text-primary": "rgb(1, 2, 3)", display: "none" } },
    };
    const shown = await open(view, { context, result: { content: [WORDS], isError: true } });
    await shown.view.getByText("job id").waitFor();
    const look = "({ color, colorScheme, display }) => [color, colorScheme, display]";
    const worn = (element: string) => () =>
      shown.page.frames()[1]?.evaluate(`(${look})(getComputedStyle(document.${element}))`);
    expect(await worn("body")()).toEqual(["rgb(1, 2, 3)", "dark", "block"]);
    expect(await worn("documentElement")()).toEqual([expect.any(String), "dark", "block"]);
    await shown.page.evaluate(
      `frames[0].postMessage({ jsonrpc: "2.0", method: "ui/notifications/host-context-changed", params: { theme: "light" } }, "*")`,
    );
    await expect.poll(worn("body")).toEqual(["rgb(1, 2, 3)", "light", "block"]);
  });
});

describe("a client that got everything from the gateway: view and result", () => {
  const system = useSystem();

  it("shows a picture that was drawn, from the result, and from the gateway where the result has only its link", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const { tools } = await client.listTools();
    const meta = tools.find(({ name }) => name === "image_generate")?._meta?.ui;
    const { resourceUri: uri } = meta as { resourceUri: string };
    const [page] = (await client.readResource({ uri })).contents as [{ uri: string; text: string }];
    const prompt = "A lighthouse at dusk";
    const drawn = await client.callTool({ name: "image_generate", arguments: { prompt, quality_tier: "draft" } });
    const job = drawn.structuredContent as { job_id: string; width: number };
    const checked = await client.callTool({ name: "image_check_job", arguments: { job_id: job.job_id } });
    const { contents } = await client.readResource({ uri: `stackbilt://images/${job.job_id}` });
    for (const played of [{ result: drawn }, { result: checked, contents, capabilities: { serverResources: {} } }]) {
      const { view } = await open({ ...pictureView, html: page.text }, played);
      const picture = view.getByRole("img", { name: prompt });
      await expect
        .poll(() => picture.evaluate((canvas) => (canvas as unknown as { width: number }).width))
        .toBe(job.width);
    }
    await close();
  });

  it("shows a flow as it goes on, and all of it in the end", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const call = (name: string, args: Record<string, unknown>) => client.callTool({ name, arguments: args });
    const created = await call("flow_create", {
      policy: {},
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
      artifacts: [...headings, "Journeys", "States", "Access"],
    });
    await close();
  });
});
