// Pictures and views as MCP resources, read by the official clients.
import { describe, expect, it } from "vitest";
import { auditEventsIn } from "../support/audit-log.ts";
import { accessTokenOf, type Connected, clientIdOf, connect, MODES } from "../support/mcp-clients.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem();

interface Job {
  readonly job_id: string;
  readonly status: string;
  readonly url: string;
  readonly size_bytes: number;
}

async function draw({ client }: Connected, args: object = {}) {
  const result = await client.callTool({
    name: "image_generate",
    arguments: { prompt: "A lighthouse at dusk", quality_tier: "draft", ...args },
  });
  if (result.isError) throw new Error(JSON.stringify(result.content));
  return {
    job: result.structuredContent as unknown as Job,
    content: result.content as { type: string; [field: string]: unknown }[],
  };
}

const uriOf = ({ job_id }: Job) => `stackbilt://images/${job_id}`;

describe.each(MODES)("an official client, %s", (mode) => {
  it("gets the value as text and the picture, then a link, and reads the same bytes there as at its URL", async () => {
    const connected = await connect(system.origin, mode);
    const { client } = connected;
    const { job, content } = await draw(connected);
    expect(content.map(({ type }) => type)).toEqual(["text", "image"]);
    expect(content[0]?.text).toBe(JSON.stringify(job));
    const link = {
      type: "resource_link",
      uri: uriOf(job),
      name: "picture",
      title: "Generated picture",
      mimeType: "image/png",
    };
    const checked = await client.callTool({ name: "image_check_job", arguments: { job_id: job.job_id } });
    expect(checked.content).toEqual([content[0], { ...link, size: job.size_bytes }]);

    const { contents } = await client.readResource({ uri: uriOf(job) });
    expect(contents).toHaveLength(1);
    const [picture] = contents as [{ uri: string; mimeType: string; blob: string }];
    expect(picture).toMatchObject({ uri: uriOf(job), mimeType: "image/png" });
    const served = Buffer.from(await (await fetch(job.url)).arrayBuffer());
    expect(Buffer.from(picture.blob, "base64").equals(served)).toBe(true);
    await connected.close();
  });

  it("lists, reads and completes its latest pictures, and no other user's", async () => {
    const [connected, stranger] = [await connect(system.origin, mode), await connect(system.origin, mode)];
    const listed = async ({ client }: Connected) =>
      (await client.listResources()).resources.filter(({ mimeType }) => mimeType === "image/png");
    const completed = async ({ client }: Connected, value: string) => {
      const ref = { type: "ref/resource", uri: "stackbilt://images/{job_id}" } as const;
      return (await client.complete({ ref, argument: { name: "job_id", value } })).completion.values;
    };
    const first = await draw(connected);
    const { job } = await draw(connected, { prompt: `A harbour\n${"in the fog ".repeat(20)}` });
    const [newest, oldest, ...more] = await listed(connected);
    expect(more).toEqual([]);
    expect(oldest).toMatchObject({ uri: uriOf(first.job), title: "A lighthouse at dusk" });
    expect(newest).toMatchObject({ uri: uriOf(job), mimeType: "image/png", size: job.size_bytes });
    expect(newest?.title).toMatch(/^A harbour in the fog in .{54,55}…$/);
    const { lastModified = "" } = (newest?.annotations ?? {}) as { lastModified?: string };
    expect(Math.abs(Date.parse(lastModified) - Date.now())).toBeLessThan(60_000);
    const { contents } = await connected.client.readResource({ uri: newest?.uri ?? "" });
    expect(contents).toMatchObject([{ uri: uriOf(job), mimeType: "image/png" }]);
    expect(await completed(connected, "")).toEqual([job.job_id, first.job.job_id]);
    expect(await completed(connected, job.job_id.slice(0, 8).toUpperCase())).toEqual([job.job_id]);
    await draw(stranger, { prompt: "A mill" });
    expect((await listed(stranger)).map(({ title }) => title)).toEqual(["A mill"]);
    expect(await completed(stranger, job.job_id)).toEqual([]);
    await Promise.all([connected.close(), stranger.close()]);
  });

  it("lists the template, and the view of each tool that has one", async () => {
    const { client, close } = await connect(system.origin, mode);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates).toMatchObject([{ uriTemplate: "stackbilt://images/{job_id}", mimeType: "image/png" }]);
    const { resources } = await client.listResources();
    const { tools } = await client.listTools();
    const views = new Set(
      tools.flatMap(({ _meta: meta }) => (meta?.ui as { resourceUri: string } | undefined)?.resourceUri ?? []),
    );
    expect(resources.map(({ uri }) => uri).toSorted()).toEqual([...views].toSorted());
    for (const { uri, mimeType, _meta: meta } of resources) {
      const { contents } = await client.readResource({ uri });
      expect(contents).toMatchObject([{ uri, mimeType, _meta: meta, text: expect.stringMatching(/^<!doctype html>/) }]);
      expect([mimeType, meta]).toMatchObject([
        "text/html;profile=mcp-app",
        { ui: { csp: { connectDomains: [], resourceDomains: [] } } },
      ]);
    }
    await close();
  });
});

