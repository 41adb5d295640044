import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { recorded, words } from "../../../contracts/text.ts";
import { HIDDEN, summarize, UNKNOWN_FIELDS } from "../../../src/audit/redact.ts";
import { catalog } from "../../../src/tools/catalog.ts";

/** The schema of the input of this tool. */
const inputOf = (tool: string) => catalog.get(tool)?.operation.input ?? expect.fail(tool);

const FLOW_ID = "0123456789abcdefghjkmnpqrs";
const Marked = v.strictObject({
  note: words(2000),
  tags: v.optional(v.array(words(64))),
  code: v.optional(v.pipe(v.string(), recorded())),
  count: v.optional(v.pipe(v.number(), recorded())),
  age: v.optional(v.number()),
  kind: v.optional(v.picklist(["new", "old"])),
  isQuick: v.optional(v.boolean()),
  apiKey: v.optional(v.pipe(v.string(), recorded())),
  inner: v.optional(v.strictObject({ codes: v.array(v.pipe(v.string(), recorded())), text: v.string() })),
});
const LENGTH = /^<\d+ characters>$/;

describe("the summary of a tool's input", () => {
  it("keeps what tells calls apart: choices, switches, ids, and numbers that the contract marks", () => {
    const picture = { prompt: "a fox in the snow", wait: false, quality_tier: "ultra_plus" };
    expect(summarize(inputOf("image_generate"), picture)).toEqual({ ...picture, prompt: "<17 characters>" });
    const job = { job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10" };
    expect(summarize(inputOf("image_check_job"), job)).toEqual(job);
    expect(summarize(inputOf("flow_status"), { flowId: FLOW_ID })).toEqual({ flowId: FLOW_ID });
    const policy = { profile: "strict", minQuality: 80 };
    expect(summarize(inputOf("flow_create"), { projectDescription: "東京の夜", policy })).toEqual({
      projectDescription: "<4 characters>",
      policy,
    });
  });

  it.each(["Melanoma", "kidney-stones", "HIV", "ada@example.com", "Müller", "癌", "42", "491701234567"])(
    "shows of the one word %s only the length, in every field of every tool",
    (word) => {
      for (const { name, operation } of catalog.values()) {
        const fields = Object.keys((operation.input as { entries?: object }).entries ?? {});
        for (const value of [
          word,
          [word],
          { profile: word, minQuality: word, [word]: word },
          `{"profile":"${word}"}`,
        ]) {
          const input = Object.fromEntries([...fields, word].map((field) => [field, value]));
          expect(JSON.stringify(summarize(operation.input, input)), name).not.toContain(word);
        }
      }
    },
  );

  it("shows of an unknown tool's input, and of unknown fields, the number only", () => {
    expect(summarize(null, { prompt: "a", Melanoma: 1 })).toEqual({ [UNKNOWN_FIELDS]: 2 });
    expect([summarize(null, "Melanoma"), summarize(null, ["a"]), summarize(null, 7), summarize(null, null)]).toEqual([
      "<8 characters>",
      "<1 items>",
      "<number>",
      null,
    ]);
    const input = { quality_tier: "draft", Melanoma: "x", constructor: "y", __proto__: "z" };
    expect(summarize(inputOf("image_generate"), input)).toEqual({ quality_tier: "draft", [UNKNOWN_FIELDS]: 2 });
  });

  it("shows no value that does not fit its field, also a number or a switch", () => {
    const input = { wait: "Melanoma", quality_tier: "best", prompt: 7, model: true };
    expect(summarize(inputOf("image_generate"), input)).toEqual({
      wait: "<8 characters>",
      quality_tier: "<4 characters>",
      prompt: "<number>",
      model: "<boolean>",
    });
    const policy = { minQuality: 491701234567, profile: { deep: "Melanoma" } };
    expect(summarize(inputOf("flow_create"), { policy })).toEqual({
      policy: { minQuality: "<number>", profile: { [UNKNOWN_FIELDS]: 1 } },
    });
  });

  it.each([
    ["an API key", "sb_live_abcdefghijklmnop1234"],
    ["a JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"],
    ["a GitHub token", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"],
    ["a fine-grained GitHub token", "github_pat_11ABCDEFG0abcdefghijkl"],
    ["an AWS key id", "AKIAIOSFODNN7EXAMPLE"],
    ["another AWS id", "ACCAIOSFODNN7EXAMPLE"],
    ["a PyPI token", "pypi-AgEIcHlwaS5vcmc"],
    ["a DigitalOcean token", "dop_v1_abcdef0123456789"],
    ["a Google key", "AIzaSyA1234567890abcdefghijklmnopqrstu"],
    ["a Google OAuth token", "ya29.a0AfH6SMBx"],
    ["a Stripe key", "sk_live_abcdefghijklmnop"],
    ["an OpenAI key", "sk-proj-abcdefghijklmnop"],
    ["a Slack token", "xoxb-123456789012-abcdefghij"],
    ["long hex", "deadbeefdeadbeefdeadbeefdeadbeef"],
    ["one of our own access tokens", "u1:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"],
  ])("hides %s even in a marked field", (_, secret) => {
    const input = { note: "a", code: secret, inner: { codes: [secret, "c1"], text: secret } };
    expect(summarize(Marked, input)).toEqual({
      note: "<1 characters>",
      code: HIDDEN,
      inner: { codes: [HIDDEN, "c1"], text: expect.stringMatching(LENGTH) },
    });
  });

  it("hides a value under the name of a secret, even in a marked field", () => {
    expect(summarize(Marked, { apiKey: "c1" })).toEqual({ apiKey: HIDDEN });
  });

  it("shows of random values exactly those of marked fields", () => {
    const random = () => crypto.randomUUID().slice(0, 13);
    for (let round = 0; round < 300; round++) {
      const [shown, kept] = [
        [random(), random()],
        [random(), random(), random(), random(), random()],
      ];
      const [count, age] = [1e9 + round, 5e9 + round];
      const input = {
        ...{ note: kept[0], tags: [kept[1]], code: shown[0], count, age, kind: "new", isQuick: round % 2 === 0 },
        ...{ inner: { codes: [shown[1]], text: kept[2] }, [kept[3] ?? ""]: kept[4] },
      };
      const text = JSON.stringify(summarize(Marked, input));
      for (const value of [...shown, count, '"new"', round % 2 === 0]) expect(text).toContain(String(value));
      for (const value of [...kept, age]) expect(text).not.toContain(String(value));
      const unmarked = JSON.stringify(summarize(null, input));
      for (const value of [...kept, ...shown, age, count]) expect(unmarked).not.toContain(String(value));
    }
  });

  it("stays small whatever comes in", () => {
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k${n}`, "x".repeat(1000)]));
    const deep = JSON.parse(`${'{"inner":'.repeat(60)}1${"}".repeat(60)}`) as object;
    const codes = Array(9999).fill("c".repeat(31)) as string[];
    const size = JSON.stringify(summarize(Marked, { ...wide, inner: { ...deep, codes }, tags: codes })).length;
    expect(size).toBeLessThan(2_000);
    const Bushy = v.array(v.array(v.array(v.pipe(v.string(), recorded()))));
    const bushy = Array(20).fill(Array(20).fill(Array(20).fill("c".repeat(31)))) as string[][][];
    expect(JSON.stringify(summarize(Bushy, bushy)).length).toBeLessThan(10_000);
  });
});
