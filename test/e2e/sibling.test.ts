// The sibling's door: another Worker of the account calls tools over RPC, as itself or for a user.
import { describe, expect, it } from "vitest";
import type { Wish } from "../support/example-sibling.ts";
import { connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const bound = (binding: string, props: Record<string, unknown>) => ({
  binding,
  service: "stackbilt-mcp-gateway",
  entrypoint: "GatewayEntrypoint",
  props,
});
const system = useSystem({
  also: [
    {
      name: "example-sibling",
      main: "test/support/example-sibling.ts",
      services: [
        bound("GATEWAY", { caller: "charter-web", scopes: ["read", "generate"] }),
        bound("READER", { caller: "charter-web", scopes: ["read"] }),
        bound("NOBODY", { scopes: ["read", "generate"] }),
      ],
    },
  ],
});

interface Reply {
  ok: boolean;
  value: Record<string, unknown>;
  error: { code: string; message: string; traceId: string };
  progress: number[];
}

async function ask(wish: Wish): Promise<Reply> {
  const answer = await system.worker("example-sibling").fetch("/", { method: "POST", body: JSON.stringify(wish) });
  return (await answer.json()) as Reply;
}

/** The audit record of a refused call. */
function recordOf({ error }: Reply): unknown {
  const line = system.logs().find((logged) => logged.includes('"event":"audit"') && logged.includes(error.traceId)) ?? "{}";
  return JSON.parse(line.slice(line.indexOf("{")));
}

describe("a sibling that acts as itself", () => {
  it("gets typed results from the tools", async () => {
    const answer = await system
      .worker("example-sibling")
      .fetch("/", { method: "POST", body: JSON.stringify({ through: "GATEWAY", tool: "design" }) });
    expect(await answer.json()).toMatch(/^# .*library/is);
  });

  it("sees the tools that its binding's scopes permit", async () => {
    const names = (reply: Reply) => (reply.value as unknown as { name: string; inputSchemaJson: string }[]).map(({ name }) => name);
    expect(names(await ask({ through: "GATEWAY" }))).toHaveLength(10);
    expect(names(await ask({ through: "READER" }))).toEqual([
      "flow_governance",
      "flow_quality",
      "flow_status",
      "flow_summary",
      "image_check_job",
      "image_list_models",
    ]);
  });

  it("may not do more than its binding says", async () => {
    const refused = await ask({ through: "READER", tool: "flow_create", input: { policy: {} } });
    expect(refused).toMatchObject({ ok: false, error: { code: "insufficient_scope", traceId: expect.stringMatching(/^[0-9a-f]{32}$/) } });
    expect(await ask({ through: "NOBODY", tool: "image_list_models", input: {} })).toMatchObject({
      ok: false,
      error: { code: "unauthenticated" },
    });
    expect(await ask({ through: "NOBODY" })).toMatchObject({ ok: false, error: { code: "unauthenticated" } });
  });

  it("sees progress, goes on with its own trace, and repeats a request without doing it twice", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const options = { idempotencyKey: crypto.randomUUID(), traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const wish = { through: "GATEWAY", tool: "image_generate", input: { prompt: "a kite", quality_tier: "draft" }, options } as const;
    const [first, second] = [await ask(wish), await ask(wish)];
    expect(first.value.job_id).toBe(second.value.job_id);
    expect(first.progress.length).toBeGreaterThan(0);
    expect(await ask({ ...wish, tool: "flow_status", input: { flowId: "none" } })).toMatchObject({
      error: { code: "flow_not_found", traceId },
    });
  });

  it.each<[string, unknown, string]>([
    ["no_such_tool", {}, "unknown_tool"],
    ["constructor", {}, "unknown_tool"],
    ["flow_create", {}, "invalid_arguments"],
    ["flow_create", "text", "invalid_arguments"],
    ["flow_create", null, "invalid_arguments"],
  ])("calling %s with %j gets the value %s, and nothing is thrown", async (tool, input, code) => {
    expect(await ask({ through: "GATEWAY", tool, input })).toMatchObject({
      ok: false,
      error: { code, message: expect.stringMatching(/\w/) },
    });
  });

  it("is told that options are wrong instead of having them ignored", async () => {
    const wish = { through: "GATEWAY", tool: "image_list_models", input: {}, options: { idempotencyKey: "" } } as const;
    const refused = await ask(wish);
    expect(refused).toMatchObject({ ok: false, error: { code: "invalid_arguments" } });
    expect(recordOf(refused)).toMatchObject({ door: "rpc", subject: "sibling:charter-web", decision: "invalid_arguments" });
  });
});

describe("a sibling that acts for a user", () => {
  it("uses the user's tenant, with no more than both may do", async () => {
    const { client, auth, close } = await connect(system.origin, "modern");
    const accessToken = auth.saved?.access_token ?? "";
    const created = await client.callTool({ name: "flow_create", arguments: { policy: {} } });
    const { flowId } = created.structuredContent as { flowId: string };
    const options = { credential: { accessToken } };
    expect(await ask({ through: "READER", tool: "flow_status", input: { flowId }, options })).toMatchObject({
      ok: true,
      value: { flowId },
    });
    expect(await ask({ through: "READER", tool: "flow_status", input: { flowId } })).toMatchObject({
      ok: false,
      error: { code: "flow_not_found" },
    });
    expect(await ask({ through: "READER", tool: "flow_advance", input: { flowId }, options })).toMatchObject({
      error: { code: "insufficient_scope" },
    });
    expect(await ask({ through: "GATEWAY", tool: "flow_advance", input: { flowId }, options })).toMatchObject({ ok: true });
    await close();
  });

  it("cannot give a user more than the user granted", async () => {
    const { auth, close } = await connect(system.origin, "modern", { generate: false });
    const options = { credential: { accessToken: auth.saved?.access_token ?? "" } };
    expect(await ask({ through: "GATEWAY", tool: "flow_create", input: { policy: {} }, options })).toMatchObject({
      error: { code: "insufficient_scope" },
    });
    await close();
  });

  it.each(["", "nonsense", "a:b:c", "x".repeat(5000), "u1:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"])(
    "is refused with the token %j",
    async (accessToken) => {
      const reply = await ask({ through: "GATEWAY", tool: "image_list_models", input: {}, options: { credential: { accessToken } } });
      expect(reply).toMatchObject({ ok: false, error: { code: "unauthenticated" } });
      expect(recordOf(reply)).toMatchObject({ subject: "sibling:charter-web", decision: "unauthenticated", tool: "image_list_models" });
    },
  );
});
