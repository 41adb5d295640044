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

const delivered = (size: number) => {
  const body = new Blob([new Uint8Array(size)]).stream();
  return { ok: true, value: { mime_type: "image/png", size_bytes: 4, body } };
};

/** The kinds of content that a result shows, and how often img-forge was asked for the picture. */
async function shown(tool: string, job: ImageJob, answer: object = delivered(4)) {
  const reach = vi.fn(async () => answer);
  const content = await catalog.get(tool)?.render(job, reach as unknown as BackendClient); // one answer, whatever is asked
  return [content?.map(({ type }) => type), reach.mock.calls.length];
}

it.each<[string, ImageJob, object | undefined, readonly string[], number]>([
  ["a picture is inside, linked and described", JOB, undefined, ["image", "resource_link", "text"], 1],
  [
    "one too large to be inside is linked",
    { ...JOB, size_bytes: INLINE_LIMIT_BYTES + 1 },
    undefined,
    ["resource_link", "text"],
    0,
  ],
  ["one larger than it was said to be is linked", JOB, delivered(INLINE_LIMIT_BYTES + 1), ["resource_link", "text"], 1],
  [
    "one that cannot be had just now is linked",
    JOB,
    { ok: false, error: { code: "unavailable" } },
    ["resource_link", "text"],
    1,
  ],
  ["one too large to be read is described", { ...JOB, size_bytes: PICTURE_LIMIT_BYTES + 1 }, undefined, ["text"], 0],
  [
    "one that is not finished is described",
    { ...JOB, status: "queued", url: null, size_bytes: null },
    undefined,
    ["text"],
    0,
  ],
])("%s", async (_, job, answer, content, asked) => {
  expect(await shown("image_generate", job, answer)).toEqual([content, asked]);
  expect(await shown("image_check_job", job)).toEqual([content.filter((type) => type !== "image"), 0]);
});

it("a link says where the picture is, what it is and how large", async () => {
  const [link] = (await catalog.get("image_check_job")?.render(JOB, vi.fn<BackendClient>())) ?? [];
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
