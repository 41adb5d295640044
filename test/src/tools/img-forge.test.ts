// The content of an image's result: the image, a link, or text alone.
import { expect, it, vi } from "vitest";
import type { ImageJob } from "../../../contracts/img-forge.ts";
import { PICTURE_LIMIT_BYTES } from "../../../src/resources/picture.ts";
import { catalog } from "../../../src/tools/catalog.ts";
import type { BackendClient } from "../../../src/tools/tool-definition.ts";

const JOB: ImageJob = {
  job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10",
  status: "completed",
  url: "https://images.example/a.png",
  model: "procedural",
  quality_tier: "draft",
  enhanced_prompt: "a",
  width: 1,
  height: 1,
  size_bytes: 4,
};
const INLINE_LIMIT_BYTES = 768 * 1024;

const replyWith = (size: number) => {
  const body = new Blob([new Uint8Array(size)]).stream();
  return { ok: true, value: { mime_type: "image/png", size_bytes: 4, body } };
};

/** The types of a result's content blocks, and the number of calls to img-forge. */
async function rendered(tool: string, job: ImageJob, reply: object = replyWith(4)) {
  const client = vi.fn(async () => reply);
  const content = await catalog.get(tool)?.render(job, client as unknown as BackendClient); // the same reply for each method
  return [content?.map(({ type }) => type), client.mock.calls.length];
}

it.each<[string, ImageJob, object | undefined, readonly string[], number]>([
  ["an image is described and embedded, without a link", JOB, undefined, ["text", "image"], 1],
  [
    "an image too large to be embedded is linked",
    { ...JOB, size_bytes: INLINE_LIMIT_BYTES + 1 },
    undefined,
    ["text", "resource_link"],
    0,
  ],
  ["an image larger than reported is linked", JOB, replyWith(INLINE_LIMIT_BYTES + 1), ["text", "resource_link"], 1],
  [
    "an image that cannot be read is linked",
    JOB,
    { ok: false, error: { code: "unavailable" } },
    ["text", "resource_link"],
    1,
  ],
  [
    "an image too large to be read is described",
    { ...JOB, size_bytes: PICTURE_LIMIT_BYTES + 1 },
    undefined,
    ["text"],
    0,
  ],
  [
    "an unfinished image is described",
    { ...JOB, status: "queued", url: null, size_bytes: null },
    undefined,
    ["text"],
    0,
  ],
])("%s", async (_, job, reply, content, calls) => {
  expect(await rendered("image_generate", job, reply)).toEqual([content, calls]);
  const linked = content.map((type) => (type === "image" ? "resource_link" : type));
  expect(await rendered("image_check_job", job)).toEqual([linked, 0]);
});

it("a link has the image's URI, title, type and size", async () => {
  const [, link] = (await catalog.get("image_check_job")?.render(JOB, vi.fn<BackendClient>())) ?? [];
  const uri = `stackbilt://images/${JOB.job_id}`;
  expect(link).toEqual({
    type: "resource_link",
    uri,
    name: "picture",
    title: "Generated picture",
    mimeType: "image/png",
    size: 4,
  });
});
