// Sessions of a sibling Worker: every tool as a method, over a real service binding.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import { auditEventsIn } from "../support/audit-log.ts";
import { type Owner, useIssuer } from "../support/issuer.ts";
import type { OpenSession, SiblingCall } from "../support/sibling-worker.ts";
import { READ_TOOLS, TOOLS } from "../support/tool-names.ts";

const issuer = useIssuer();
const { system } = issuer;

interface Reply {
  ok: boolean;
  value: Record<string, unknown>;
  error: { code: string; message: string; traceId: string };
  progress: number[];
}

async function post<Value>(call: SiblingCall | OpenSession): Promise<Value> {
  const response = await system.worker("sibling").fetch("/", { method: "POST", body: JSON.stringify(call) });
  return (await response.json()) as Value;
}
const send = (call: Omit<SiblingCall, "by">) => post<Reply>({ ...call, by: "session" });

const namesOf = ({ value }: Reply) => (value as unknown as { name: string }[]).map(({ name }) => name);
const draft = { tool: "image_generate", input: { prompt: "a kite", quality_tier: "draft" } } as const;
const recordWith = (id: string) =>
  auditEventsIn(system.logs()).find(({ type, traceId }) => type === "tool.called" && traceId === id);

let owner: Owner;
beforeAll(async () => {
  owner = await issuer.addOwner("free");
});
const newKey = async (...scopes: ("read" | "generate")[]) => (await issuer.createKey(owner, scopes)).key;

