// The digest by which two sides of a service binding see that they have the same contract.
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { BACKENDS } from "../../contracts/backends.ts";
import { contract } from "../../contracts/rpc/contract.ts";
import { contractDigest } from "../../contracts/rpc/describe.ts";
import { operation } from "../../contracts/rpc/operation.ts";

const name = (text: string) => v.pipe(v.string(), v.maxLength(10), v.description(text));
const usual = { input: v.strictObject({ name: name("A name.") }), output: v.object({ id: v.string() }) };

/** The digest of a contract whose one operation differs from the usual one by `change`. */
function digestWith(change: object = {}): Promise<string> {
  const echo = operation({ ...usual, errors: { full: "It is full." }, timeoutMs: 1_000, ...change });
  return contractDigest(
    contract({ audience: "echo", prefix: "echo", methods: { echo }, tools: {}, internal: ["echo"] }),
  );
}

describe("the digest of a contract", () => {
  it.each([
    ["a sentence", { errors: { full: "No more fit." } }],
    ["a description", { input: v.strictObject({ name: name("Any name.") }) }],
    ["a deadline", { timeoutMs: 2_000 }],
  ])("is the same with another wording: %s", async (_, change) => {
    expect(await digestWith(change)).toBe(await digestWith());
  });

  it.each([
    ["a field", { output: v.object({ id: v.string(), at: v.number() }) }],
    ["a field named like a member of a schema", { output: v.object({ id: v.string(), reference: v.string() }) }],
    ["a type", { output: v.object({ id: v.number() }) }],
    ["a bound", { input: v.strictObject({ name: v.pipe(v.string(), v.maxLength(11)) }) }],
    ["strictness", { input: v.object({ name: name("A name.") }) }],
    ["an optional field", { input: v.strictObject({ name: v.optional(name("A name.")) }) }],
    ["a choice", { output: v.object({ id: v.picklist(["a", "b"]) }) }],
    ["a pattern", { output: v.object({ id: v.pipe(v.string(), v.regex(/a/)) }) }],
    ["a failure code", { errors: { full: "", gone: "" } }],
    ["an effect", { changes: true }],
  ])("is another with another meaning: %s", async (_, change) => {
    expect(await digestWith(change)).not.toBe(await digestWith());
  });

  it("is another for each backend", async () => {
    const digests = await Promise.all(Object.values(BACKENDS).map((one) => contractDigest(one)));
    expect(new Set(digests).size).toBe(digests.length);
  });
});
