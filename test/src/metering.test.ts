// Metering: the work of a user counts against the user's plan, whichever entrypoint and whichever
// method it comes through. The runtime's counters are replaced by exact ones without a clock.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { PresentedCredential, ToolRefusal } from "../../contracts/gateway.ts";
import gateway from "../../entrypoints/gateway/index.ts";
import { GatewayEntrypoint } from "../../entrypoints/gateway/rpc.ts";
import type { Env } from "../../src/env.ts";
import { withAddress } from "../support/address.ts";
import { envWith, ORIGIN, tenantId, userId } from "./oauth/browser.ts";

/** The rate of the plan free. */
const FREE = 20;

/** A counter that allows `limit` requests of each key, for ever. */
function counterOf(limit: number): RateLimit {
  const counts = new Map<string, number>();
  return {
    limit: async ({ key }) => {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return { success: (counts.get(key) ?? 0) <= limit };
    },
  };
}

let users = 0;

/** A new user of the plan free, with an API key, and both entrances to the gateway. */
function newUser() {
  const user = `u_metered${++users}`;
  const key = `sb_live_${user.padEnd(24, "x")}`;
  let asked = 0;
  const backend = {
    listModels: async () => {
      asked += 1;
      return { ok: true, value: { models: [] } };
    },
  };
  const env: Env = envWith(
    {
      validateApiKey: async () => ({
        ...{ valid: true, tenant_id: tenantId("t_metered"), tier: "free", scopes: ["read", "generate"] },
        ...{ key_id: `k_${user}`, user_id: userId(user) },
      }),
    },
    {
      LIMIT_20: counterOf(FREE),
      LIMIT_300: counterOf(300),
      IMG_FORGE: { ...backend, listImages: async () => ({ ok: true, value: { images: [] } }) } as never, // called alike
    },
  );

  async function send(message: object, headers: Readonly<Record<string, string>>): Promise<Response> {
    const ctx = createExecutionContext();
    const init = {
      method: "POST",
      headers: withAddress({ authorization: `Bearer ${key}`, "content-type": "application/json", ...headers }),
      body: JSON.stringify(message),
    };
    const request = new Request<unknown, IncomingRequestCfProperties>(`${ORIGIN}/mcp`, init);
    const response = await gateway.fetch(request, env, ctx);
    await waitOnExecutionContext(ctx);
    return response;
  }

  let refused: ToolRefusal | undefined;

  function post(method: string, params: Readonly<Record<string, unknown>>, version = "2025-11-25"): Promise<Response> {
    const repeated = { "mcp-method": method, "mcp-name": String(params.taskId) };
    const headers = { "mcp-protocol-version": version, ...(version === "2026-07-28" && repeated) };
    return send({ jsonrpc: "2.0", id: 7, method, params }, headers);
  }

  /** Calls a tool over MCP. Returns the code of its refusal, or "ok". */
  async function callOverMcp(): Promise<string> {
    const response = await post("tools/call", { name: "image_list_models", arguments: {} });
    const { result } = (await response.json()) as { result?: { _meta?: Record<string, { code: string }> } };
    return result?._meta?.["com.stackbilt/error"]?.code ?? (result ? "ok" : `HTTP ${response.status}`);
  }

  /** Calls a tool as a sibling Worker: with the user's key, or as itself. */
  async function callOverRpc(credential?: PresentedCredential, caller = "dashboard"): Promise<string> {
    const props = { caller, scopes: ["read"] };
    const ctx = Object.assign(createExecutionContext(), { props });
    const reply = await new GatewayEntrypoint(ctx, env).callTool("image_list_models", {}, credential && { credential });
    await waitOnExecutionContext(ctx);
    if (!reply.ok) refused = reply.error;
    return reply.ok ? "ok" : reply.error.code;
  }

  const batch = async (messages: object[]): Promise<unknown> => (await send(messages, {})).json();

  return { key, post, batch, callOverMcp, callOverRpc, refusedOverRpc: () => refused, timesAsked: () => asked };
}

/** The calls that pass before the first refusal, and the code of that. */
async function countUntilRefused(call: (at: number) => Promise<string>): Promise<readonly [number, string]> {
  for (let passed = 0; passed <= FREE * 2; passed++) {
    const code = await call(passed);
    if (code !== "ok") return [passed, code];
  }
  throw new Error("No call was refused.");
}

