// The whole way, as somebody with an MCP client goes it: discovery, registration, sign-up, consent, token, every tool, refresh,
// revocation. The clients are the official ones; they judge the wire.
import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Connected, connect, MODES } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem();

const TOOLS = [
  "flow_advance",
  "flow_create",
  "flow_governance",
  "flow_quality",
  "flow_recover",
  "flow_status",
  "flow_summary",
  "image_check_job",
  "image_generate",
  "image_list_models",
];

/** Calls a tool and gives its structured content; a tool error fails the test with its words. */
async function use<T = Record<string, unknown>>(
  { client }: Connected,
  name: string,
  args: Record<string, unknown> = {},
): Promise<T> {
  const result = await client.callTool({ name, arguments: args });
  if (result.isError) throw new Error(`${name}: ${JSON.stringify(result.content)}`);
  return result.structuredContent as T;
}

interface Flow {
  flowId: string;
  status: string;
  currentMode: string | null;
}

describe.each(MODES)("an official client, %s", (mode) => {
  it("signs its user up and gets a real result from each of the ten tools", async () => {
    const connected = await connect(system.origin, mode);
    const { client } = connected;
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(TOOLS);

    const policy = { profile: "strict", failMode: "RISK" };
    const description =
      "A booking system for a small theatre: visitors reserve seats, the box office sells tickets, refunds follow rules.";
    const flow = await use<Flow>(connected, "flow_create", {
      policy,
      projectDescription: description,
      taskKeywords: ["seats", "refunds"],
    });
    expect(flow).toMatchObject({ status: "draft", currentMode: "PRODUCT" });
    const { flowId } = flow;
    const first = await use<Flow & { artifact: { markdown: string } }>(connected, "flow_advance", { flowId });
    expect(first.artifact.markdown).toMatch(/seat/i);
    await use(connected, "flow_advance", { flowId });
    expect(await use(connected, "flow_advance", { flowId })).toMatchObject({
      status: "failed",
      currentMode: "RISK",
      artifact: null,
    });
    expect(await use(connected, "flow_recover", { flowId })).toMatchObject({
      mode: "RISK",
      artifact: { mode: "RISK" },
    });
    for (let left = 3; left > 0; left--) await use(connected, "flow_advance", { flowId });
    expect(await use(connected, "flow_status", { flowId })).toMatchObject({
      status: "completed",
      currentMode: null,
      progress: 1,
    });
    const summary = await use<{ artifacts: { mode: string }[] }>(connected, "flow_summary", { flowId });
    expect(summary.artifacts.map(({ mode: done }) => done)).toEqual([
      "PRODUCT",
      "UX",
      "RISK",
      "ARCHITECT",
      "TDD",
      "SPRINT",
    ]);
    const quality = await use<{ modes: { fused: number }[] }>(connected, "flow_quality", { flowId });
    expect(quality.modes).toHaveLength(6);
    expect(await use(connected, "flow_governance", { flowId })).toMatchObject({
      requestedProfile: "strict",
      effectiveMode: "strict",
      isCapped: false,
    });

    const { models } = await use<{ models: { quality_tier: string }[] }>(connected, "image_list_models");
    expect(models.map(({ quality_tier }) => quality_tier)).toContain("standard");
    const generated = await client.callTool({
      name: "image_generate",
      arguments: { prompt: "A lighthouse at dusk, 夕暮れの灯台", quality_tier: "draft" },
    });
    const job = generated.structuredContent as {
      job_id: string;
      url: string;
      width: number;
      height: number;
      size_bytes: number;
    };
    const [picture] = generated.content as { type: string; data: string; mimeType: string }[];
    expect(picture).toMatchObject({ type: "image", mimeType: "image/png" });
    const inline = Buffer.from(picture?.data ?? "", "base64");
    const served = Buffer.from(await (await fetch(job.url)).arrayBuffer());
    expect(inline.equals(served)).toBe(true);
    expect(pngSize(inline)).toEqual({ width: job.width, height: job.height });
    expect(inline.length).toBe(job.size_bytes);
    expect(await use(connected, "image_check_job", { job_id: job.job_id })).toMatchObject({
      status: "completed",
      url: job.url,
    });

    await connected.close();
  });
});

