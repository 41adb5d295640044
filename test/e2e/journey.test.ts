// A user's whole journey with an official client: discovery, registration, sign-up, consent, token,
// every tool, refresh and revocation.
import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { accessTokenOf, callTool, clientIdOf, connect, MODES } from "../support/mcp-clients.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { useSystem } from "../support/system.ts";
import { TOOLS } from "../support/tool-names.ts";

const system = useSystem();

interface Flow {
  flowId: string;
  status: string;
  currentMode: string | null;
}

describe.each(MODES)("an official client, %s", (mode) => {
  it("signs its user up, and gets a result from each tool", async () => {
    const connected = await connect(system.origin, mode);
    const { client } = connected;
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(TOOLS);

    const policy = { profile: "strict" };
    const description =
      "A booking system for a small theatre: visitors reserve seats, the box office sells tickets, refunds follow rules.";
    const flow = await callTool<Flow>(connected, "flow_create", {
      policy,
      projectDescription: description,
      taskKeywords: ["seats", "refunds"],
    });
    expect(flow).toMatchObject({ status: "draft", currentMode: "PRODUCT" });
    const { flowId } = flow;
    const first = await callTool<Flow & { artifact: { markdown: string } }>(connected, "flow_advance", { flowId });
    expect(first.artifact.markdown).toMatch(/seat/i);
    await callTool(connected, "flow_advance", { flowId });
    expect(await callTool(connected, "flow_advance", { flowId })).toMatchObject({
      status: "failed",
      currentMode: "RISK",
      artifact: null,
    });
    expect(await callTool(connected, "flow_recover", { flowId })).toMatchObject({
      mode: "RISK",
      artifact: { mode: "RISK" },
    });
    for (let remaining = 3; remaining > 0; remaining--) await callTool(connected, "flow_advance", { flowId });
    expect(await callTool(connected, "flow_status", { flowId })).toMatchObject({
      status: "completed",
      currentMode: null,
      progress: 1,
    });
    const summary = await callTool<{ artifacts: { mode: string }[] }>(connected, "flow_summary", { flowId });
    expect(summary.artifacts.map(({ mode: done }) => done)).toEqual([
      "PRODUCT",
      "UX",
      "RISK",
      "ARCHITECT",
      "TDD",
      "SPRINT",
    ]);
    const quality = await callTool<{ modes: { fused: number }[] }>(connected, "flow_quality", { flowId });
    expect(quality.modes).toHaveLength(6);
    expect(await callTool(connected, "flow_governance", { flowId })).toMatchObject({
      requestedProfile: "strict",
      effectiveMode: "strict",
      isCapped: false,
    });

    const { models } = await callTool<{ models: { quality_tier: string }[] }>(connected, "image_list_models");
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
    const [, picture] = generated.content as { type: string; data: string; mimeType: string }[];
    expect(picture).toMatchObject({ type: "image", mimeType: "image/png" });
    const inline = Buffer.from(picture?.data ?? "", "base64");
    const served = Buffer.from(await (await fetch(job.url)).arrayBuffer());
    expect(inline.equals(served)).toBe(true);
    const { pixelBytes, ...png } = readPng(inline);
    expect(png).toEqual({ signature: "\x89PNG\r\n\x1a\n", width: job.width, height: job.height });
    expect(pixelBytes).toBeGreaterThan(job.width * job.height);
    expect(inline.length).toBe(job.size_bytes);
    expect(await callTool(connected, "image_check_job", { job_id: job.job_id })).toMatchObject({
      status: "completed",
      url: job.url,
    });

    await connected.close();
  });
});

