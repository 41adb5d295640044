// The img-forge reference Worker, over real RPC and HTTP, with identity tokens signed as the
// gateway signs them. Invalid tokens are in captured-calls.test.ts.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GenerateImage, imgForge, QUALITY_TIERS } from "../../contracts/img-forge.ts";
import { ROOT, writeAdaptedConfig } from "../../entrypoints/cli/workers.ts";
import { type Backend, type CallOptions, startBackends, unwrap } from "../support/backend.ts";
import { decodePng } from "../support/decode-png.ts";

const CONFIG = {
  contract: imgForge,
  configPath: "entrypoints/img-forge/wrangler.toml",
  entrypoint: "ImgForgeEntrypoint",
} as const;
const SIZES = { draft: 256, standard: 512, premium: 768, ultra: 1024, ultra_plus: 1280 };
/** The largest picture that the gateway returns inline, in bytes. */
const INLINE_LIMIT = 768 * 1024;

type ImgForge = Backend<typeof imgForge>;
let backend: ImgForge;
/** With a list that hangs, without a list, without a store of pictures, and with Workers AI. */
let [hanging, listless, storeless, withAi] = [] as unknown as [ImgForge, ImgForge, ImgForge, ImgForge];
beforeAll(async () => {
  const configPath = ".test/hanging-images/wrangler.toml";
  writeAdaptedConfig("img-forge", path.join(ROOT, configPath), { main: "../../test/support/fakes/hanging-images.ts" });
  const fake = "test/support/fakes/workers-ai.ts";
  [backend, hanging, listless, storeless, withAi] = await startBackends(
    { ...CONFIG, vars: { IMAGE_BASE_URL: "https://images.example" } },
    { ...CONFIG, configPath },
    { ...CONFIG, fakes: { RECENT_IMAGES: fake } },
    { ...CONFIG, fakes: { IMAGES: fake } },
    { ...CONFIG, fakes: { AI: fake } },
  );
});
afterAll(() => backend?.stop());

const generate = (input: object, options: CallOptions = {}) =>
  unwrap(backend.call("generateImage", { quality_tier: "draft", ...input }, options));

/** The file's bytes from `readImage`. */
async function bytesOf(jobId: string, from = backend): Promise<Uint8Array> {
  const { body } = await unwrap(from.call("readImage", { job_id: jobId }));
  return body as unknown as Uint8Array; // test/support/backend.ts has read the stream.
}