describe("a signed-in client", () => {
  it("sees progress that grows while a flow advances, in both eras", async () => {
    for (const mode of ["legacy", "modern"] as const) {
      const connected = await connect(system.origin, mode);
      const { flowId } = await use<Flow>(connected, "flow_create", {
        policy: {},
        projectDescription: "A weather station",
      });
      const seen: number[] = [];
      const onprogress = ({ progress }: { progress: number }) => seen.push(progress);
      await connected.client.callTool({ name: "flow_advance", arguments: { flowId } }, { onprogress });
      expect(seen.length, mode).toBeGreaterThanOrEqual(2);
      expect(seen, mode).toEqual(seen.toSorted((a, b) => a - b));
      await connected.close();
    }
  });

  it("is told what does not fit, and the next call is served", async () => {
    const connected = await connect(system.origin, "modern");
    const wrong = await connected.client.callTool({
      name: "image_generate",
      arguments: { prompt: "x", quality_tier: "best", size: 3 },
    });
    expect(wrong.isError).toBe(true);
    const [words] = wrong.content as { text: string }[];
    expect(words?.text).toMatch(/"quality_tier" must be .*"draft".*not "best".*"size" is not an argument/s);
    const missing = await connected.client.callTool({ name: "flow_status", arguments: { flowId: "no-such-flow" } });
    expect(missing).toMatchObject({ isError: true, _meta: { "com.stackbilt/error": { code: "flow_not_found" } } });
    await use(connected, "image_list_models");
    await connected.close();
  });

  it("never reaches another tenant's flows and pictures", async () => {
    const [owner, stranger] = [await connect(system.origin, "modern"), await connect(system.origin, "modern")];
    const { flowId } = await use<Flow>(owner, "flow_create", { policy: {} });
    const { job_id } = await use<{ job_id: string }>(owner, "image_generate", { prompt: "a", quality_tier: "draft" });
    for (const [name, args] of [
      ["flow_status", { flowId }],
      ["flow_advance", { flowId }],
      ["flow_summary", { flowId }],
      ["image_check_job", { job_id }],
    ] as const) {
      expect(await stranger.client.callTool({ name, arguments: args }), name).toMatchObject({ isError: true });
    }
    expect(await use(owner, "flow_status", { flowId })).toMatchObject({ status: "draft" });
    await Promise.all([owner.close(), stranger.close()]);
  });

  it("keeps its flows when its user signs in again, from another client", async () => {
    const first = await connect(system.origin, "auto");
    const { flowId } = await use<Flow>(first, "flow_create", { policy: {} });
    await first.close();
    const second = await connect(system.origin, "legacy", { account: first.account, isKnown: true });
    expect(await use(second, "flow_status", { flowId })).toMatchObject({ flowId, status: "draft" });
    await second.close();
  });

  it("may not generate where its user did not allow it, and is told which scopes it would take (RFC 6750 section 3.1)", async () => {
    const { auth, client, close } = await connect(system.origin, "modern", { generate: false });
    expect(auth.saved?.scope?.split(" ")).toEqual(expect.not.arrayContaining(["generate"]));
    expect((await client.listTools()).tools).toHaveLength(TOOLS.length);
    const refused = await callRaw(auth.saved?.access_token, "image_generate", { prompt: "x" });
    expect(refused.status).toBe(403);
    const challenge = refused.headers.get("www-authenticate") ?? "";
    expect(challenge).toContain('error="insufficient_scope"');
    expect(challenge).toContain('scope="read generate"');
    expect(await refused.json()).toMatchObject({
      error: "insufficient_scope",
      error_description: expect.stringContaining("generate"),
    });
    expect(challenge).toContain(`resource_metadata="${system.origin}/.well-known/oauth-protected-resource/mcp"`);
    expect((await callRaw(auth.saved?.access_token, "image_list_models", {})).status).toBe(200);
    await close();
  });

  it("refreshes its token, and loses everything when it is revoked (RFC 7009)", async () => {
    const { auth, close } = await connect(system.origin, "modern");
    const { client_id } = auth.clientInformation() as { client_id: string };
    const { access_token, refresh_token = "" } = auth.saved ?? { access_token: "" };
    const refreshed = await token({
      grant_type: "refresh_token",
      client_id,
      refresh_token,
      resource: `${system.origin}/mcp`,
    });
    expect(refreshed.status).toBe(200);
    const next = (await refreshed.json()) as { access_token: string; refresh_token: string; expires_in: number };
    expect(next.access_token).not.toBe(access_token);
    expect(next.expires_in).toBe(3600);
    expect((await callRaw(next.access_token, "image_list_models", {})).status).toBe(200);

    expect((await token({ token: next.refresh_token, client_id })).status).toBe(200);
    const after = await callRaw(next.access_token, "image_list_models", {});
    expect(after.status).toBe(401);
    expect(after.headers.get("www-authenticate")).toContain('error="invalid_token"');
    const again = await token({ grant_type: "refresh_token", client_id, refresh_token: next.refresh_token });
    expect(await again.json()).toMatchObject({ error: "invalid_grant" });
    await close();
  });

  it("comes back empty-handed where its user denies", async () => {
    await expect(connect(system.origin, "modern", { decision: "deny" })).rejects.toThrow("declined");
  });
});

function token(fields: Record<string, string>): Promise<Response> {
  return system.fetch("/token", { method: "POST", body: new URLSearchParams(fields) });
}

function callRaw(accessToken: string | undefined, name: string, args: object): Promise<Response> {
  return system.fetch("/mcp", {
    method: "POST",
    headers: {
      authorization: `Bearer ${accessToken}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } }),
  });
}

/** Reads a PNG's header and checks that its pixels can be unpacked (PNG 3rd edition, sections 5 and 11). */
function pngSize(png: Buffer): { width: number; height: number } {
  expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT")
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  expect(inflateSync(Buffer.concat(data)).length).toBeGreaterThan(width * height);
  return { width, height };
}
