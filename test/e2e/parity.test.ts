// Parity of the entrances: each tool and each refusal through MCP, `callTool` and a session, with
// the same key. Result, refusal and audit record are equal but for what names the entrance.
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { GatewayCode } from "../../contracts/gateway.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import type { AuditEvent } from "../../src/audit/event.ts";
import { auditEventsIn } from "../support/audit-log.ts";
import { EVENTUALLY } from "../support/eventually.ts";
import { type Owner, useIssuer } from "../support/issuer.ts";
import { postRequest } from "../support/mcp-requests.ts";
import type { SiblingCall } from "../support/sibling-worker.ts";
import { TOOLS } from "../support/tool-names.ts";

const CALLER = "charter-web";
const issuer = useIssuer();
const { system } = issuer;

type Fields = Readonly<Record<string, unknown>>;

interface Call {
  readonly tool: string;
  readonly input: Fields;
  readonly apiKey: string;
  readonly traceparent: string;
}

/** The value of a call, or its refusal. An HTTP or JSON-RPC error has a code only. */
type Reply = { readonly value: Fields } | { readonly error: Fields };

/** The status of a credential that is refused before the tool is known, as a code. */
const STATUS_CODES: Readonly<Record<number, GatewayCode>> = {
  401: "unauthenticated",
  402: "payment_required",
  403: "insufficient_scope",
  503: "unavailable",
};
const INVALID_PARAMS = -32602;

async function callOverMcp({ tool, input, apiKey, traceparent }: Call): Promise<Reply> {
  const params = { name: tool, arguments: input, _meta: { traceparent } };
  const response = await postRequest(system, apiKey, { method: "tools/call", params });
  const code = STATUS_CODES[response.status];
  if (code) return { error: { code } };
  const { result, error } = (await response.json()) as {
    result?: { structuredContent?: Fields; _meta?: Record<string, Fields> };
    error?: { code: number };
  };
  if (error?.code === INVALID_PARAMS) return { error: { code: "unknown_tool" } };
  return result?.structuredContent
    ? { value: result.structuredContent }
    : { error: result?._meta?.["com.stackbilt/error"] ?? {} };
}

async function callOverRpc({ tool, input, apiKey, traceparent }: Call, by?: "session"): Promise<Reply> {
  const options = { credential: { apiKey }, traceparent };
  const call: SiblingCall = { through: "GATEWAY", ...(by && { by }), tool, input, options };
  const response = await system.worker("sibling").fetch("/", { method: "POST", body: JSON.stringify(call) });
  return (await response.json()) as Reply;
}

const ENTRANCES: Readonly<Record<string, (call: Call) => Promise<Reply>>> = {
  mcp: callOverMcp,
  callTool: (call) => callOverRpc(call),
  session: (call) => callOverRpc(call, "session"),
};

/** The result of one entrance, without what names the entrance or changes with each call. */
interface Outcome {
  readonly reply: unknown;
  /** Empty where the entrance writes none. */
  readonly records: readonly Fields[];
}

/** Fields that differ for each call, or name the entrance. A new field of a record is compared. */
const CHANGING = ["event", "at", "traceId", "durationMs", "channel"];

async function outcomeOf(entrance: string, call: Omit<Call, "traceparent">, isRecorded = true) {
  const traceId = crypto.randomUUID().replaceAll("-", "");
  const reply = await ENTRANCES[entrance]?.({ ...call, traceparent: `00-${traceId}-b7ad6b7169203331-01` });
  const { progress: _, ok: __, ...shown } = { progress: 0, ok: true, ...reply };
  const records = isRecorded ? await recordsOf(traceId) : [];
  const outcome: Outcome = { reply: withoutIds(shown), records: withoutIds(records) as readonly Fields[] };
  return { outcome, value: reply && "value" in reply ? reply.value : {} };
}

/** The records of one call, which end with that of its outcome. */
async function recordsOf(id: string): Promise<readonly Fields[]> {
  const records = await vi.waitFor(() => {
    const found = auditEventsIn(system.logs()).filter(({ traceId }) => traceId === id);
    expect(found.map(({ type }) => type).filter((type) => type === "tool.called")).toHaveLength(1);
    return found;
  }, EVENTUALLY);
  return records.map(comparable);
}

