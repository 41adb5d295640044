// The Stackbilder reference Worker, over real RPC, with identity tokens signed as the gateway signs
// them. Invalid tokens are in captured-calls.test.ts.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MODES, stackbilder } from "../../contracts/stackbilder.ts";
import { ROOT, writeAdaptedConfig } from "../../entrypoints/cli/workers.ts";
import { type Backend, type CallOptions, startBackends, unwrap } from "../support/backend.ts";

const DOG_WALKS = {
  projectDescription:
    "A booking platform for dog walkers. Owners can book a walk in under 2 minutes, pay by card and follow it on a live map. It must work offline in parks.",
  taskKeywords: ["Stripe", "maps"],
};

const ONE_WORD = { projectDescription: "Kiosk" };

const CONFIG = {
  contract: stackbilder,
  configPath: "entrypoints/stackbilder/wrangler.toml",
  entrypoint: "StackbilderEntrypoint",
} as const;

type Stackbilder = Backend<typeof stackbilder>;
let backend: Stackbilder;
/** With flows that fail in UX, with older ids, with a list that hangs, and without a list. */
let [failing, older, hanging, listless] = [] as unknown as [Stackbilder, Stackbilder, Stackbilder, Stackbilder];
beforeAll(async () => {
  const withMain = (name: string) => {
    const configPath = `.test/${name}/wrangler.toml`;
    writeAdaptedConfig("stackbilder", path.join(ROOT, configPath), { main: `../../test/support/fakes/${name}.ts` });
    return { ...CONFIG, configPath };
  };
  [backend, failing, older, hanging, listless] = await startBackends(
    CONFIG,
    { ...CONFIG, vars: { FAIL_MODE: "UX" } },
    withMain("older-flows"),
    withMain("hanging-flows"),
    { ...CONFIG, fakes: { RECENT_FLOWS: "test/support/fakes/workers-ai.ts" } },
  );
});
afterAll(() => backend?.stop());

async function newFlow(input: object = DOG_WALKS, options: CallOptions = {}): Promise<string> {
  return (await unwrap(backend.call("createFlow", input, options))).flowId;
}

async function advanceAll(flowId: string) {
  const steps = [];
  for (const _ of MODES) steps.push(await unwrap(backend.call("advanceFlow", { flowId })));
  return steps;
}

