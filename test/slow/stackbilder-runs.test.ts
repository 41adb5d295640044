// Runs of the Stackbilder reference Worker that race, are interrupted or have ended, and the ends
// of what it stores.
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { stackbilder } from "../../contracts/stackbilder.ts";
import { ROOT, writeAdaptedConfig } from "../../entrypoints/cli/workers.ts";
import { type Backend, type CallOptions, startBackend, unwrap } from "../support/backend.ts";

const DAY_MS = 86_400_000;
const NOT_FOUND = { ok: false, error: { code: "flow_not_found" } };
const BUSY = { ok: false, error: { code: "flow_busy" } };

let backend: Backend<typeof stackbilder>;
beforeAll(async () => {
  const configPath = ".test/moved-flows/wrangler.toml";
  writeAdaptedConfig("stackbilder", path.join(ROOT, configPath), { main: "../../test/support/fakes/moved-flows.ts" });
  const vars = { FAIL_MODE: "UX" };
  backend = await startBackend({ contract: stackbilder, configPath, entrypoint: "StackbilderEntrypoint", vars });
});
afterAll(() => backend?.stop());

const newFlow = async (options: CallOptions = {}) =>
  (await unwrap(backend.call("createFlow", { projectDescription: "A shop for tea." }, options))).flowId;
const status = (flowId: string) => unwrap(backend.call("getFlowStatus", { flowId }));
const advance = (flowId: string, wait = true) => unwrap(backend.call("advanceFlow", { flowId, wait }));
const runOf = (flowId: string, runId = "") => unwrap(backend.call("getFlowRun", { flowId, runId }));
const nameOf = (flowId: string) => flowId.slice(0, 20);
const change = (flowId: string, key: string, changes: object) => backend.invoke("change", nameOf(flowId), key, changes);
const ring = (flowId: string) => backend.invoke("ring", nameOf(flowId));

/** A flow whose mode UX has failed. */
async function failedFlow(): Promise<string> {
  const flowId = await newFlow();
  await advance(flowId);
  expect(await advance(flowId)).toMatchObject({ status: "failed", mode: "UX" });
  return flowId;
}

it("status tells waiting for the next advance from running", async () => {
  const flowId = await newFlow();
  expect((await status(flowId)).status).toBe("draft");
  expect(await advance(flowId, false)).toMatchObject({ status: "running", currentMode: "PRODUCT" });
  expect((await status(flowId)).status).toBe("running");
  await expect.poll(async () => (await status(flowId)).status).toBe("waiting");
  expect(await status(flowId)).toMatchObject({ currentMode: "UX" });
});

it("of ten parallel advances and recoveries, one runs", async () => {
  const flowId = await newFlow();
  const replies = await Promise.all(Array.from({ length: 10 }, () => backend.call("advanceFlow", { flowId })));
  expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
  expect(replies.filter(({ ok }) => !ok)).toEqual(Array(9).fill(BUSY));
  expect((await status(flowId)).progress).toBeCloseTo(1 / 6);
  await advance(flowId);
  const recoveries = await Promise.all(Array.from({ length: 10 }, () => backend.call("recoverFlow", { flowId })));
  expect(recoveries.filter(({ ok }) => ok)).toHaveLength(1);
  expect((await status(flowId)).progress).toBeCloseTo(2 / 6);
});

it("either a cancellation or the end of the run wins, and both callers see the same", async () => {
  const races = [0, 100, 200, 300, 350, 400].map(async (delay) => {
    const flowId = await newFlow();
    const { runId } = await advance(flowId, false);
    await new Promise((resolve) => setTimeout(resolve, delay));
    const cancelled = await unwrap(backend.call("cancelFlow", { flowId, runId }));
    const { state, result } = await runOf(flowId, runId);
    const outcome = { status: cancelled.status, state, progress: Math.round(cancelled.progress * 6) };
    const won = { status: "draft", state: "cancelled", progress: 0 };
    expect([won, { status: "waiting", state: "completed", progress: 1 }]).toContainEqual(outcome);
    expect(result.artifact === null).toBe(state === "cancelled");
    expect(await status(flowId)).toEqual(cancelled);
  });
  await Promise.all(races);
});

