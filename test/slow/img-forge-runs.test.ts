// Runs of the img-forge reference Worker that are interrupted, stopped or late, and the ends of
// what it stores.
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { imgForge } from "../../contracts/img-forge.ts";
import { ROOT, writeAdaptedConfig } from "../../entrypoints/cli/workers.ts";
import { type Backend, type CallOptions, startBackend, unwrap } from "../support/backend.ts";

const DAY_MS = 86_400_000;
const NOT_FOUND = { ok: false, error: { code: "job_not_found" } };

let backend: Backend<typeof imgForge>;
beforeAll(async () => {
  const configPath = ".test/moved-images/wrangler.toml";
  writeAdaptedConfig("img-forge", path.join(ROOT, configPath), { main: "../../test/support/fakes/moved-images.ts" });
  backend = await startBackend({ contract: imgForge, configPath, entrypoint: "ImgForgeEntrypoint" });
});
afterAll(() => backend?.stop());

const generate = (input: object = {}, options: CallOptions = {}) =>
  unwrap(
    backend.call(
      "generateImage",
      { prompt: "hills", quality_tier: "draft", model: "procedural", wait: true, ...input },
      options,
    ),
  );
const check = (job_id: string) => unwrap(backend.call("checkJob", { job_id }));
const change = (job_id: string, changes: object) => backend.invoke("change", `job/${job_id}`, changes);
const ring = (job_id: string) => backend.invoke("ring", `job/${job_id}`);

/** True if R2 has the bytes of this job. */
async function hasBytes(job_id: string): Promise<boolean> {
  const { IMAGES } = (await backend.worker.getEnv()) as { IMAGES: R2Bucket };
  return (await IMAGES.head(`images/${job_id}.png`)) !== null;
}

it("the bytes of a picture that is stopped while it is stored leave R2", async () => {
  const job = await generate({ prompt: "hills, stopped" });
  expect(job).toMatchObject({ status: "cancelled", url: null, size_bytes: null });
  await expect.poll(() => hasBytes(job.job_id)).toBe(false);
  expect(await check(job.job_id)).toEqual(job);
});

it("bytes that a lost run has stored leave R2 with the next alarm", async () => {
  const { job_id } = await generate();
  expect(await hasBytes(job_id)).toBe(true);
  await change(job_id, { status: "cancelled" });
  await ring(job_id);
  expect(await hasBytes(job_id)).toBe(false);
});

it("either a job is completed and has its bytes, or it is cancelled and has none", async () => {
  const delays = [0, 50, 150, 250, 350, 450, 600];
  const jobs = await Promise.all(
    delays.map(async (delay) => {
      const { job_id } = await generate({ wait: false });
      await new Promise((resolve) => setTimeout(resolve, delay));
      return unwrap(backend.call("cancelJob", { job_id }));
    }),
  );
  for (const job of jobs) {
    expect(["completed", "cancelled"]).toContain(job.status);
    await expect.poll(() => hasBytes(job.job_id)).toBe(job.status === "completed");
    expect(await check(job.job_id)).toEqual(job);
  }
});

it("a job whose lease has ended is failed and says so", async () => {
  const { job_id } = await generate();
  await change(job_id, { status: "running", attempts: 1, leaseExpiresAtMs: Date.now() - 1 });
  expect(await check(job_id)).toMatchObject({
    status: "failed",
    url: null,
    failure_reason: expect.stringContaining("was interrupted"),
  });
  await expect.poll(() => hasBytes(job_id)).toBe(false);
});

it("a job whose run was started three times is failed with the next alarm", async () => {
  const { job_id } = await generate();
  await change(job_id, { status: "running", attempts: 3, leaseExpiresAtMs: Date.now() + 60_000 });
  await ring(job_id);
  expect(await check(job_id)).toMatchObject({
    status: "failed",
    failure_reason: expect.stringContaining("was interrupted"),
  });
});

it("a job whose object is evicted in the middle is drawn again and completed", async () => {
  const { job_id } = await generate({ quality_tier: "ultra", wait: false });
  await expect.poll(async () => (await check(job_id)).status).toBe("running");
  await backend.worker.evictDurableObject("JobObject", { name: `job/${job_id}` });
  await expect.poll(async () => (await check(job_id)).status).toBe("completed");
  expect(await hasBytes(job_id)).toBe(true);
});

it("a caller that waits gets the running job before its deadline, and the job continues", async () => {
  const input = { prompt: "hills", quality_tier: "ultra", model: "procedural", wait: true };
  const context = await backend.context("generateImage", input);
  const late = { ...context, deadlineMs: Date.now() + 600 };
  const reply = (await backend.invoke("generateImage", late, input)) as { value: { job_id: string; status: string } };
  expect(["queued", "running"]).toContain(reply.value.status);
  await expect.poll(async () => (await check(reply.value.job_id)).status).toBe("completed");
});

it("a model that does not respond fails the job before the call ends", async () => {
  expect(await generate({ model: "sdxl" })).toMatchObject({
    status: "failed",
    failure_reason: expect.stringContaining("did not respond in time"),
  });
});

it("a job and its picture are deleted after the retention, and are job_not_found", async () => {
  const { job_id, url } = await generate();
  await change(job_id, { endedAtMs: Date.now() - 91 * DAY_MS });
  for (const method of ["checkJob", "cancelJob", "readImage"] as const)
    expect(await backend.call(method, { job_id }), method).toEqual(NOT_FOUND);
  await expect.poll(() => hasBytes(job_id)).toBe(false);
  expect((await backend.fetch(new URL(url ?? "").pathname)).status).toBe(404);
  const storage = await backend.worker.getDurableObjectStorage("JobObject", { name: `job/${job_id}` });
  await expect.poll(() => storage.exec("SELECT name FROM sqlite_master WHERE name = 'used_tokens'")).toEqual([]);
});

it("a finished job sets its alarm for the end of its retention", async () => {
  const { job_id } = await generate();
  const alarmAt = (await backend.invoke("alarmAt", `job/${job_id}`)) as number;
  expect(Math.abs(alarmAt - Date.now() - 90 * DAY_MS)).toBeLessThan(60_000);
  await ring(job_id);
  expect(await check(job_id)).toMatchObject({ status: "completed" });
});

it("an idempotency key stands for its job for a day", async () => {
  const options = { tenant: "tenant-key", idempotencyKey: "k1" };
  const first = await generate({}, options);
  expect((await generate({}, options)).job_id).toBe(first.job_id);
  const key = "key/tenant/tenant-key\nk1";
  const alarmAt = (await backend.invoke("alarmAt", key)) as number;
  expect(Math.abs(alarmAt - Date.now() - DAY_MS)).toBeLessThan(60_000);
  await backend.invoke("ring", key);
  expect((await generate({}, options)).job_id).not.toBe(first.job_id);
});

it("listImages lists no expired picture, and the list deletes it", async () => {
  const tenant = "tenant-expired";
  const list = async () => (await unwrap(backend.call("listImages", {}, { tenant }))).images.map((one) => one.job_id);
  const old = await generate({}, { tenant });
  const index = await backend.worker.getDurableObjectStorage("RecentImages", { name: `tenant/${tenant}` });
  const expired = Math.floor((Date.now() - 91 * DAY_MS) / 1000);
  await index.exec(`UPDATE recent_images SET completed_at = ${expired} WHERE job_id = '${old.job_id}'`);
  expect(await list()).toEqual([]);
  const recent = await generate({}, { tenant });
  expect(await list()).toEqual([recent.job_id]);
  await expect.poll(() => index.exec("SELECT job_id FROM recent_images")).toEqual([{ job_id: recent.job_id }]);
});