function comparable(record: AuditEvent): Fields {
  const { clientId, ...fields } = Object.fromEntries(
    Object.entries(record).filter(([name]) => !CHANGING.includes(name)),
  );
  return { ...fields, clientId: String(clientId).replace(`sibling:${CALLER}/`, "") };
}

/** The value with placeholders for ids, times and estimates of time. */
function withoutIds(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "(uuid)")
    .replaceAll(/\b[0-9a-f]{32}\b/g, "(trace)")
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "(time)")
    .replaceAll(/\b[0-9a-hjkmnp-tv-z]{26}\b/g, "(flow id)")
    .replaceAll(/"estimatedRemainingSeconds":[\d.]+/g, '"estimatedRemainingSeconds":"(seconds)"');
  return JSON.parse(text) as unknown;
}

let owner: Owner;
let live = "";
beforeAll(async () => {
  owner = await issuer.addOwner("enterprise");
  live = (await issuer.createKey(owner, ["read", "generate"])).key;
});

/** Calls in order. Inputs may name a value of an earlier result: `$flowId`, `$job_id`. */
const STEPS: readonly (readonly [tool: string, input: Fields, result: string])[] = [
  ["flow_create", { projectDescription: "A kiosk for kites" }, "ok"],
  ["flow_status", { flowId: "$flowId" }, "ok"],
  ["flow_recover", { flowId: "$flowId" }, "flow_not_failed"],
  ["flow_advance", { flowId: "$flowId" }, "ok"],
  ["flow_advance", { flowId: "$flowId" }, "ok"],
  ["flow_advance", { flowId: "$flowId" }, "ok"],
  ["flow_recover", { flowId: "$flowId" }, "ok"],
  ["flow_summary", { flowId: "$flowId" }, "ok"],
  ["flow_quality", { flowId: "$flowId" }, "ok"],
  ["flow_governance", { flowId: "$flowId" }, "ok"],
  ["flow_status", { flowId: "none" }, "flow_not_found"],
  ["image_list_models", {}, "ok"],
  ["image_generate", { prompt: "a kite", quality_tier: "draft" }, "ok"],
  ["image_generate", { prompt: "a kite", model: "no-such-model" }, "model_unknown"],
  ["image_check_job", { job_id: "$job_id" }, "ok"],
  ["image_check_job", { job_id: crypto.randomUUID() }, "job_not_found"],
];

/** Runs every step through one entrance. */
async function runSteps(entrance: string): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let ids: Fields = {};
  for (const [tool, input] of STEPS) {
    const filled = JSON.stringify(input).replaceAll(/\$(\w+)/g, (_, name: string) => String(ids[name]));
    const { outcome, value } = await outcomeOf(entrance, { tool, input: JSON.parse(filled) as Fields, apiKey: live });
    ids = { ...ids, ...value };
    outcomes.push(outcome);
  }
  return outcomes;
}

describe("every tool", () => {
  it("has the same result, refusal and audit record through MCP, callTool and a session", async () => {
    const used = new Set(STEPS.filter(([, , result]) => result === "ok").map(([tool]) => tool));
    expect([...used].toSorted(), "every tool has a step that succeeds").toEqual(TOOLS);
    const mcp = await runSteps("mcp");
    STEPS.forEach(([tool, , result], at) => {
      expect(mcp[at]?.records.at(-1), `step ${at}`).toMatchObject({ tool, decision: "allowed", outcome: result });
    });
    expect(await runSteps("callTool")).toEqual(mcp);
    expect(await runSteps("session")).toEqual(mcp);
  });
});

interface RefusedCall {
  readonly tool: string;
  readonly input: Fields;
  /** Makes the key of the call, and the cause of the refusal. Default: a key with all scopes. */
  readonly apiKey?: () => Promise<string>;
  /** Removes the cause. */
  readonly end?: () => Promise<unknown>;
  /** Entrances that have no such refusal, or no record of it. */
  readonly without?: readonly string[];
  /** `true` if the wire has a status or an error of its own for it, and /mcp then no record. */
  readonly isRefusedByHttp?: boolean;
}