it("a cancelled run has no lease after the next advance has one", async () => {
  const flowId = await newFlow();
  const first = await advance(flowId, false);
  await backend.call("cancelFlow", { flowId });
  const second = await advance(flowId);
  expect(second).toMatchObject({ mode: "PRODUCT", status: "waiting" });
  expect((await runOf(flowId, first.runId)).state).toBe("cancelled");
  expect((await runOf(flowId, second.runId)).state).toBe("completed");
  expect((await status(flowId)).progress).toBeCloseTo(1 / 6);
});

it("a cancellation of a run that has ended does not stop the next one", async () => {
  const flowId = await newFlow();
  const first = await advance(flowId);
  await backend.call("recoverFlow", { flowId });
  const second = await advance(flowId, false);
  expect(await unwrap(backend.call("cancelFlow", { flowId, runId: first.runId }))).toMatchObject({ status: "running" });
  await expect.poll(async () => (await runOf(flowId, second.runId)).state).not.toBe("running");
  expect((await runOf(flowId, second.runId)).state).toBe("failed");
});

it("a recovery that is cancelled leaves the flow failed", async () => {
  const flowId = await failedFlow();
  const { runId } = await unwrap(backend.call("recoverFlow", { flowId, wait: false }));
  expect(await unwrap(backend.call("cancelFlow", { flowId }))).toMatchObject({ status: "failed", currentMode: "UX" });
  expect((await runOf(flowId, runId)).state).toBe("cancelled");
  expect(await unwrap(backend.call("recoverFlow", { flowId }))).toMatchObject({ status: "waiting", mode: "UX" });
});

it("a run that has ended keeps its result, whatever the flow does next", async () => {
  const flowId = await newFlow();
  const first = await advance(flowId);
  const failed = await advance(flowId);
  const before = await Promise.all([first, failed].map(({ runId }) => runOf(flowId, runId)));
  expect(before.map(({ state }) => state)).toEqual(["completed", "failed"]);
  expect(before.map(({ result }) => result)).toEqual([first, failed]);
  await backend.call("recoverFlow", { flowId });
  await advance(flowId);
  expect(await Promise.all([first, failed].map(({ runId }) => runOf(flowId, runId)))).toEqual(before);
  expect(await backend.call("getFlowRun", { flowId, runId: "another" })).toEqual(NOT_FOUND);
});

it("a run whose object is evicted in the middle starts again and is completed", async () => {
  const flowId = await newFlow();
  const { runId } = await advance(flowId, false);
  await backend.worker.evictDurableObject("FlowObject", { name: nameOf(flowId) });
  await expect.poll(async () => (await runOf(flowId, runId)).state).toBe("completed");
});

it("a run whose lease has ended is failed and says so, and can be recovered", async () => {
  const flowId = await newFlow();
  const run = { runId: "dead", mode: "PRODUCT", state: "running", attempts: 1, startedAtMs: Date.now() };
  await change(flowId, "run", { ...run, leaseExpiresAtMs: Date.now() - 1 });
  expect(await status(flowId)).toMatchObject({
    status: "failed",
    currentMode: "PRODUCT",
    failureReason: expect.stringContaining("was interrupted"),
  });
  expect((await runOf(flowId, "dead")).state).toBe("failed");
  expect(await unwrap(backend.call("recoverFlow", { flowId }))).toMatchObject({ mode: "PRODUCT", status: "waiting" });
});

it("a run that was started three times is failed with the next alarm", async () => {
  const flowId = await newFlow();
  const run = { runId: "again", mode: "PRODUCT", state: "running", attempts: 3, startedAtMs: Date.now() };
  await change(flowId, "run", { ...run, leaseExpiresAtMs: Date.now() + 60_000 });
  expect(await backend.call("advanceFlow", { flowId })).toEqual(BUSY);
  await ring(flowId);
  expect((await runOf(flowId, "again")).state).toBe("failed");
});

