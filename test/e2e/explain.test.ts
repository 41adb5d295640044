// Explanations: what would become of a call, compared with what becomes of it, through both
// entrances. An explanation leaves no trace: no charge, no reservation, no record, no intent.

import * as v from "valibot";
import { beforeAll, describe, expect, it } from "vitest";
import { Explanation } from "../../contracts/gateway.ts";
import { auditEventsIn } from "../support/audit-log.ts";
import { type Owner, useIssuer } from "../support/issuer.ts";
import { connect } from "../support/mcp-clients.ts";
import { type McpRequestOptions, postRequest } from "../support/mcp-requests.ts";
import type { SiblingCall } from "../support/sibling-worker.ts";

const EXPLAIN = "com.stackbilt/explain";
const issuer = useIssuer({
  vars: {
    gateway: { CONFIRM_RISKS: "LOCAL_MUTATION" },
    auth: { CREDIT_ALLOWANCES: "free:6,hobby:65,pro:580,enterprise:2320" },
  },
});
const { system } = issuer;

type Fields = Readonly<Record<string, unknown>>;
interface Request {
  readonly tool: string;
  readonly input: Fields;
  readonly apiKey: string;
}
/** `refusal`: of the call, or of the request for an explanation. An HTTP error has a code only. */
type Reply = { readonly value: unknown } | { readonly refusal: Fields };

const STATUS_CODES: Readonly<Record<number, string>> = {
  401: "unauthenticated",
  402: "payment_required",
  403: "insufficient_scope",
  503: "unavailable",
};

async function overMcp(method: string, request: Request, options: McpRequestOptions = {}): Promise<Reply> {
  const params = { name: request.tool, arguments: request.input };
  const response = await postRequest(system, request.apiKey, { method, params }, options);
  const code = STATUS_CODES[response.status];
  if (code) return { refusal: { code } };
  const { result, error } = (await response.json()) as {
    result: Fields & { structuredContent?: Fields; isError?: true; _meta?: Record<string, Fields> };
    error?: { code: number; message: string };
  };
  if (error) return { refusal: { code: error.code === -32602 ? "unknown_tool" : error.code, message: error.message } };
  const refused = result._meta?.["com.stackbilt/error"];
  return refused ? { refusal: refused } : { value: result.structuredContent ?? result };
}

async function overRpc(request: Request, more: Partial<SiblingCall>): Promise<Reply> {
  const { tool, input, apiKey } = request;
  const call: SiblingCall = { through: "GATEWAY", tool, input, options: { credential: { apiKey } }, ...more };
  const response = await system.worker("sibling").fetch("/", { method: "POST", body: JSON.stringify(call) });
  const reply = (await response.json()) as { value?: Fields; error?: Fields };
  return reply.error ? { refusal: reply.error } : { value: reply.value };
}

interface Entrance {
  explain(request: Request): Promise<Reply>;
  call(request: Request): Promise<Reply>;
}
const ENTRANCES: Readonly<Record<string, Entrance>> = {
  mcp: {
    explain: (request) => overMcp(EXPLAIN, request),
    call: (request) => overMcp("tools/call", request),
  },
  rpc: {
    explain: (request) => overRpc(request, { isExplained: true }),
    call: (request) => overRpc(request, {}),
  },
  session: {
    explain: (request) => overRpc(request, { by: "session", isExplained: true }),
    call: (request) => overRpc(request, { by: "session" }),
  },
};

/** The users of one entrance. A plan has few calls a minute. */
interface Users {
  readonly owner: Owner;
  /** Has no credits left. */
  readonly spender: Owner;
}
const users: Record<string, Users> = {};
beforeAll(async () => {
  for (const entrance of Object.keys(ENTRANCES)) {
    const [owner, spender] = [await issuer.addOwner("free"), await issuer.addOwner("free")];
    users[entrance] = { owner, spender };
    const apiKey = await keyOf(spender, ALL);
    for (let drawn = 0; drawn < 6; drawn++) await ENTRANCES.rpc?.call({ ...DRAW, apiKey });
  }
});

function usersOf(entrance: string): Users {
  const own = users[entrance];
  if (!own) throw new Error(`There is no entrance ${entrance}.`);
  return own;
}

const ALL = ["read", "generate"] as const;
const keys = new Map<string, string>();
/** A key of the user with these rights; `use` tells keys with the same rights apart. */
async function keyOf(
  who: Owner,
  scopes: readonly ("read" | "generate")[],
  environment?: "test",
  use = "",
): Promise<string> {
  const id = [who.userId, scopes.join(), environment, use].join();
  const known = keys.get(id) ?? (await issuer.createKey(who, scopes, environment)).key;
  keys.set(id, known);
  return known;
}
const ledger = ({ tenantId }: Owner) =>
  system.worker("auth").getDurableObjectStorage("LedgerObject", { name: tenantId });