describe("a session", () => {
  it("draws a picture with an API key in one expression that awaits once", async () => {
    const options = { credential: { apiKey: await newKey("generate") } };
    const reply = await send({ through: "GATEWAY", ...draft, options });
    expect(reply).toMatchObject({ ok: true, value: { status: "completed", quality_tier: "draft" } });
    expect(reply.progress.length).toBeGreaterThan(0);
  });

  it("acts as the sibling itself without a credential, and lists what its binding permits", async () => {
    expect(namesOf(await send({ through: "GATEWAY" }))).toEqual(TOOLS);
    expect(namesOf(await send({ through: "READER" }))).toEqual(READ_TOOLS);
  });

  it("needs no input for a tool without arguments", async () => {
    expect(await send({ through: "READER", tool: "image_list_models" })).toMatchObject({ ok: true });
  });

  it("returns insufficient_scope from each tool that is not permitted", async () => {
    for (const tool of TOOLS.filter((name) => !READ_TOOLS.includes(name)))
      expect(await send({ through: "READER", tool, input: {} }), tool).toMatchObject({
        ok: false,
        error: { code: "insufficient_scope" },
      });
  });

  it.each<unknown>([{ apiKey: "nonsense" }, { apiKey: "a", jwt: "b" }, { apikey: "misspelt" }, "text", null])(
    "returns unauthenticated from every method with the credential %j",
    async (given) => {
      const options = { credential: given as never }; // as code without types sends it
      for (const tool of TOOLS)
        expect(await send({ through: "GATEWAY", tool, input: {}, options })).toMatchObject({
          ok: false,
          error: { code: "unauthenticated" },
        });
      expect(await send({ through: "GATEWAY", options })).toMatchObject({ error: { code: "unauthenticated" } });
    },
  );

  it("returns unauthenticated through a binding without a name", async () => {
    expect(await send({ through: "UNNAMED", tool: "image_list_models" })).toMatchObject({
      error: { code: "unauthenticated" },
    });
  });

  it("has the narrowed tools only, and never more than it had", async () => {
    const only = ["image_list_models", "flow_create", "constructor", "no_such_tool"];
    expect(namesOf(await send({ through: "GATEWAY", only }))).toEqual(["flow_create", "image_list_models"]);
    expect(namesOf(await send({ through: "READER", only }))).toEqual(["image_list_models"]);
    expect(namesOf(await send({ through: "GATEWAY", only: [] }))).toEqual([]);
    expect(await send({ through: "GATEWAY", only, tool: "image_list_models" })).toMatchObject({ ok: true });
    const refused = await send({ through: "GATEWAY", only, ...draft });
    expect(refused).toMatchObject({ ok: false, error: { code: "unknown_tool" } });
    expect(recordWith(refused.error.traceId)).toMatchObject({ tool: "image_generate", decision: "unknown_tool" });
  });

  it("continues the trace of a call, and repeats a request with the same key without a second effect", async () => {
    const traceId = "1af7651916cd43dd8448eb211c80319c";
    const options = { idempotencyKey: crypto.randomUUID(), traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const call = { through: "GATEWAY", ...draft, options } as const;
    const [first, second] = [await send(call), await send(call)];
    expect(first.value.job_id).toBe(second.value.job_id);
    // The outcome is recorded after the answer.
    await expect
      .poll(() => recordWith(traceId))
      .toMatchObject({ channel: "rpc", tool: "image_generate", outcome: "ok" });
  });

  it.each<object>([{ idempotencyKey: "" }, { idempotency_key: "x" }, { traceparent: 7 }, { apiKey: "sb_live_x" }])(
    "refuses the options %j",
    async (options) => {
      const refused = await send({ through: "GATEWAY", tool: "image_list_models", input: {}, options });
      expect(refused).toMatchObject({ ok: false, error: { code: "invalid_arguments" } });
      expect(recordWith(refused.error.traceId)).toMatchObject({ decision: "invalid_arguments" });
    },
  );
});

describe("values that are no data", () => {
  it.each([
    "function",
    "function in a field",
    "RPC target",
    "RPC target in a field",
    "stream",
    "bytes",
    "date",
    "big integer",
    "map",
    "error",
    "response",
    "list",
    "text",
  ])("are refused as arguments, options and credentials, and nothing is thrown: %s", async (value) => {
    const before = system.logs().length;
    for (const by of ["session", undefined] as const)
      for (const replaces of ["input", "options", "credential"] as const) {
        const call = { through: "GATEWAY", ...(by && { by }), hostile: { replaces, value } } as const;
        const code = replaces === "credential" ? "unauthenticated" : "invalid_arguments";
        const refused = { ok: false, error: { code } };
        expect(await post<Reply>({ ...call, ...draft }), `${by} ${replaces}`).toMatchObject(refused);
        if (replaces === "credential") expect(await post<Reply>(call), `list ${by}`).toMatchObject(refused);
      }
    expect(system.logs().slice(before).join("\n")).not.toMatch(/crashed|exception|error: /i);
  });
});

describe("a session that stays open", () => {
  it("outlives the session that it was narrowed from", async () => {
    const credential = { apiKey: await newKey("generate") };
    const [models, refused] = [
      { tool: "image_list_models", input: {} },
      { tool: "flow_status", input: {} },
    ];
    const session = { through: "GATEWAY", credential, only: ["image_list_models"] } as const;
    expect(await post<Reply[]>({ ...session, steps: [models, refused, models] })).toMatchObject([
      { ok: true },
      { ok: false, error: { code: "unknown_tool" } },
      { ok: true },
    ]);
  });

  it("checks its credential with each call: a revoked key ends at once for tools that cost credits", async () => {
    const { key: apiKey, keyId } = await issuer.createKey(owner, ["generate"]);
    const server = createServer((_, response) => void issuer.revokeKey(owner, keyId).then(() => response.end()));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const awaits = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const steps = [{ tool: "image_list_models", input: {} }, draft, { awaits, ...draft }];
    const replies = await post<Reply[]>({ through: "GATEWAY", credential: { apiKey }, steps });
    server.close();
    expect(replies).toMatchObject([{ ok: true }, { ok: true }, { ok: false, error: { code: "unauthenticated" } }]);
    expect(recordWith(replies[2]?.error.traceId ?? "")).toMatchObject({ decision: "unauthenticated" });
  });
});
