// Content blocks of results: values as text, images as base64.
import { expect, it } from "vitest";
import { image, json, jsonIn } from "../../../src/tools/content.ts";

it("a value as text is its JSON: every field under its own name, numbers in full, null included", () => {
  const value = { flowId: "f1", progress: 1 / 6, capReason: null, artifacts: [{ markdown: "# Title\n\n- a point" }] };
  const { type, text } = json(value);
  expect(type).toBe("text");
  expect(text).toBe(JSON.stringify(value));
});

it("an image is base64, also if it is larger than one function call can take as arguments", () => {
  const bytes = Uint8Array.from({ length: 300_001 }, (_, at) => at % 251);
  const { data, mimeType } = image(bytes, "image/png");
  expect(mimeType).toBe("image/png");
  expect(Uint8Array.from(atob(data), (char) => char.charCodeAt(0))).toEqual(bytes);
});

it("the JSON of a value is known of the block that was made of it, and of no other", () => {
  const value = { a: 1 };
  expect(jsonIn(json(value), value)).toBe('{"a":1}');
  for (const block of [json({ a: 1 }), { type: "text", text: '{"a":1}' }, undefined])
    expect(jsonIn(block, value)).toBeUndefined();
  expect(jsonIn(undefined, undefined)).toBeUndefined();
});