async function finishedJob(jobId: string) {
  for (;;) {
    const job = await unwrap(backend.call("checkJob", { job_id: jobId }));
    if (job.status !== "queued" && job.status !== "running") return job;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

it("a picture is a valid PNG, stored and served at its URL", async () => {
  const job = await generate({ prompt: "sunset over the sea", quality_tier: "standard" });
  expect(job).toMatchObject({
    status: "completed",
    model: "procedural",
    model_title: "Procedural drawing",
    quality_tier: "standard",
    width: 512,
    height: 512,
  });
  expect(job.url).toBe(`https://images.example/images/${job.job_id}.png`);
  const file = await bytesOf(job.job_id);
  expect(file.length).toBe(job.size_bytes);
  expect(file.length).toBeLessThan(INLINE_LIMIT);
  const { width, height, rows } = decodePng(file);
  expect([width, height, rows.length]).toEqual([512, 512, 512 * (1 + 512 * 3)]);
  const response = await backend.fetch(`/images/${job.job_id}.png`);
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "image/png",
    "cache-control": "public, max-age=2592000, immutable",
    "x-content-type-options": "nosniff",
  });
  expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(file))).toBe(true);
  const etag = response.headers.get("etag") ?? "";
  expect((await backend.fetch(`/images/${job.job_id}.png`, { headers: { "if-none-match": etag } })).status).toBe(304);
  const head = await backend.fetch(`/images/${job.job_id}.png`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

it("every other path is 404, and every other method 405", async () => {
  const paths = [
    "/",
    "/images/",
    "/images/x.png",
    `/images/${randomUUID()}.png`,
    `/images/${randomUUID()}`,
    `/images/..%2f${randomUUID()}.png`,
  ];
  for (const path of paths) expect((await backend.fetch(path)).status, path).toBe(404);
  expect((await backend.fetch(`/images/${randomUUID()}.png`, { method: "DELETE" })).status).toBe(405);
});

it("each tier has its own picture size", async () => {
  for (const quality_tier of QUALITY_TIERS) {
    const job = await generate({ prompt: "a forest at night", quality_tier });
    const { width, height } = decodePng(await bytesOf(job.job_id));
    expect([width, height]).toEqual([SIZES[quality_tier], SIZES[quality_tier]]);
    expect([job.width, job.height]).toEqual([width, height]);
  }
});

it("equal prompts give equal pictures; another prompt or negative prompt gives another picture", async () => {
  const jobs = await Promise.all([
    generate({ prompt: "東京の夜" }),
    generate({ prompt: "東京の夜" }, { tenant: "tenant-b" }),
    generate({ prompt: "東京の朝" }),
    generate({ prompt: "東京の夜", negative_prompt: "moon" }),
  ]);
  const [a, b, c, d] = await Promise.all([
    bytesOf(jobs[0].job_id),
    unwrap(backend.call("readImage", { job_id: jobs[1].job_id }, { tenant: "tenant-b" })).then(
      ({ body }) => body as unknown as Uint8Array,
    ),
    bytesOf(jobs[2].job_id),
    bytesOf(jobs[3].job_id),
  ]);
  expect(Buffer.from(a).equals(Buffer.from(b))).toBe(true);
  expect(Buffer.from(a).equals(Buffer.from(c))).toBe(false);
  expect(Buffer.from(a).equals(Buffer.from(d))).toBe(false);
  expect(jobs[0].enhanced_prompt).toMatch(/^東京の夜, (deep indigo|teal) night, layered depth, soft gradients$/);
});

it("generateImage reports progress from 0 to 100", async () => {
  const seen: number[] = [];
  await generate({ prompt: "hills" }, { progress: ({ progress }) => seen.push(progress) });
  expect([seen[0], seen.at(-1)]).toEqual([0, 100]);
  expect(seen.length).toBeGreaterThan(4);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(new Set(seen).size).toBe(seen.length);
});

it("a job whose caller replies 'cancel' is cancelled and has no picture", async () => {
  const job = await generate({ prompt: "hills" }, { cancelAt: 15 });
  expect(job).toMatchObject({ status: "cancelled", url: null, size_bytes: null });
  expect(await backend.call("readImage", { job_id: job.job_id })).toEqual({
    ok: false,
    error: { code: "job_not_completed" },
  });
  expect((await backend.fetch(`/images/${job.job_id}.png`)).status).toBe(404);
});

it("a job that no caller waits for is drawn in the background", async () => {
  const job = await generate({ prompt: "hills", wait: false });
  expect(job).toMatchObject({ status: "queued", url: null, size_bytes: null });
  const done = await finishedJob(job.job_id);
  expect(done).toMatchObject({ status: "completed", enhanced_prompt: job.enhanced_prompt });
  decodePng(await bytesOf(job.job_id));
});

it("cancelJob cancels an unfinished job and does not change a finished one", async () => {
  const job = await generate({ prompt: "hills", quality_tier: "ultra", wait: false });
  expect(await unwrap(backend.call("cancelJob", { job_id: job.job_id }))).toMatchObject({ status: "cancelled" });
  await new Promise((resolve) => setTimeout(resolve, 800));
  expect(await unwrap(backend.call("checkJob", { job_id: job.job_id }))).toMatchObject({
    status: "cancelled",
    url: null,
  });
  expect((await backend.fetch(`/images/${job.job_id}.png`)).status).toBe(404);
  const done = await generate({ prompt: "hills" });
  expect(await unwrap(backend.call("cancelJob", { job_id: done.job_id }))).toEqual(done);
});

it("findJob finds the job of an idempotency key, for its owner only", async () => {
  const find = (idempotency_key: string, options: CallOptions = {}) =>
    backend.call("findJob", { idempotency_key }, options);
  expect(await find("lost answer")).toEqual({ ok: false, error: { code: "job_not_found" } });
  const job = await generate({ prompt: "hills", quality_tier: "draft" }, { idempotencyKey: "lost answer" });
  expect(await unwrap(find("lost answer"))).toEqual(job);
  expect(await find("lost answer", { tenant: "tenant-b" })).toEqual({ ok: false, error: { code: "job_not_found" } });
});

it("one idempotency key creates one job per tenant, also with parallel calls", async () => {
  const input = { prompt: "hills" };
  const [a, again, other] = await Promise.all([
    generate(input, { idempotencyKey: "k1" }),
    generate(input, { idempotencyKey: "k1" }),
    generate(input, { idempotencyKey: "k1", tenant: "tenant-b" }),
  ]);
  expect(again).toEqual(a);
  expect(a.status).toBe("completed");
  expect(other.job_id).not.toBe(a.job_id);
  expect(await generate({ ...input, wait: false }, { idempotencyKey: "k1" })).toEqual(a);
});

it("the plans free and hobby include two tiers, pro and enterprise all five", async () => {
  for (const [tier, count] of [
    ["free", 2],
    ["hobby", 2],
    ["pro", 5],
    ["enterprise", 5],
  ] as const) {
    const { models } = await unwrap(backend.call("listModels", {}, { tier }));
    const available = models.filter(({ is_available }) => is_available);
    expect(available.map(({ name, quality_tier }) => [name, quality_tier])).toEqual(
      QUALITY_TIERS.slice(0, count).map((one) => ["procedural", one]),
    );
  }
  for (const quality_tier of ["premium", "ultra", "ultra_plus"]) {
    expect(await backend.call("generateImage", { prompt: "hills", quality_tier }, { tier: "hobby" })).toEqual({
      ok: false,
      error: { code: "tier_not_in_plan" },
    });
  }
  expect(await generate({ prompt: "hills" }, { tier: "free" })).toMatchObject({ status: "completed" });
});

it("listModels lists the models of all tiers, and those that are not enabled as unavailable", async () => {
  const { models } = await unwrap(backend.call("listModels", {}));
  expect(
    models
      .filter(({ name }) => name !== "procedural")
      .map(({ title, quality_tier, width, is_available }) => [title, quality_tier, width, is_available]),
  ).toEqual([
    ["SDXL", "draft", 256, false],
    ["FLUX Klein", "standard", 512, false],
    ["FLUX Dev", "premium", 768, false],
    ["Gemini 2.5 Flash Image", "ultra", 1024, false],
    ["Gemini 3.1 Flash Image", "ultra_plus", 1280, false],
  ]);
});

it("a requested model must exist, belong to the tier and be enabled: each reason has its own code", async () => {
  expect(await generate({ prompt: "hills", model: "procedural" })).toMatchObject({ model: "procedural" });
  const codeFor = async (input: object, tier: "free" | "pro" = "pro") => {
    const reply = await backend.call("generateImage", { prompt: "hills", quality_tier: "draft", ...input }, { tier });
    return reply.ok ? "ok" : reply.error.code;
  };
  expect(await codeFor({ model: "unknown" })).toBe("model_unknown");
  expect(await codeFor({ model: "constructor" })).toBe("model_unknown");
  expect(await codeFor({ model: "flux-klein" })).toBe("model_of_other_tier");
  expect(await codeFor({ model: "sdxl" })).toBe("model_switched_off");
  expect(await codeFor({ model: "flux-dev", quality_tier: "premium" }, "free")).toBe("tier_not_in_plan");
  expect(await codeFor({ model: "unknown", quality_tier: "premium" }, "free")).toBe("model_unknown");
});

it("a refused model has a sentence that names what to set instead", () => {
  const { model_unknown, model_of_other_tier, model_switched_off, tier_not_in_plan } = GenerateImage.errors;
  for (const sentence of [model_unknown, model_of_other_tier, model_switched_off]) {
    expect(sentence).toContain("image_list_models");
    expect(sentence).toMatch(/[Ll]eave model out/);
  }
  expect(tier_not_in_plan).toContain("Use quality_tier standard or draft");
});

it("prohibited prompts are content_rejected, and harmless ones with similar words are drawn", async () => {
  for (const prompt of ["a nude child", "Sexualized  SCHOOLGIRL", "csam", "a ｎｕｄｅ teenager"]) {
    expect(await backend.call("generateImage", { prompt }), prompt).toEqual({
      ok: false,
      error: { code: "content_rejected" },
    });
  }
  for (const prompt of ["a child with a kite", "a nude statue in a museum", "Essex in spring"]) {
    expect((await generate({ prompt })).status, prompt).toBe("completed");
  }
});

it("a job of another tenant is job_not_found, and an unknown id creates no storage", async () => {
  const { job_id } = await generate({ prompt: "hills" });
  for (const method of ["checkJob", "cancelJob", "readImage"] as const) {
    expect(await backend.call(method, { job_id }, { tenant: "tenant-b" })).toEqual({
      ok: false,
      error: { code: "job_not_found" },
    });
  }
  expect(await unwrap(backend.call("checkJob", { job_id: job_id.toUpperCase() }))).toMatchObject({
    job_id,
    status: "completed",
  });
  const unknown = randomUUID();
  for (const method of ["checkJob", "cancelJob", "readImage"] as const) {
    expect(await backend.call(method, { job_id: unknown })).toEqual({ ok: false, error: { code: "job_not_found" } });
  }
  const tablesOf = async (jobId: string) => {
    const storage = await backend.worker.getDurableObjectStorage("JobObject", { name: `job/${jobId}` });
    return (await storage.exec("SELECT name FROM sqlite_master WHERE name = '_cf_KV'")).length;
  };
  expect([await tablesOf(job_id), await tablesOf(unknown)]).toEqual([1, 0]);
});

const imagesOf = async (options: CallOptions = {}, from = backend) =>
  (await unwrap(from.call("listImages", {}, options))).images;
const idsOf = async (options: CallOptions) => (await imagesOf(options)).map(({ job_id }) => job_id);

it("listImages lists an owner's latest finished pictures once, newest first, with the start of the prompt, size and time", async () => {
  const tenant = "tenant-list";
  expect(await imagesOf({ tenant })).toEqual([]);
  const startedAt = Math.floor(Date.now() / 1000);
  const input = { prompt: `${"🙂".repeat(201)}!` };
  const first = await generate(input, { tenant, idempotencyKey: "k1" });
  await generate({ prompt: "hills" }, { tenant, cancelAt: 15 });
  const second = await generate({ prompt: "hills\nand rivers", wait: false }, { tenant });
  await expect.poll(() => idsOf({ tenant })).toHaveLength(2);
  const images = await imagesOf({ tenant });
  const done = await unwrap(backend.call("checkJob", { job_id: second.job_id }, { tenant }));
  expect(images).toMatchObject([
    { job_id: second.job_id, prompt: "hills\nand rivers", size_bytes: done.size_bytes },
    { job_id: first.job_id, prompt: "🙂".repeat(200), size_bytes: first.size_bytes },
  ]);
  for (const { completed_at } of images) {
    expect(completed_at).toBeGreaterThanOrEqual(startedAt);
    expect(completed_at).toBeLessThanOrEqual(Date.now() / 1000);
  }
  await Promise.all([true, false].map((wait) => generate({ ...input, wait }, { tenant, idempotencyKey: "k1" })));
  expect(await imagesOf({ tenant })).toEqual(images);
});

it("a picture that was not listed the first time is listed in its place when the call is repeated", async () => {
  const tenant = "tenant-lost";
  const index = await backend.worker.getDurableObjectStorage("RecentImages", { name: `tenant/${tenant}` });
  for (const wait of [true, false]) {
    const input = { prompt: "hills", wait };
    const options = { tenant, idempotencyKey: `wait ${wait}` };
    const { job_id } = await generate(input, options);
    await expect.poll(() => idsOf({ tenant })).toContain(job_id);
    const before = await imagesOf({ tenant });
    await index.exec(`DELETE FROM recent_images WHERE job_id = '${job_id}'`);
    expect(await idsOf({ tenant })).not.toContain(job_id);
    await generate(input, options);
    expect((await imagesOf({ tenant })).find((image) => image.job_id === job_id)).toEqual(
      before.find((image) => image.job_id === job_id),
    );
  }
});

it("listImages lists no pictures of another owner: another tenant, a tenant of test keys, a caller without a tenant", async () => {
  const tenants = ["tenant-own", "tenant-foreign", "test:tenant-own"];
  const owners: CallOptions[] = [
    ...tenants.map((tenant) => ({ tenant })),
    { identity: { subject: "tenant-own", tenantId: null } },
  ];
  const drawn: string[] = [];
  for (const owner of owners) {
    expect(await idsOf(owner)).toEqual([]);
    drawn.push((await generate({ prompt: "hills" }, owner)).job_id);
  }
  expect(await Promise.all(owners.map(idsOf))).toEqual(drawn.map((jobId) => [jobId]));
});

it("listImages lists fifty pictures and stores a hundred", async () => {
  const tenant = "tenant-many";
  const { job_id } = await generate({ prompt: "hills" }, { tenant });
  const index = await backend.worker.getDurableObjectStorage("RecentImages", { name: `tenant/${tenant}` });
  const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  await index.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
    INSERT INTO recent_images SELECT printf('00000000-0000-4000-8000-%012d', i), 'later', 1, 4000000000 + i FROM n`);
  expect(await idsOf({ tenant })).toEqual(Array.from({ length: 50 }, (_, at) => id(120 - at)));
  await generate({ prompt: "hills" }, { tenant });
  const stored = (await index.exec("SELECT job_id FROM recent_images ORDER BY completed_at DESC")).map(
    (row) => Object.values(row)[0],
  );
  expect(stored).toEqual(Array.from({ length: 100 }, (_, at) => id(120 - at)));
  expect(await unwrap(backend.call("checkJob", { job_id }, { tenant }))).toMatchObject({
    job_id,
    status: "completed",
  });
});

it("a list that hangs does not fail the job, and is logged", async () => {
  const job = await unwrap(hanging.call("generateImage", { prompt: "hunter2 hills", quality_tier: "draft" }));
  expect(job).toMatchObject({ status: "completed" });
  expect((await bytesOf(job.job_id, hanging)).length).toBe(job.size_bytes);
  const lines = hanging.harness.getLogs().filter(({ message }) => message.includes("image.unlisted"));
  expect(lines).toHaveLength(1);
  expect(lines[0]?.message).toContain(job.job_id);
  expect(lines[0]?.message).not.toContain("hunter2");
});

it("a job whose id cannot be noted for its owner is not created, so that erasure finds every one", async () => {
  const input = { prompt: "hills", quality_tier: "draft" };
  expect(await listless.call("generateImage", input)).toEqual({ ok: false, error: { code: "internal" } });
  expect(await listless.worker.listDurableObjectIds("JobObject")).toEqual([]);
});

it("input that does not fit the contract is invalid_input", async () => {
  for (const input of [
    {},
    { prompt: "" },
    { prompt: "x".repeat(2001) },
    { prompt: "x", quality_tier: "best" },
    { prompt: "x", invented: 1 },
  ]) {
    expect(await backend.call("generateImage", input)).toEqual({ ok: false, error: { code: "invalid_input" } });
  }
  expect(await backend.call("checkJob", { job_id: "nope" })).toEqual({ ok: false, error: { code: "invalid_input" } });
});

it("the Worker has exactly these exports, and only the methods of the contract can be called", async () => {
  const source = await readFile(path.join(import.meta.dirname, "../../entrypoints/img-forge/worker.ts"), "utf8");
  expect(source.match(/^export (?!interface|type)[^\n]*/gm)).toEqual([
    'export { JobObject } from "./job-object.ts";',
    'export { RecentImages } from "./recent-images.ts";',
    "export class ImgForgeEntrypoint extends WorkerEntrypoint<Env> implements ImgForgeContract {",
    "export default {",
  ]);
  for (const name of [
    "job",
    "#job",
    "jobIdFor",
    "incoming",
    "availability",
    "env",
    "ctx",
    "constructor",
    "claim",
    "fetch",
  ]) {
    await expect(backend.invoke(name, {}, {}), name).rejects.toThrow();
  }
});

it("a job whose picture cannot be stored is failed, without a crash", async () => {
  const job = await unwrap(storeless.call("generateImage", { prompt: "hills", quality_tier: "draft" }));
  expect(job).toMatchObject({ status: "failed", url: null, size_bytes: null });
  expect(await unwrap(storeless.call("checkJob", { job_id: job.job_id }))).toEqual(job);
  expect((await storeless.fetch(`/images/${job.job_id}.png`)).status).toBe(503);
});

it("with Workers AI bound, its models draw the tiers that they exist for, and this Worker the others", async () => {
  const draft = await unwrap(
    withAi.call("generateImage", { prompt: "hills", quality_tier: "draft", negative_prompt: "fog" }),
  );
  expect(draft).toMatchObject({ status: "completed", model: "sdxl", width: 8, height: 4 });
  expect([...decodePng(await bytesOf(draft.job_id, withAi)).rows.subarray(1, 4)]).toEqual([255, 0, 0]);
  const premium = await unwrap(
    withAi.call("generateImage", { prompt: "hills", quality_tier: "premium", model: "flux-dev" }),
  );
  expect(premium).toMatchObject({ status: "completed", model: "flux-dev" });
  expect([...decodePng(await bytesOf(premium.job_id, withAi)).rows.subarray(1, 4)]).toEqual([0, 0, 255]);
  expect(await unwrap(withAi.call("generateImage", { prompt: "hills", quality_tier: "ultra" }))).toMatchObject({
    model: "procedural",
    width: 1024,
  });
});
