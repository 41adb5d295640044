// Images in the list of resources, with any prompt.
import { describe, expect, it } from "vitest";
import { listedPictures, PICTURE_LIMIT_BYTES } from "../../../src/resources/picture.ts";

const JOB = "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10";
const image = { job_id: JOB, prompt: "A lighthouse at dusk", size_bytes: 4, completed_at: 1_795_408_577 };
const titleOf = (prompt: string) => listedPictures([{ ...image, prompt }])[0]?.title;

describe("a listed image", () => {
  it("has a URI, title, type, size and time", () => {
    expect(listedPictures([image])).toEqual([
      {
        uri: `stackbilt://images/${JOB}`,
        name: "A lighthouse at dusk",
        title: "A lighthouse at dusk",
        mimeType: "image/png",
        size: 4,
        annotations: { lastModified: "2026-11-23T04:36:17.000Z" },
      },
    ]);
  });

  it("has the beginning of its prompt as title, on one line of 80 characters", () => {
    expect(titleOf("x".repeat(80))).toBe("x".repeat(80));
    expect(titleOf("x".repeat(81))).toBe(`${"x".repeat(79)}…`);
    expect(titleOf("🙂".repeat(200))).toBe(`${"🙂".repeat(79)}…`);
    expect(titleOf(`${"x".repeat(78)} yz`)).toBe(`${"x".repeat(78)}…`);
    expect(titleOf(" A\tboat\r\n\u2028at sea ")).toBe("A boat at sea");
  });

  it("has no control character in its title, and none that changes the direction of text", () => {
    expect(titleOf("a\0b\x1b[31mc\x7fd\u0085e\ud800f\u202eg\u2066h\u200fi")).toBe("a b [31mc d e f g h i");
    expect(titleOf("👩‍🚀 می‌خواهم <b>&amp;")).toBe("👩‍🚀 می‌خواهم <b>&amp;");
    for (const nothing of ["", " \n ", "\u202e\0"]) expect(titleOf(nothing)).toBe("Generated picture");
  });

  it("is small enough to be read; a larger one is not listed", () => {
    const [largest, larger] = [PICTURE_LIMIT_BYTES, PICTURE_LIMIT_BYTES + 1].map((size_bytes) => ({
      ...image,
      size_bytes,
    }));
    expect(listedPictures([largest ?? image, larger ?? image]).map(({ size }) => size)).toEqual([PICTURE_LIMIT_BYTES]);
  });
});
