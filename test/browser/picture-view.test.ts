// The view of a picture, in a real Chromium inside a client of MCP Apps.
import { describe, expect, it } from "vitest";
import { pictureView } from "../../src/resources/picture-view.ts";
import { messageOf, useAppsClient } from "../support/apps-client.ts";
import { connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";
import { overflowing } from "./measures.ts";
import { HOSTILE, IMAGE, JOB, LINK, PNG, TEXT, WIDE_PNG } from "./view-content.ts";

const open = useAppsClient();

describe("the view of a picture", () => {
  it("initializes, and shows the picture in the result with its prompt, model, tier and size", async () => {
    const shown = await open(pictureView, { result: { content: [IMAGE, LINK, TEXT], structuredContent: JOB } });
    const picture = shown.view.getByRole("img", { name: JOB.enhanced_prompt });
    await picture.waitFor();
    await expect.poll(() => picture.evaluate((canvas) => (canvas as unknown as { width: number }).width)).toBe(1);
    expect(await shown.view.locator("p").textContent()).toBe("FLUX Klein, standard quality, 512 × 512 pixels");
    expect(await shown.view.getByRole("button").count()).toBe(0);
    const messages = (await shown.messages()).filter(({ method }) => method !== "ui/notifications/size-changed");
    expect(messages).toEqual([
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
    const { params } = await messageOf(shown, "ui/notifications/size-changed");
    expect(params).toEqual({ width: 400, height: expect.any(Number) });
  });

  it("fits a phone: a wide picture keeps its shape, and no part is cut off", async () => {
    const result = { content: [{ ...IMAGE, data: WIDE_PNG }], structuredContent: JOB };
    const { view, frame } = await open(pictureView, { result, width: 360, capabilities: { openLinks: {} } });
    await view.getByRole("button").waitFor();
    expect(await overflowing(frame())).toEqual([]);
    const { width = 0, height = 0 } = (await view.getByRole("img").boundingBox()) ?? {};
    expect([width > 300, Math.round(width / height)]).toEqual([true, 1200 / 8]);
  });

  it("names the model as img-forge does, if that does not say more", async () => {
    const { model_title: _, ...job } = { ...JOB, quality_tier: "ultra_plus" };
    const { view } = await open(pictureView, { result: { content: [IMAGE], structuredContent: job } });
    await view.getByText("flux-klein, ultra plus quality, 512 × 512 pixels").waitFor();
  });

  it("reads a picture that is only linked in the result through the client", async () => {
    const contents = [{ uri: LINK.uri, mimeType: "image/png", blob: PNG }];
    const result = { content: [LINK, TEXT], structuredContent: JOB };
    const shown = await open(pictureView, { result, contents, capabilities: { serverResources: {} } });
    await shown.view.getByRole("img", { name: JOB.enhanced_prompt }).waitFor();
    expect((await messageOf(shown, "resources/read")).params).toEqual({ uri: LINK.uri });
  });

  it.each([
    ["cannot read", {}],
    ["is refused reading", { capabilities: { serverResources: {} } }],
    [
      "reads bytes that are no picture",
      { capabilities: { serverResources: {} }, contents: [{ mimeType: "image/png", blob: "AAAA" }] },
    ],
    [
      "reads another type",
      { capabilities: { serverResources: {} }, contents: [{ mimeType: "image/svg+xml", blob: "PHN2Zz4=" }] },
    ],
  ] as const)("shows the URL of the picture if the client %s", async (_, client) => {
    const { view } = await open(pictureView, { ...client, result: { content: [LINK, TEXT], structuredContent: JOB } });
    await view.getByText(`The picture cannot be shown here. It is at ${JOB.url}`).waitFor();
  });

  it("opens the URL of the picture through a client with links, and no URL of another scheme", async () => {
    const capabilities = { openLinks: {} };
    const shown = await open(pictureView, { result: { content: [IMAGE], structuredContent: JOB }, capabilities });
    await shown.view.getByRole("button", { name: "Open in the browser" }).click();
    expect((await messageOf(shown, "ui/open-link")).params).toEqual({ url: JOB.url });
    const hostile = { ...JOB, url: "javascript:alert(3)" };
    const { view } = await open(pictureView, {
      result: { content: [IMAGE], structuredContent: hostile },
      capabilities,
    });
    await view.getByRole("img").waitFor();
    expect(await view.getByRole("button").count()).toBe(0);
  });

  it("shows the status, the error or the cancellation if there is no picture", async () => {
    const queued = await open(pictureView, {
      result: { content: [TEXT], structuredContent: { ...JOB, status: "queued", url: null } },
    });
    await queued.view.getByText("The picture is queued.").waitFor();
    const refused = { isError: true, content: [{ type: "text", text: `Not this. ${HOSTILE}` }] };
    await (await open(pictureView, { result: refused })).view.getByText(`Not this. ${HOSTILE}`).waitFor();
    await (await open(pictureView, { cancelled: true })).view.getByText("Cancelled.").waitFor();
  });
});

describe("a picture of the gateway", () => {
  const system = useSystem();

  it("is shown by the gateway's view, from the result and from a link in it", async () => {
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
    for (const side of [{ result: drawn }, { result: checked, contents, capabilities: { serverResources: {} } }]) {
      const { view } = await open({ ...pictureView, html: page.text }, side);
      const picture = view.getByRole("img", { name: prompt });
      await expect
        .poll(() => picture.evaluate((canvas) => (canvas as unknown as { width: number }).width))
        .toBe(job.width);
    }
    await close();
  });
});