it("a caller that waits gets the running mode before its deadline, and the run continues", async () => {
  const flowId = await newFlow();
  const input = { flowId, wait: true };
  const late = { ...(await backend.context("advanceFlow", input)), deadlineMs: Date.now() + 550 };
  expect(await backend.invoke("advanceFlow", late, input)).toMatchObject({ value: { status: "running" } });
  await expect.poll(async () => (await status(flowId)).status).toBe("waiting");
});

it("a flow is deleted after the retention, and is flow_not_found", async () => {
  const flowId = await newFlow();
  const alarmAt = (await backend.invoke("alarmAt", nameOf(flowId))) as number;
  expect(Math.abs(alarmAt - Date.now() - 90 * DAY_MS)).toBeLessThan(60_000);
  await ring(flowId);
  expect((await status(flowId)).status).toBe("draft");
  await change(flowId, "flow", { createdAt: Math.floor((Date.now() - 91 * DAY_MS) / 1000) });
  for (const method of ["getFlowStatus", "getFlowSummary", "advanceFlow", "recoverFlow", "cancelFlow"] as const)
    expect(await backend.call(method, { flowId }), method).toEqual(NOT_FOUND);
  const storage = await backend.worker.getDurableObjectStorage("FlowObject", { name: nameOf(flowId) });
  await expect.poll(() => storage.exec("SELECT name FROM sqlite_master WHERE name = 'used_tokens'")).toEqual([]);
});

it("calls with one idempotency key run one mode, and have its result, also in parallel and later", async () => {
  const flowId = await newFlow();
  const keyed = (idempotencyKey: string, wait = true) =>
    unwrap(backend.call("advanceFlow", { flowId, wait }, { idempotencyKey }));
  const [first, parallel] = await Promise.all([keyed("k1"), keyed("k1")]);
  expect(first).toMatchObject({ mode: "PRODUCT", status: "waiting" });
  expect(parallel).toEqual(first);
  expect(await keyed("k2")).toMatchObject({ mode: "UX", status: "failed" });
  expect(await keyed("k1", false)).toEqual(first);
  const recover = () => unwrap(backend.call("recoverFlow", { flowId }, { idempotencyKey: "k3" }));
  const recovered = await recover();
  expect(recovered).toMatchObject({ mode: "UX", status: "waiting" });
  expect(await recover()).toEqual(recovered);
  expect((await status(flowId)).progress).toBeCloseTo(2 / 6);
});

it("an idempotency key stands for its flow for a day", async () => {
  const options = { tenant: "tenant-key", idempotencyKey: "k1" };
  const first = await newFlow(options);
  expect(await newFlow(options)).toBe(first);
  const key = "key/tenant/tenant-key\nk1";
  const alarmAt = (await backend.invoke("alarmAt", key)) as number;
  expect(Math.abs(alarmAt - Date.now() - DAY_MS)).toBeLessThan(60_000);
  await backend.invoke("ring", key);
  expect(await newFlow(options)).not.toBe(first);
});

it("listFlows lists no expired flow, and the list deletes it", async () => {
  const tenant = "tenant-expired";
  const list = async () => (await unwrap(backend.call("listFlows", {}, { tenant }))).flows.map((one) => one.flowId);
  const old = await newFlow({ tenant });
  const index = await backend.worker.getDurableObjectStorage("RecentFlows", { name: `tenant/${tenant}` });
  const expired = Math.floor((Date.now() - 91 * DAY_MS) / 1000);
  await index.exec(`UPDATE recent_flows SET created_at = ${expired} WHERE flow_id = '${old}'`);
  expect(await list()).toEqual([]);
  const recent = await newFlow({ tenant });
  expect(await list()).toEqual([recent]);
  await expect.poll(() => index.exec("SELECT flow_id FROM recent_flows")).toEqual([{ flow_id: recent }]);
});
