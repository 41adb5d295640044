// Content blocks of results: values as text, images as base64.
import { describe, expect, it } from "vitest";
import { describeValue, image } from "../../../src/tools/content.ts";

describe("a value as text", () => {
  it("has a line for each field with a value, with its name in words", () => {
    expect(
      describeValue({ flowId: "f1", quality_tier: "draft", isCapped: false, progress: 0, capReason: null }).text,
    ).toBe("flow id: f1\nquality tier: draft\nis capped: false\nprogress: 0");
  });

  it("rounds numbers to two decimal places", () => {
    const value = { progress: 1 / 6, modes: [{ fused: 88.666 }], list: [2 / 3], tokens: 123_456 };
    expect(describeValue(value).text).toBe("progress: 0.17\nmodes:\n- fused 88.67\nlist:\n- 0.67\ntokens: 123456");
  });

  it("has the fields of an object below its name, and each item of a list on its own line", () => {
    const value = {
      determinism: { seed: "s" },
      modes: [{ mode: "UX", localScore: 9, quality: null }],
      words: ["a", "b"],
      empty: [],
    };
    expect(describeValue(value).text).toBe(
      "determinism:\n  seed: s\nmodes:\n- mode UX, local score 9\nwords:\n- a\n- b\nempty:",
    );
  });

  it("keeps Markdown unchanged, between empty lines", () => {
    const artifact = { mode: "UX", markdown: "# Title\n\n- a point" };
    expect(describeValue({ flowId: "f1", artifact, artifacts: [artifact] }).text).toBe(
      "flow id: f1\nartifact:\n  mode: UX\n\n# Title\n\n- a point\n\nartifacts:\n- mode UX\n\n# Title\n\n- a point\n",
    );
  });
});

it("an image is base64, also if it is larger than one function call can take as arguments", () => {
  const bytes = Uint8Array.from({ length: 300_001 }, (_, at) => at % 251);
  const { data, mimeType } = image(bytes, "image/png");
  expect(mimeType).toBe("image/png");
  expect(Uint8Array.from(atob(data), (char) => char.charCodeAt(0))).toEqual(bytes);
});