/** Caches the credential: only the check before a paid call sees what changes afterwards. */
async function warm(apiKey: string): Promise<string> {
  for (const { call } of [ENTRANCES.mcp, ENTRANCES.rpc] as Entrance[])
    await call({ tool: "image_list_models", input: {}, apiKey });
  return apiKey;
}
const run = async (sql: string, ...values: string[]) =>
  (await issuer.db())
    .prepare(sql)
    .bind(...values)
    .run();

interface Case {
  readonly tool: string;
  readonly input: Fields;
  /** The code of explanation and call; absent if both succeed. */
  readonly code?: string;
  readonly expected?: object;
  /** Makes a key: one for the explanation, one for the call. Default: all scopes of `owner`. */
  readonly apiKey?: (users: Users, use: "explain" | "call") => Promise<string>;
  /** Brings the cause about, after the keys are made, and takes it away. */
  readonly begin?: (users: Users) => Promise<unknown>;
  readonly end?: (users: Users) => Promise<unknown>;
  /** Entrances without this case. */
  readonly without?: readonly string[];
}

const DRAW = { tool: "image_generate", input: { prompt: "a kite", quality_tier: "draft" } };
const FREE = { risk: "READ_ONLY", scope: "read", credits: 0, balance: null, wouldAsk: false };
const PAID = { risk: "EXTERNAL_MUTATION", scope: "generate", credits: 1, wouldAsk: false, deadlineMs: 60_000 };
const CASES: Readonly<Record<string, Case>> = {
  "a free call": { tool: "image_list_models", input: {}, expected: { ...FREE, isAllowed: true, deadlineMs: 10_000 } },
  "a call that costs credits": {
    ...DRAW,
    expected: { ...PAID, isAllowed: true, balance: { tier: "free", allowance: 6 } },
  },
  // A session has no method of another name.
  "an unknown tool": { tool: "image_delete", input: { job_id: "x" }, code: "unknown_tool", without: ["session"] },
  "a key without the scope": { ...DRAW, code: "insufficient_scope", apiKey: ({ owner }) => keyOf(owner, ["read"]) },
  "a test key": { ...DRAW, code: "test_key_not_allowed", apiKey: ({ owner }) => keyOf(owner, ALL, "test") },
  "arguments that do not fit": {
    ...{ tool: "image_generate", input: { prompt: 7, colour: "red" }, code: "invalid_arguments" },
    expected: { credits: null, balance: null },
  },
  "a quality tier of a larger plan": {
    ...{ tool: "image_generate", input: { prompt: "a", quality_tier: "ultra" }, code: "tier_not_in_plan" },
    expected: { ...PAID, credits: 5, balance: null },
  },
  "a call that must be confirmed, where the user cannot be asked": {
    ...{ tool: "flow_create", input: { projectDescription: "A kiosk" }, code: "confirmation_required" },
    expected: { risk: "LOCAL_MUTATION", credits: 0, wouldAsk: false },
  },
  "credits that are used up": {
    ...DRAW,
    code: "quota_exceeded",
    expected: { ...PAID, balance: { committed: 6, available: 0, resetsAt: expect.any(Number) } },
    apiKey: ({ spender }) => keyOf(spender, ALL),
  },
  "a ledger that fails": {
    ...DRAW,
    code: "unavailable",
    expected: { ...PAID, balance: null },
    begin: async ({ owner }) => (await ledger(owner)).exec("ALTER TABLE reservations RENAME TO reservations_away"),
    end: async ({ owner }) => (await ledger(owner)).exec("ALTER TABLE reservations_away RENAME TO reservations"),
  },
  "an account with an unpaid bill": {
    ...DRAW,
    code: "payment_required",
    expected: { ...PAID, balance: null },
    apiKey: async ({ owner }, use) => warm(await keyOf(owner, ALL, undefined, use)),
    begin: ({ owner }) => run("UPDATE tenants SET is_delinquent = 1 WHERE id = ?", owner.tenantId),
    end: ({ owner }) => run("UPDATE tenants SET is_delinquent = 0 WHERE id = ?", owner.tenantId),
  },
};

const PAIRS = Object.entries(CASES).flatMap(([name, { without = [] }]) =>
  Object.keys(ENTRANCES).flatMap((entrance) => (without.includes(entrance) ? [] : [[name, entrance] as const])),
);

