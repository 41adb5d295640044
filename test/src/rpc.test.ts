// The RPC entrypoint without usable settings: a sibling gets a refusal, never a throw.
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { GatewayEntrypoint } from "../../entrypoints/gateway/rpc.ts";
import { envWith, quiet } from "./oauth/browser.ts";

describe("a gateway with unusable settings", () => {
  it("refuses calls and lists as unavailable, and logs the setting without its value", async () => {
    const log = quiet();
    const ctx = createExecutionContext();
    const env = envWith({}, { SERVICE_BINDING_SECRET: "hunter2" });
    const gateway = new GatewayEntrypoint(ctx, env);
    const refused = { ok: false, error: { code: "unavailable", traceId: expect.stringMatching(/^[0-9a-f]{32}$/) } };
    expect(await gateway.callTool("flow_status", { flowId: "f" })).toMatchObject(refused);
    expect(await gateway.listTools()).toMatchObject(refused);
    const lines = log.mock.calls.flat().join();
    expect(lines).toContain("SERVICE_BINDING_SECRET must be at least 32 bytes long");
    expect(lines).not.toContain("hunter2");
    log.mockRestore();
  });
});
