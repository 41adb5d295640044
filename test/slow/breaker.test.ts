// A backend that fails again and again is not called for some seconds, and a call that only reads
// is made again if its binding failed. Real Workers, real RPC.
import { expect, it } from "vitest";
import { connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const HEALTH_TOKEN = "a health token of 32 characters!";
const system = useSystem({
  secrets: { gateway: { HEALTH_TOKEN } },
  replacements: { stackbilder: "test/support/bad-backend.ts" },
});

const linesWith = (text: string) => system.logs().filter((line) => line.includes(text));

it("a backend that fails five times in a row is not called for 10 seconds, and then served again", async () => {
  const { client, close } = await connect(system.origin, "modern");
  const status = (flowId: string) => client.callTool({ name: "flow_status", arguments: { flowId } });
  const codes = [];
  for (let n = 0; n < 5; n++) codes.push((await status("crashed"))._meta?.["com.stackbilt/error"]);
  expect(codes).toMatchObject(Array(5).fill({ code: "internal" }));

  const paused = await status("logs-everything");
  expect(paused).toMatchObject({
    isError: true,
    _meta: { "com.stackbilt/error": { code: "unavailable", retryAfterSeconds: 10 } },
  });
  expect(linesWith('"test":"everything"')).toEqual([]);
  expect(await client.callTool({ name: "image_list_models", arguments: {} })).toMatchObject({
    structuredContent: { models: expect.any(Array) },
  });
  const headers = { authorization: `Bearer ${HEALTH_TOKEN}` };
  const health = (await (await system.fetch("/health?deep=1", { headers })).json()) as { backends: object };
  expect(health.backends, "asked all the same: it has no such method").toMatchObject({
    STACKBILDER: { isReachable: true, isDescribed: false },
    IMG_FORGE: { isReachable: true, isDescribed: true },
  });

  await new Promise((resolve) => setTimeout(resolve, 10_000));
  expect(await status("logs-everything")).toMatchObject({ structuredContent: { flowId: "f" } });
  expect(linesWith('"test":"everything"')).toHaveLength(1);
  expect(linesWith('"event":"backend.breaker_opened","backend":"STACKBILDER"')).toHaveLength(1);
  expect(linesWith('"event":"backend.breaker_closed","backend":"STACKBILDER"')).toHaveLength(1);
  await close();
});

it("a call whose binding failed is made again if it only reads, and otherwise not", async () => {
  const { client, close } = await connect(system.origin, "modern");
  const attempts = async (name: string, args: Record<string, string>) => {
    const { _meta = {} } = await client.callTool({ name, arguments: args });
    const { code, traceId } = _meta["com.stackbilt/error"] as { code: string; traceId: string };
    expect(code).toBe("unavailable");
    return linesWith(traceId).filter((line) => line.includes('"event":"rpc.fault","fault":"rejected"')).length;
  };
  expect(await attempts("flow_status", { flowId: "throws-a-secret" })).toBe(2);
  expect(await attempts("flow_create", { projectDescription: "A kiosk" })).toBe(1);
  await close();
});