/** Everything that a call of these users leaves behind. */
async function leftBehind({ owner, spender }: Users): Promise<unknown> {
  const counts = await Promise.all(
    [owner, spender].map(async (who) => (await ledger(who)).exec("SELECT count(*) AS n FROM reservations")),
  );
  const records = auditEventsIn(system.logs()).filter(({ type }) => type.startsWith("tool."));
  return [counts, records.length];
}

describe("an explanation", () => {
  it.each(PAIRS)("agrees with the call, and leaves nothing behind: %s, over %s", async (name, entrance) => {
    const { tool, input, code, expected = {}, begin, end } = CASES[name] as Case;
    const { explain, call } = ENTRANCES[entrance] as Entrance;
    const own = usersOf(entrance);
    const { apiKey = ({ owner }: Users) => keyOf(owner, ALL) } = CASES[name] as Case;
    const [first, second] = [await apiKey(own, "explain"), await apiKey(own, "call")];
    await explain({ ...DRAW, apiKey: await keyOf(own.owner, ALL) }); // makes the ledger
    await begin?.(own);
    const before = code === "unavailable" ? null : await leftBehind(own);
    const explained = await explain({ tool, input, apiKey: first });
    if (before) expect(await leftBehind(own)).toEqual(before);
    const called = await call({ tool, input, apiKey: second });
    await end?.(own);
    if ("refusal" in explained) {
      expect([explained, called]).toMatchObject([{ refusal: { code } }, { refusal: { code } }]);
      expect(explained.refusal.message).toEqual("refusal" in called && called.refusal.message);
      return;
    }
    const explanation = v.parse(Explanation, explained.value);
    expect(explanation).toMatchObject({ isAllowed: code === undefined, ...expected });
    expect(explanation.refusal?.code).toBe(code);
    expect("value" in called).toBe(explanation.isAllowed);
    if (!("refusal" in called)) return;
    // An HTTP error has its own words.
    const { message = explanation.refusal?.message, limit = explanation.refusal?.limit } = called.refusal;
    const { refusal } = explanation;
    expect([called.refusal.code, message, limit]).toEqual([code, refusal?.message, refusal?.limit]);
  });

  it("says what is left and until when, where the credits do not suffice", async () => {
    const explained = await ENTRANCES.rpc?.explain({ ...DRAW, apiKey: await keyOf(usersOf("rpc").spender, ALL) });
    const { refusal, balance } = v.parse(Explanation, explained && "value" in explained && explained.value);
    const resetsAt = new Date((balance?.resetsAt ?? 0) * 1000).toISOString();
    expect(refusal?.message).toContain("costs 1 credit, and 0 of 6 credits a month in the plan free are left");
    expect(refusal?.message).toContain(resetsAt);
    expect(refusal?.limit).toEqual({ plan: "free", unit: "credits", allowed: 6, period: "month", left: 0, resetsAt });
    expect(refusal?.retryAfterSeconds).toBeGreaterThan(0);
  });

  it("says if the user would be asked, to a client that can show the question", async () => {
    const apiKey = await keyOf(usersOf("rpc").owner, ALL);
    const forms = { revision: "2026-07-28", capabilities: { elicitation: {} } };
    const create = { tool: "flow_create", input: { projectDescription: "A kiosk" }, apiKey };
    const explained = await overMcp(EXPLAIN, create, forms);
    expect(explained).toMatchObject({ value: { isAllowed: true, wouldAsk: true, resultType: "complete" } });
    expect(await overMcp("tools/call", create, forms)).toMatchObject({ value: { resultType: "input_required" } });
  });

  it.each(["modern", "legacy"] as const)("reaches an official client that sends its method: %s", async (mode) => {
    const { client, close } = await connect(system.origin, mode);
    expect(client.getServerCapabilities()?.extensions).toHaveProperty([EXPLAIN], {});
    const request = { method: EXPLAIN, params: { name: DRAW.tool, arguments: DRAW.input } };
    expect(await client.request(request, Explanation)).toMatchObject({ isAllowed: true, credits: 1 });
    await close();
  });

  it.each([
    ["params.name is the tool's name", { arguments: {} }],
    ["params.arguments is a JSON object", { name: "image_generate", arguments: 7 }],
  ])("of malformed params is an error: %s", async (message, params) => {
    const response = await postRequest(system, await keyOf(usersOf("rpc").owner, ALL), { method: EXPLAIN, params });
    const { error } = (await response.json()) as { error: { code: number; message: string } };
    expect([error.code, error.message]).toEqual([-32602, expect.stringContaining(message)]);
  });
});