describe("a signed-in client", () => {
  it("gets increasing progress while a flow advances, in both eras", async () => {
    for (const mode of ["legacy", "modern"] as const) {
      const connected = await connect(system.origin, mode);
      const { flowId } = await callTool<Flow>(connected, "flow_create", {
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

  it("gets a tool error that names each wrong argument, and its next call succeeds", async () => {
    const connected = await connect(system.origin, "modern");
    const wrong = await connected.client.callTool({
      name: "image_generate",
      arguments: { prompt: "x", quality_tier: "best", size: 3 },
    });
    expect(wrong.isError).toBe(true);
    const [sentence] = wrong.content as { text: string }[];
    expect(sentence?.text).toMatch(/"quality_tier" must be .*"draft".*not "best".*"size" is not an argument/s);
    const missing = await connected.client.callTool({ name: "flow_status", arguments: { flowId: "no-such-flow" } });
    expect(missing).toMatchObject({ isError: true, _meta: { "com.stackbilt/error": { code: "flow_not_found" } } });
    await callTool(connected, "image_list_models");
    await connected.close();
  });

  it("finds no flow or picture of another tenant", async () => {
    const [owner, stranger] = [await connect(system.origin, "modern"), await connect(system.origin, "modern")];
    const { flowId } = await callTool<Flow>(owner, "flow_create", { projectDescription: "A kiosk" });
    const { job_id } = await callTool<{ job_id: string }>(owner, "image_generate", {
      prompt: "a",
      quality_tier: "draft",
    });
    for (const [name, args] of [
      ["flow_status", { flowId }],
      ["flow_advance", { flowId }],
      ["flow_summary", { flowId }],
      ["image_check_job", { job_id }],
    ] as const) {
      expect(await stranger.client.callTool({ name, arguments: args }), name).toMatchObject({ isError: true });
    }
    expect(await callTool(owner, "flow_status", { flowId })).toMatchObject({ status: "draft" });
    await Promise.all([owner.close(), stranger.close()]);
  });

  it("finds the flows that its user created with another client", async () => {
    const first = await connect(system.origin, "auto");
    const { flowId } = await callTool<Flow>(first, "flow_create", { projectDescription: "A kiosk" });
    await first.close();
    const second = await connect(system.origin, "legacy", { account: first.account, hasAccount: true });
    expect(await callTool(second, "flow_status", { flowId })).toMatchObject({ flowId, status: "draft" });
    await second.close();
  });

  it("is refused by tools that generate if its user did not allow it, with the needed scopes (RFC 6750 section 3.1)", async () => {
    const connected = await connect(system.origin, "modern", { generate: false });
    const { auth, client, close } = connected;
    expect(auth.saved?.scope?.split(" ")).toEqual(expect.not.arrayContaining(["generate"]));
    expect((await client.listTools()).tools).toHaveLength(TOOLS.length);
    const refused = await call(accessTokenOf(connected), "image_generate", { prompt: "x" });
    expect(refused.status).toBe(403);
    const challenge = refused.headers.get("www-authenticate") ?? "";
    expect(challenge).toContain('error="insufficient_scope"');
    expect(challenge).toContain('scope="read generate"');
    expect(await refused.json()).toMatchObject({
      error: "insufficient_scope",
      error_description: expect.stringContaining("generate"),
    });
    expect(challenge).toContain(`resource_metadata="${system.origin}/.well-known/oauth-protected-resource/mcp"`);
    expect((await call(accessTokenOf(connected), "image_list_models", {})).status).toBe(200);
    await close();
  });

  it("refreshes its token, and loses all access when it revokes it (RFC 7009)", async () => {
    const connected = await connect(system.origin, "modern");
    const { auth, close } = connected;
    const client_id = clientIdOf(connected);
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
    expect((await call(next.access_token, "image_list_models", {})).status).toBe(200);

    expect((await token({ token: next.refresh_token, client_id })).status).toBe(200);
    const after = await call(next.access_token, "image_list_models", {});
    expect(after.status).toBe(401);
    expect(after.headers.get("www-authenticate")).toContain('error="invalid_token"');
    const again = await token({ grant_type: "refresh_token", client_id, refresh_token: next.refresh_token });
    expect(await again.json()).toMatchObject({ error: "invalid_grant" });
    await close();
  });

  it("gets no token if its user denies the request", async () => {
    await expect(connect(system.origin, "modern", { decision: "deny" })).rejects.toThrow("denied");
  });
});

function token(fields: Record<string, string>): Promise<Response> {
  return system.fetch("/token", { method: "POST", body: new URLSearchParams(fields) });
}

function call(accessToken: string, name: string, args: object): Promise<Response> {
  const params = { name, arguments: args };
  const headers = { accept: "application/json, text/event-stream" };
  return postRequest(system, accessToken, { method: "tools/call", params }, { headers });
}

/**
 * A PNG's signature and size, and the bytes of its unpacked pixels (PNG 3rd edition, sections 5 and
 * 11).
 */
function readPng(png: Buffer): { signature: string; width: number; height: number; pixelBytes: number } {
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT")
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const signature = png.subarray(0, 8).toString("latin1");
  return { signature, width, height, pixelBytes: inflateSync(Buffer.concat(data)).length };
}