async function finishedSummary(flowId: string, from = backend) {
  for (;;) {
    const summary = await unwrap(from.call("getFlowSummary", { flowId }));
    if (!summary.modes.some(({ status }) => status === "running")) return summary;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

it.concurrent("a flow starts as a draft and is completed after six modes", async () => {
  const flow = await unwrap(backend.call("createFlow", DOG_WALKS));
  expect(flow).toMatchObject({ status: "draft", currentMode: "PRODUCT", progress: 0 });
  expect(flow.estimatedRemainingSeconds).toBeGreaterThan(0);
  const { flowId } = flow;
  const steps = await advanceAll(flowId);
  expect(steps.map(({ mode }) => mode)).toEqual(MODES);
  expect(steps.map(({ status }) => status)).toEqual([
    "waiting",
    "waiting",
    "waiting",
    "waiting",
    "waiting",
    "completed",
  ]);
  expect(steps.map(({ currentMode }) => currentMode)).toEqual(["UX", "RISK", "ARCHITECT", "TDD", "SPRINT", null]);
  const summary = await unwrap(backend.call("getFlowSummary", { flowId }));
  expect(summary).toMatchObject({ status: "completed", progress: 1, estimatedRemainingSeconds: 0, projectId: null });
  expect(summary.artifacts).toEqual(steps.map(({ artifact }) => artifact));
  expect(summary.totalTokens).toBe(summary.artifacts.reduce((sum, { tokens }) => sum + tokens, 0));
  expect(summary.quality).toBe(steps[5]?.quality?.fused);
  expect(await backend.call("advanceFlow", { flowId })).toEqual({ ok: false, error: { code: "flow_completed" } });
});

it.concurrent("artifacts mention the subjects of the brief, and later ones cite the earlier ones", async () => {
  const steps = await advanceAll(await newFlow());
  const [product, ux, risk, architect, tdd, sprint] = steps.map(({ artifact }) => artifact?.markdown ?? "");
  for (const markdown of [product, ux, risk, architect, tdd, sprint]) expect(markdown).toMatch(/walk/i);
  for (const markdown of [product, ux, risk, architect, tdd, sprint]) expect(markdown).toContain("Stripe");
  expect(product).toContain("Dog walkers");
  expect(ux).toContain("(G1)");
  expect(risk).toMatch(/\| R1 \|.*J\d/);
  expect(architect).toMatch(/\| D1 \|.*R1/);
  expect(tdd).toMatch(/\| T1 \| G1 \|/);
  expect(sprint).toMatch(/\| S\d \|.*T1/);
});

it.concurrent("equal briefs give equal artifacts in another flow, another brief gives other artifacts", async () => {
  const [one, two, other] = await Promise.all([newFlow(), newFlow(), newFlow({ ...DOG_WALKS, projectId: "walkies" })]);
  const [a, b, c] = await Promise.all([advanceAll(one), advanceAll(two), advanceAll(other)]);
  expect(b.map(({ artifact, quality }) => [artifact, quality])).toEqual(
    a.map(({ artifact, quality }) => [artifact, quality]),
  );
  expect(c.map(({ artifact }) => artifact?.markdown)).not.toEqual(a.map(({ artifact }) => artifact?.markdown));
  const seeds = await Promise.all(
    [one, two, other].map((flowId) => unwrap(backend.call("getFlowGovernance", { flowId }))),
  );
  expect(seeds[1]?.determinism).toEqual(seeds[0]?.determinism);
  expect(seeds[2]?.determinism.seed).not.toBe(seeds[0]?.determinism.seed);
});

it.concurrent("a description in another script is analysed as well", async () => {
  const flowId = await newFlow({
    projectDescription: "犬の散歩代行サービス。飼い主は予約し、カードで支払い、散歩を地図で確認できる。",
  });
  const { artifact, quality } = await unwrap(backend.call("advanceFlow", { flowId }));
  expect(artifact?.markdown).toContain("| G3 | カードで支払い |");
  expect(quality?.local).toBeGreaterThan(50);
});

it.concurrent("a flow of one word completes all modes, with low scores", async () => {
  const [first] = await advanceAll(await newFlow(ONE_WORD));
  expect(first?.quality?.local).toBeLessThan(30);
});

it.concurrent("fused scores also weigh the earlier modes", async () => {
  const flowId = await newFlow();
  await advanceAll(flowId);
  const { modes, minQuality } = await unwrap(backend.call("getFlowQuality", { flowId }));
  expect(minQuality).toBe(0);
  expect(modes.map(({ mode }) => mode)).toEqual(MODES);
  for (const [index, { local, fused }] of modes.entries()) {
    const before = modes[index - 1]?.fused ?? local;
    expect(fused).toBeCloseTo(0.6 * local + 0.4 * before, 0);
  }
});

it.concurrent("advanceFlow reports progress from 0 to 100", async () => {
  const flowId = await newFlow();
  const seen: number[] = [];
  await backend.call("advanceFlow", { flowId }, { progress: ({ progress }) => seen.push(progress) });
  expect(seen).toEqual([0, 20, 40, 60, 80, 100]);
});

it.concurrent("of two parallel advances, one runs and the other is flow_busy", async () => {
  const flowId = await newFlow();
  const replies = await Promise.all([backend.call("advanceFlow", { flowId }), backend.call("advanceFlow", { flowId })]);
  expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
  expect(replies).toContainEqual({ ok: false, error: { code: "flow_busy" } });
  expect((await unwrap(backend.call("getFlowStatus", { flowId }))).progress).toBeCloseTo(1 / 6);
});

it.concurrent("a mode that no caller waits for runs in the background", async () => {
  const flowId = await newFlow();
  const started = await unwrap(backend.call("advanceFlow", { flowId, wait: false }));
  expect(started).toMatchObject({
    status: "running",
    mode: "PRODUCT",
    currentMode: "PRODUCT",
    artifact: null,
    quality: null,
  });
  expect(await backend.call("advanceFlow", { flowId })).toEqual({ ok: false, error: { code: "flow_busy" } });
  const summary = await finishedSummary(flowId);
  expect(summary).toMatchObject({ status: "waiting", currentMode: "UX" });
  expect(summary.artifacts).toHaveLength(1);
});

it.concurrent("a mode whose caller replies 'cancel' stops, and the flow can be advanced again", async () => {
  const flowId = await newFlow();
  const seen: number[] = [];
  const stopped = await unwrap(
    backend.call("advanceFlow", { flowId }, { cancelAt: 40, progress: ({ progress }) => seen.push(progress) }),
  );
  expect(stopped).toMatchObject({ status: "draft", mode: "PRODUCT", currentMode: "PRODUCT", artifact: null });
  expect(seen).toEqual([0, 20, 40]);
  expect(await unwrap(backend.call("advanceFlow", { flowId }))).toMatchObject({ mode: "PRODUCT", currentMode: "UX" });
});

it.concurrent("cancelFlow stops a mode that a caller waits for, and one in the background", async () => {
  const flowId = await newFlow();
  const started = Promise.withResolvers<void>();
  const waiting = backend.call("advanceFlow", { flowId }, { progress: () => started.resolve() });
  await started.promise;
  expect(await unwrap(backend.call("cancelFlow", { flowId }))).toMatchObject({ status: "draft", progress: 0 });
  expect(await unwrap(waiting)).toMatchObject({ mode: "PRODUCT", artifact: null });
  await backend.call("advanceFlow", { flowId, wait: false });
  expect(await unwrap(backend.call("cancelFlow", { flowId }))).toMatchObject({ status: "draft" });
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await unwrap(backend.call("getFlowStatus", { flowId }))).toMatchObject({ status: "draft", progress: 0 });
  expect(await unwrap(backend.call("cancelFlow", { flowId }))).toMatchObject({ status: "draft" });
  expect(await unwrap(backend.call("advanceFlow", { flowId }))).toMatchObject({ mode: "PRODUCT", status: "waiting" });
});

it.concurrent("the mode of FAIL_MODE fails once, and recoverFlow resumes there", async () => {
  const { flowId } = await unwrap(failing.call("createFlow", DOG_WALKS));
  expect(await failing.call("recoverFlow", { flowId })).toEqual({ ok: false, error: { code: "flow_not_failed" } });
  await failing.call("advanceFlow", { flowId });
  const failed = await unwrap(failing.call("advanceFlow", { flowId }));
  expect(failed).toMatchObject({ status: "failed", mode: "UX", currentMode: "UX", artifact: null, quality: null });
  expect(failed.failureReason).toBe("UX failed. flow_recover runs it again.");
  expect(await failing.call("advanceFlow", { flowId })).toEqual({ ok: false, error: { code: "flow_failed" } });
  expect((await unwrap(failing.call("getFlowSummary", { flowId }))).modes[1]).toEqual({
    mode: "UX",
    status: "failed",
    tokens: 0,
    quality: null,
  });
  const seen: number[] = [];
  const recovered = await unwrap(
    failing.call("recoverFlow", { flowId }, { progress: ({ progress }) => seen.push(progress) }),
  );
  expect(recovered).toMatchObject({ status: "waiting", mode: "UX", currentMode: "RISK" });
  expect(recovered.artifact?.markdown).toContain("## Revision 1");
  expect(seen.at(-1)).toBe(100);
});

it.concurrent("a failed mode can run again in the background", async () => {
  const { flowId } = await unwrap(failing.call("createFlow", DOG_WALKS));
  expect(await failing.call("recoverFlow", { flowId, wait: false })).toEqual({
    ok: false,
    error: { code: "flow_not_failed" },
  });
  for (const _ of ["PRODUCT", "UX"]) await failing.call("advanceFlow", { flowId });
  const started = await unwrap(failing.call("recoverFlow", { flowId, wait: false }));
  expect(started).toMatchObject({
    status: "running",
    mode: "UX",
    currentMode: "UX",
    artifact: null,
    quality: null,
  });
  expect(await failing.call("recoverFlow", { flowId, wait: false })).toEqual({
    ok: false,
    error: { code: "flow_busy" },
  });
  expect(await finishedSummary(flowId, failing)).toMatchObject({ status: "waiting", currentMode: "RISK" });
});

it.concurrent("a mode below minQuality fails, and each recovery adds detail until it passes", async () => {
  const plain = await advanceAll(await newFlow());
  const risk = plain[2];
  const minQuality = (risk?.quality?.fused ?? 0) + 1;
  const flowId = await newFlow({ ...DOG_WALKS, policy: { minQuality } });
  let last = await unwrap(backend.call("advanceFlow", { flowId }));
  for (let call = 0; call < 20 && last.currentMode !== "ARCHITECT"; call += 1) {
    last = await unwrap(backend.call(last.status === "failed" ? "recoverFlow" : "advanceFlow", { flowId }));
  }
  expect(last.mode).toBe("RISK");
  expect(last.quality?.fused).toBeGreaterThanOrEqual(minQuality);
  expect(last.artifact?.tokens).toBeGreaterThan(risk?.artifact?.tokens ?? 0);
});

it.concurrent("a flow with an unreachable minQuality stays failed and can be recovered repeatedly", async () => {
  const flowId = await newFlow({ ...ONE_WORD, policy: { minQuality: 100 } });
  const failed = await unwrap(backend.call("advanceFlow", { flowId }));
  expect(failed).toMatchObject({ status: "failed" });
  expect(failed.failureReason).toMatch(
    /^PRODUCT has a fused score of \d+(\.\d)?, and policy\.minQuality requires 100\. .*projectDescription/,
  );
  expect((await unwrap(backend.call("getFlowStatus", { flowId }))).failureReason).toBe(failed.failureReason);
  for (const _ of [1, 2])
    expect(await unwrap(backend.call("recoverFlow", { flowId }))).toMatchObject({ status: "failed", mode: "PRODUCT" });
});

it("an exploratory flow of the free plan is capped to balanced, with the reason", async () => {
  const input = { ...DOG_WALKS, policy: { profile: "exploratory" } };
  const [free, pro] = [await newFlow(input, { tier: "free" }), await newFlow(input, { tier: "pro" })];
  expect(await unwrap(backend.call("getFlowGovernance", { flowId: free }))).toMatchObject({
    requestedProfile: "exploratory",
    effectiveMode: "balanced",
    isCapped: true,
    capReason: "The exploratory profile is not part of the free plan.",
    determinism: { profile: "bounded", isReproducible: true },
  });
  expect(await unwrap(backend.call("getFlowGovernance", { flowId: pro }))).toMatchObject({
    effectiveMode: "exploratory",
    isCapped: false,
    capReason: null,
    determinism: { profile: "open", isReproducible: true },
  });
});

it("one idempotency key creates one flow per tenant", async () => {
  const [a, again, other] = await Promise.all([
    newFlow(DOG_WALKS, { idempotencyKey: "k1" }),
    newFlow(DOG_WALKS, { idempotencyKey: "k1" }),
    newFlow(DOG_WALKS, { idempotencyKey: "k1", tenant: "tenant-b" }),
  ]);
  expect(again).toBe(a);
  expect(other).not.toBe(a);
  await backend.call("advanceFlow", { flowId: a });
  expect(await unwrap(backend.call("createFlow", DOG_WALKS, { idempotencyKey: "k1" }))).toMatchObject({
    flowId: a,
    currentMode: "UX",
  });
});

it("a flow's id has 26 letters and digits, and flows with an id of 64 hexadecimal digits go on", async () => {
  expect(await newFlow()).toMatch(/^[0-9a-z]{26}$/);
  const { flowId } = await unwrap(older.call("createFlow", DOG_WALKS));
  expect(flowId).toMatch(/^[0-9a-f]{64}$/);
  expect(await unwrap(older.call("advanceFlow", { flowId }))).toMatchObject({ flowId, mode: "PRODUCT" });
  expect(await unwrap(older.call("getFlowSummary", { flowId }))).toMatchObject({ flowId, status: "waiting" });
});

it("a flow of another tenant is flow_not_found in every method", async () => {
  const flowId = await newFlow();
  const {
    createFlow: _c,
    listFlows: _l,
    describe: _d,
    eraseTenant: _e,
    exportTenant: _x,
    ...others
  } = stackbilder.methods;
  const methods = Object.keys(others) as (keyof typeof others)[]; // the names of its own fields
  for (const method of methods) {
    expect(
      await backend.call(method, method === "getFlowRun" ? { flowId, runId: "r1" } : { flowId }, {
        tenant: "tenant-b",
      }),
    ).toEqual({
      ok: false,
      error: { code: "flow_not_found" },
    });
  }
  expect(await unwrap(backend.call("getFlowStatus", { flowId }))).toMatchObject({ status: "draft" });
});

const flowsOf = async (options: CallOptions = {}, from = backend) =>
  (await unwrap(from.call("listFlows", {}, options))).flows;
const idsOf = async (options: CallOptions) => (await flowsOf(options)).map(({ flowId }) => flowId);

it("listFlows lists an owner's latest flows once, newest first, with project and creation time", async () => {
  const tenant = "tenant-list";
  expect(await flowsOf({ tenant })).toEqual([]);
  const startedAt = Math.floor(Date.now() / 1000);
  const first = await newFlow({ ...ONE_WORD, projectId: "walkies" }, { tenant, idempotencyKey: "k1" });
  const second = await newFlow(DOG_WALKS, { tenant });
  const flows = await flowsOf({ tenant });
  expect(flows.map(({ flowId, projectId }) => [flowId, projectId])).toEqual([
    [second, null],
    [first, "walkies"],
  ]);
  for (const { createdAt } of flows) {
    expect(createdAt).toBeGreaterThanOrEqual(startedAt);
    expect(createdAt).toBeLessThanOrEqual(Date.now() / 1000);
  }
  await Promise.all([1, 2].map(() => newFlow({ ...ONE_WORD, projectId: "other" }, { tenant, idempotencyKey: "k1" })));
  expect(await flowsOf({ tenant })).toEqual(flows);
});

it("listFlows lists no flows of another owner: another tenant, a tenant of test keys, a caller without a tenant", async () => {
  const tenants = ["tenant-own", "tenant-foreign", "test:tenant-own"];
  const owners: CallOptions[] = [
    ...tenants.map((tenant) => ({ tenant })),
    { identity: { subject: "tenant-own", tenantId: null } },
  ];
  const created: string[] = [];
  for (const owner of owners) {
    expect(await idsOf(owner)).toEqual([]);
    created.push(await newFlow(ONE_WORD, owner));
  }
  expect(await Promise.all(owners.map(idsOf))).toEqual(created.map((flowId) => [flowId]));
  const colleague = { tenant: "tenant-own", identity: { subject: "colleague" } };
  expect(await idsOf(colleague)).toEqual([created[0]]);
});

it("listFlows lists fifty flows and stores a hundred, and does not add a dropped one again as the newest", async () => {
  const tenant = "tenant-many";
  const oldest = await newFlow(ONE_WORD, { tenant, idempotencyKey: "oldest" });
  const index = await backend.worker.getDurableObjectStorage("RecentFlows", { name: `tenant/${tenant}` });
  await index.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
    INSERT INTO recent_flows SELECT 'later_' || i, NULL, 4000000000 + i FROM n`);
  await newFlow(ONE_WORD, { tenant });
  const stored = (await index.exec("SELECT flow_id FROM recent_flows ORDER BY created_at DESC")).map(
    (row) => Object.values(row)[0],
  );
  const later = (count: number) => Array.from({ length: count }, (_, at) => `later_${120 - at}`);
  expect(stored).toEqual(later(100));
  expect(await idsOf({ tenant })).toEqual(later(50));
  expect(await newFlow(ONE_WORD, { tenant, idempotencyKey: "oldest" })).toBe(oldest);
  expect(await index.exec(`SELECT flow_id FROM recent_flows WHERE flow_id = '${oldest}'`)).toEqual([]);
});

it("a list that hangs does not fail the flow, and is logged", async () => {
  const { flowId } = await unwrap(hanging.call("createFlow", { projectDescription: "hunter2" }));
  expect(await unwrap(hanging.call("getFlowStatus", { flowId }))).toMatchObject({ flowId, status: "draft" });
  const lines = hanging.harness.getLogs().filter(({ message }) => message.includes("flow.unlisted"));
  expect(lines).toHaveLength(1);
  expect(lines[0]?.message).toContain(flowId);
  expect(lines[0]?.message).not.toContain("hunter2");
});

it("a flow whose id cannot be noted for its owner is not created, so that erasure finds every one", async () => {
  const input = { projectDescription: "A kiosk" };
  expect(await listless.call("createFlow", input)).toEqual({ ok: false, error: { code: "internal" } });
  expect(await listless.worker.listDurableObjectIds("FlowObject")).toEqual([]);
});

it("an unknown flow id is refused and creates no storage", async () => {
  const before = await backend.worker.listDurableObjectIds("FlowObject");
  for (const flowId of ["nope", "0".repeat(26), "0".repeat(64), "f".repeat(64)]) {
    expect(await backend.call("getFlowStatus", { flowId })).toEqual({ ok: false, error: { code: "flow_not_found" } });
    expect(await backend.call("advanceFlow", { flowId })).toEqual({ ok: false, error: { code: "flow_not_found" } });
  }
  expect(await backend.worker.listDurableObjectIds("FlowObject")).toEqual(before);
});

it("input that does not fit the contract is invalid_input", async () => {
  for (const input of [
    {},
    { ...ONE_WORD, invented: 1 },
    { ...ONE_WORD, policy: { minQuality: 101 } },
    { ...ONE_WORD, policy: { failMode: "RISK" } },
    { ...ONE_WORD, projectId: " " },
    { projectDescription: " \n " },
    { projectDescription: "😀".repeat(2001) },
    null,
  ]) {
    expect(await backend.call("createFlow", input)).toEqual({ ok: false, error: { code: "invalid_input" } });
  }
  expect(await backend.call("getFlowStatus", { flowId: "../x" })).toEqual({
    ok: false,
    error: { code: "invalid_input" },
  });
});

it("the Worker has exactly these exports, and only the methods of the contract can be called", async () => {
  const source = await readFile(path.join(import.meta.dirname, "../../entrypoints/stackbilder/worker.ts"), "utf8");
  const exported = source.match(/^export (?!interface|type)[^\n]*/gm);
  expect(exported).toEqual([
    'export { FlowObject } from "./flow-object.ts";',
    'export { RecentFlows } from "./recent-flows.ts";',
    "export class StackbilderEntrypoint extends WorkerEntrypoint<Env> implements StackbilderContract {",
    "export default {",
  ]);
  for (const name of [
    "flow",
    "#flow",
    "newFlow",
    "incoming",
    "ownerOf",
    "env",
    "ctx",
    "constructor",
    "alarm",
    "fetch",
  ]) {
    await expect(backend.invoke(name, {}, {}), name).rejects.toThrow();
  }
  expect((await backend.fetch("/")).status).toBe(404);
});