/** True if the refusal came as a tool error, with a sentence, and not as an error of the wire. */
const isToolError = (outcome: Outcome | undefined) => JSON.stringify(outcome?.reply).includes('"message"');
const run = async (sql: string) => (await issuer.db()).prepare(sql).run();
const newKey = async (...rights: Parameters<typeof issuer.createKey> extends [unknown, ...infer R] ? R : never) =>
  (await issuer.createKey(owner, ...rights)).key;
const list = { tool: "image_list_models", input: {} };
const draw = { tool: "image_generate", input: { prompt: "a kite", quality_tier: "draft" } };

/** Each refusal of the gateway, and a call that gets it. */
const REFUSED = {
  unauthenticated: { ...list, apiKey: async () => `sb_live_${"x".repeat(43)}`, isRefusedByHttp: true },
  insufficient_scope: { ...draw, apiKey: () => newKey(["read"]) },
  test_key_not_allowed: { ...draw, apiKey: () => newKey(["read", "generate"], "test") },
  // A session has no method of another name.
  unknown_tool: { tool: "image_delete", input: { job_id: "x" }, without: ["session"] },
  invalid_arguments: { tool: "flow_create", input: { projectDescription: 7, colour: "red" } },
  payment_required: {
    ...list,
    apiKey: async () => {
      await run("UPDATE tenants SET is_delinquent = 1");
      return newKey(["read"]);
    },
    end: () => run("UPDATE tenants SET is_delinquent = 0"),
    isRefusedByHttp: true,
  },
  unavailable: {
    ...list,
    apiKey: async () => {
      const key = await newKey(["read"]);
      await run("ALTER TABLE tenants RENAME TO tenants_away");
      return key;
    },
    end: () => run("ALTER TABLE tenants_away RENAME TO tenants"),
    isRefusedByHttp: true,
  },
} as const satisfies Partial<Record<GatewayCode, RefusedCall>>;

/** The others, with the test that shows them. A new code needs a row here or above. */
const SHOWN_ELSEWHERE: Readonly<Record<Exclude<GatewayCode, keyof typeof REFUSED>, string>> = {
  rate_limited: "test/src/metering.test.ts",
  confirmation_required: "test/e2e/confirmation.test.ts",
  declined: "test/e2e/confirmation.test.ts", // over MCP only: a sibling cannot ask the user
  internal: "test/src/rpc.test.ts",
  quota_exceeded: "test/e2e/credits.test.ts",
  idempotency_conflict: "test/e2e/credits.test.ts",
  audit_unavailable: "test/src/pipeline/governed-call.test.ts",
};

describe("a refusal", () => {
  it.each(Object.entries<RefusedCall>(REFUSED))("is the same through every entrance: %s", async (code, refused) => {
    const { tool, input, isRefusedByHttp = false, without = [], end } = refused;
    const apiKey = refused.apiKey ? await refused.apiKey() : live;
    const outcomes: Record<string, Outcome> = {};
    for (const entrance of Object.keys(ENTRANCES).filter((name) => !without.includes(name))) {
      const isRecorded = !(isRefusedByHttp && entrance === "mcp");
      outcomes[entrance] = (await outcomeOf(entrance, { tool, input, apiKey }, isRecorded)).outcome;
    }
    await end?.();
    const { mcp, callTool, session } = outcomes;
    for (const outcome of Object.values(outcomes)) expect(outcome.reply).toMatchObject({ error: { code } });
    // The name of a tool that does not exist is the client's own text.
    const shown = code === "unknown_tool" ? `<${tool.length} characters>` : tool;
    expect(callTool?.records).toMatchObject([{ tool: shown, outcome: code }]);
    if (!isRefusedByHttp) expect(mcp?.records).toEqual(callTool?.records);
    if (isToolError(mcp)) expect(mcp).toEqual(callTool);
    if (session) expect(session).toEqual(callTool);
  });

  it.each(Object.entries(SHOWN_ELSEWHERE))("has a test: %s in %s", (code, file) => {
    expect(readFileSync(path.join(ROOT, file), "utf8")).toContain(`"${code}"`);
  });
});
