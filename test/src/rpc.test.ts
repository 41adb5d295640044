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
    expect(await gateway.session().flow_status({ flowId: "f" })).toMatchObject(refused);
    expect(await gateway.session().tools()).toMatchObject(refused);
    const lines = log.mock.calls.flat().join();
    expect(lines).toContain("SERVICE_BINDING_SECRET must be at least 32 bytes long");
    expect(lines).not.toContain("hunter2");
    log.mockRestore();
  });
});

describe("the input of a sibling Worker", () => {
  const propsOf = () => ({ props: { caller: "dashboard", scopes: ["read", "generate"] } });
  const received: unknown[] = [];
  const backend = {
    createFlow: async (_: unknown, input: unknown) => {
      received.push(input);
      return { ok: false, error: { code: "policy_not_allowed" } };
    },
  };
  const env = envWith({}, { STACKBILDER: backend as never }); // called like the binding
  const gateway = () => new GatewayEntrypoint(Object.assign(createExecutionContext(), propsOf()), env);

  it("reaches a backend as well-formed text", async () => {
    const log = quiet();
    await gateway().callTool("flow_create", { policy: {}, projectDescription: "A shop\ud83d for kites." } as never);
    expect(received).toMatchObject([{ projectDescription: "A shop\ufffd for kites." }]);
    log.mockRestore();
  });

  it("is refused if it contains itself, is too deep or too large, with a value and no exception", async () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const deep = JSON.parse(`${"[".repeat(100)}${"]".repeat(100)}`) as unknown;
    for (const policy of [cycle, deep, Array(20_000).fill(0), "x".repeat(2 ** 21)]) {
      const reply = await gateway().callTool("flow_create", { policy } as never);
      expect(reply).toMatchObject({ ok: false, error: { code: "invalid_arguments" } });
    }
  });
});

describe("a session", () => {
  it("that was disposed has no credential left, and returns unauthenticated", async () => {
    const log = quiet();
    const ctx = Object.assign(createExecutionContext(), { props: { caller: "dashboard", scopes: ["read"] } });
    const session = new GatewayEntrypoint(ctx, envWith()).session();
    const narrowed = session.only("flow_status");
    session[Symbol.dispose]();
    const ended = { ok: false, error: { code: "unauthenticated" } };
    expect(await session.flow_status({ flowId: "f" })).toMatchObject(ended);
    expect(await session.tools()).toMatchObject(ended);
    expect(await session.only("flow_status").tools()).toMatchObject(ended);
    expect(await narrowed.tools()).toMatchObject({ ok: true, value: [{ name: "flow_status" }] });
    log.mockRestore();
  });
});

describe("a crash of the gateway", () => {
  it("is a value for a sibling, with the trace id of its log line", async () => {
    const log = quiet();
    const env = envWith();
    Object.defineProperty(env, "API_BASE_URL", {
      get: () => {
        throw new Error("a secret");
      },
    });
    const gateway = new GatewayEntrypoint(createExecutionContext(), env);
    const reply = await gateway.session().image_list_models();
    expect(reply).toMatchObject({ ok: false, error: { code: "internal" } });
    const lines = log.mock.calls.flat().join();
    expect(lines).toContain(reply.ok ? "" : reply.error.traceId);
    expect(lines).not.toContain("a secret");
    log.mockRestore();
  });
});