describe("the plan of a user", () => {
  it("admits the same number of calls over MCP, through a sibling Worker, and through both", async () => {
    const [ada, bob, eve] = [newUser(), newUser(), newUser()];
    expect([
      await countUntilRefused(() => ada.callOverMcp()),
      await countUntilRefused(() => bob.callOverRpc({ apiKey: bob.key })),
      await countUntilRefused((at) => (at % 2 === 0 ? eve.callOverMcp() : eve.callOverRpc({ apiKey: eve.key }))),
    ]).toEqual(Array(3).fill([FREE, "rate_limited"]));
  });

  it("is not spent by a sibling Worker that acts as itself, which has its own", async () => {
    const user = newUser();
    expect(await countUntilRefused(() => user.callOverRpc())).toEqual([FREE, "rate_limited"]);
    expect([await user.callOverRpc(undefined, "other"), await user.callOverMcp()]).toEqual(["ok", "ok"]);
  });

  it.each<[string, Record<string, unknown>]>([
    ["resources/read", { uri: "none://of-ours" }],
    ["resources/list", {}],
    [
      "completion/complete",
      { ref: { type: "ref/prompt", name: "illustrate_idea" }, argument: { name: "model", value: "" } },
    ],
    ["initialize", { protocolVersion: "2025-11-25", capabilities: { elicitation: {} } }],
  ])("is spent by %s, which then is 429 with Retry-After", async (method, params) => {
    const user = newUser();
    for (let at = 0; at < FREE; at++) expect((await user.post(method, params)).status, `${at}`).toBe(200);
    const refused = await user.post(method, params);
    expect([refused.status, refused.headers.get("retry-after"), await refused.json()]).toMatchObject([
      429,
      "60",
      { id: 7, error: { code: -32600, data: { retryAfterSeconds: 60 } } },
    ]);
    expect(await user.callOverMcp()).toBe("rate_limited");
  });

  it("is the end of completions, too: no backend is asked beyond it", async () => {
    const user = newUser();
    const ref = { type: "ref/prompt", name: "illustrate_idea" };
    for (let at = 0; at < FREE + 3; at++)
      await user.post("completion/complete", { ref, argument: { name: "model", value: "" } });
    expect(user.timesAsked()).toBe(FREE);
  });

  it.each<[string, Record<string, unknown>]>([
    ["tools/list", {}],
    ["prompts/get", { name: "illustrate_idea", arguments: { idea: "a boat" } }],
    [
      "completion/complete",
      { ref: { type: "ref/prompt", name: "illustrate_idea" }, argument: { name: "quality_tier", value: "" } },
    ],
    ["initialize", { protocolVersion: "2025-11-25", capabilities: {} }],
    ["ping", {}],
  ])("is not spent by %s with %j", async (method, params) => {
    const user = newUser();
    for (let at = 0; at <= FREE; at++) expect((await user.post(method, params)).status).toBe(200);
    expect(await user.callOverMcp()).toBe("ok");
  });

  it.each(["tasks/get", "tasks/cancel"])("is not spent by %s: a client polls until its work ends", async (method) => {
    const user = newUser();
    const extensions = { "io.modelcontextprotocol/tasks": {} };
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": { extensions },
    };
    const ask = () => user.post(method, { taskId: "none", _meta }, "2026-07-28");
    for (let at = 0; at < 300; at++) {
      const { error } = (await (await ask()).json()) as { error: { code: number } };
      if (at === 0) expect(error.code, "no such task").toBe(-32602);
    }
    expect(await user.callOverMcp()).toBe("ok");
    expect((await ask()).status, "the limit of questions").toBe(429);
  });
});

describe("a call beyond the plan", () => {
  it.each(["image_list_models", "no_such_tool"])("of %s is a tool error with the seconds to wait", async (name) => {
    const user = newUser();
    await countUntilRefused(() => user.callOverMcp());
    const refused = await user.post("tools/call", { name, arguments: {} });
    expect([refused.status, await refused.json()]).toMatchObject([
      200,
      {
        id: 7,
        result: {
          isError: true,
          content: [{ type: "text", text: expect.stringContaining("Try again in 60 s.") }],
          _meta: { "com.stackbilt/error": { code: "rate_limited", retryAfterSeconds: 60 } },
        },
      },
    ]);
  });

  it("names the plan's limit, in the same words over both entrances", async () => {
    const user = newUser();
    await countUntilRefused(() => user.callOverRpc({ apiKey: user.key }));
    const overRpc = user.refusedOverRpc();
    const message =
      "Too many requests: the limit is 20 a minute in the plan free, for all clients of the account together, and " +
      "none is left. Try again in 60 s.";
    const limit = { plan: "free", unit: "requests", allowed: FREE, period: "minute", left: 0 };
    expect(overRpc).toMatchObject({ code: "rate_limited", message, retryAfterSeconds: 60, limit });
    expect(Math.abs(Date.parse(overRpc?.limit?.resetsAt ?? "") - Date.now() - 60_000)).toBeLessThan(10_000);
    const overMcp = await user.post("tools/call", { name: "image_list_models", arguments: {} });
    expect(await overMcp.json()).toMatchObject({
      result: {
        content: [{ text: expect.stringContaining(message) }],
        _meta: { "com.stackbilt/error": { message, limit } },
      },
    });
  });

  it("in a batch gets its own tool error, and each member counts", async () => {
    const user = newUser();
    for (let at = 0; at < FREE - 2; at++) await user.callOverMcp();
    const call = (id: number) => ({
      ...{ jsonrpc: "2.0", id, method: "tools/call" },
      params: { name: "image_list_models", arguments: {} },
    });
    const results = (await user.batch([1, 2, 3, 4].map(call))) as { result: { isError?: boolean } }[];
    expect(results.map(({ result }) => result.isError === true)).toEqual([false, false, true, true]);
  });
});