/** The unchanged response to resources/read. */
async function readRaw(connected: Connected, uri: string) {
  const response = await postRequest(
    system,
    accessTokenOf(connected),
    { method: "resources/read", params: { uri } },
    { revision: "2025-06-18", headers: { accept: "application/json, text/event-stream" } },
  );
  return {
    status: response.status,
    body: (await response.json()) as { error?: { code: number; message: string }; result?: unknown },
  };
}

describe("a picture", () => {
  it("of another tenant is not found, in the same words as an unknown one", async () => {
    const [owner, stranger] = [await connect(system.origin, "modern"), await connect(system.origin, "modern")];
    const { job } = await draw(owner);
    const [owned, unknown] = [uriOf(job), `stackbilt://images/${crypto.randomUUID()}`];
    const responses = await Promise.all([owned, unknown].map((uri) => readRaw(stranger, uri)));
    expect(responses.map((response) => JSON.stringify(response).replace(owned, unknown))).toEqual(
      Array(2).fill(JSON.stringify(responses[1])),
    );
    expect(responses[1]?.body.error?.code).toBe(-32002);
    await expect(stranger.client.readResource({ uri: owned })).rejects.toMatchObject({ code: -32602 });
    expect((await readRaw(owner, owned)).body.result).toMatchObject({ contents: [{ uri: owned }] });
    await Promise.all([owner.close(), stranger.close()]);
  });

  it("can be read once its job is completed, and is an error with a sentence until then", async () => {
    const connected = await connect(system.origin, "modern");
    const { job } = await draw(connected, { wait: false });
    const check = () => connected.client.callTool({ name: "image_check_job", arguments: { job_id: job.job_id } });
    const first = await readRaw(connected, uriOf(job));
    // The job may be completed already; there is no third state.
    if (first.body.error)
      expect(first.body.error.message).toMatch(/^This image is not finished\..*trace id [0-9a-f]{32}\)$/);
    await expect.poll(async () => ((await check()).structuredContent as unknown as Job).status).toBe("completed");
    expect((await readRaw(connected, uriOf(job))).body.result).toMatchObject({ contents: [{ uri: uriOf(job) }] });
    await connected.close();
  });

  it("can be read by a client with the scope read, and each read makes one audit record", async () => {
    const owner = await connect(system.origin, "modern");
    const { job } = await draw(owner);
    const reader = await connect(system.origin, "legacy", {
      account: owner.account,
      hasAccount: true,
      generate: false,
    });
    const { contents } = await reader.client.readResource({ uri: uriOf(job) });
    expect(contents).toHaveLength(1);
    await readRaw(reader, "stackbilt://images/a-portrait-of-my-neighbour");
    const records = auditEventsIn(system.logs()).filter(
      ({ type, clientId }) => type === "resource.read" && clientId === clientIdOf(reader),
    );
    expect(records).toMatchObject([
      {
        resource: "picture",
        decision: "allowed",
        outcome: "ok",
        scopes: ["read"],
        channel: "mcp",
        input: { job_id: job.job_id },
      },
      { resource: null, decision: "unknown_resource", outcome: "unknown_resource" },
    ]);
    expect(JSON.stringify(records)).not.toContain("neighbour");
    await Promise.all([owner.close(), reader.close()]);
  });
});
