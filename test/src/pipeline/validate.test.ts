import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { permits } from "../../../contracts/rpc/identity.ts";
import { maxCharacters } from "../../../contracts/text.ts";
import { missingScopes } from "../../../src/pipeline/authorize.ts";
import { validate } from "../../../src/pipeline/validate.ts";
import { catalog } from "../../../src/tools/catalog.ts";

function validateFor(tool: string, args: unknown) {
  const operation = catalog.get(tool)?.operation;
  if (!operation) throw new Error(`no tool ${tool}`);
  return validate(operation, args);
}

describe("invalid arguments", () => {
  it.each<[string, string, unknown, RegExp]>([
    ["a missing one", "flow_create", {}, /"projectDescription" is required\.$/],
    ["a required one that is null", "flow_status", { flowId: null }, /"flowId" is required\.$/],
    [
      "an invented one",
      "flow_advance",
      { flowId: "f", depth: 3 },
      /"depth" is not an argument of this tool: use flowId, wait\.$/,
    ],
    [
      "one for a tool without any",
      "image_list_models",
      { all: 1 },
      /"all" is not an argument of this tool, and none is/,
    ],
    [
      "a misspelt field",
      "flow_create",
      { projectDescription: "x", policy: { minquality: 3 } },
      /"policy\.minquality" does not exist: use profile, minQuality\.$/,
    ],
    ["a wrong kind", "flow_status", { flowId: 7 }, /"flowId" must be a string, not 7/],
    ["an object for text", "flow_status", { flowId: { id: 7 } }, /"flowId" must be a string, not an object/],
    ["a list for text", "flow_status", { flowId: ["f"] }, /"flowId" must be a string, not an array/],
    ["text for yes or no", "flow_advance", { flowId: "f", wait: "yes" }, /"wait" must be true or false, not "yes"/],
    [
      "text for a list",
      "flow_create",
      { projectDescription: "x", taskKeywords: "a, b" },
      /must be an array, not "a, b"/,
    ],
    [
      "a wrong choice",
      "image_generate",
      { prompt: "x", quality_tier: "best" },
      /"quality_tier" must be one of "draft", "standard", "premium", "ultra", "ultra_plus", not "best"/,
    ],
    [
      "one too long",
      "image_generate",
      { prompt: "x".repeat(2001) },
      /"prompt" must be at most 2000 characters, not 2001/,
    ],
    ["an empty one", "image_generate", { prompt: "" }, /"prompt" must be text that is not blank, not ""/],
    ["a blank one", "flow_create", { projectDescription: "x", projectId: " " }, /"projectId" must be text that is not/],
    [
      "one deep inside",
      "flow_create",
      { projectDescription: "x", policy: { minQuality: 101 } },
      /"policy.minQuality" must be at most 100, not 101/,
    ],
    [
      "one in a list",
      "flow_create",
      { projectDescription: "x", taskKeywords: ["a", 5] },
      /"taskKeywords.1" must be a str/,
    ],
    [
      "too many",
      "flow_create",
      { projectDescription: "x", taskKeywords: Array(33).fill("a") },
      /"taskKeywords" must be at most 32 items, not 33/,
    ],
    [
      "an id that is none",
      "image_check_job",
      { job_id: "7" },
      /"job_id" must be an id as image_generate returned it, not "7"/,
    ],
    ["words instead of arguments", "flow_create", "please", /the arguments must be an object, not "please"/],
  ])("are named with what is expected: %s", (_, tool, args, sentence) => {
    const result = validateFor(tool, args);
    expect(result.ok ? "valid" : result.problems).toMatch(sentence);
  });

  it("are named in the singular where there is one", () => {
    const input = v.object({
      word: v.pipe(v.string(), maxCharacters(1)),
      list: v.pipe(v.array(v.string()), v.maxLength(1)),
    });
    const result = validate({ input }, { word: "ab", list: ["a", "b"] });
    expect(result.ok ? "" : result.problems).toBe(
      'The arguments do not fit. "word" must be at most 1 character, not 2; "list" must be at most 1 item, not 2.',
    );
  });

  it("are listed together, at most eight, and clipped to whole characters", () => {
    const args = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`invented${n}`, "x".repeat(5000)]));
    const result = validateFor("flow_create", { ...args, projectDescription: "x", policy: "😀".repeat(5000) });
    expect(result.ok ? "" : result.problems).toMatch(/"policy" must be .*; "invented0" is not an argument/);
    expect(result.ok ? "" : result.problems.length).toBeLessThan(2000);
    expect(result.ok ? false : result.problems.isWellFormed()).toBe(true);
  });

  it("cannot reach an object's prototype", () => {
    const fields = '{"__proto__": {"profile": "strict"}, "constructor": {"x": 1}, "profile": "balanced"}';
    for (const policy of [fields, JSON.stringify(fields)]) {
      const hostile = JSON.parse(`{"projectDescription": "x", "projectId": null, "policy": ${policy}}`) as unknown;
      const result = validateFor("flow_create", hostile);
      expect(result.ok ? "" : result.problems).toMatch(/"policy.__proto__" does not exist/);
    }
    const outside = validateFor(
      "flow_create",
      JSON.parse('{"projectDescription": "x", "__proto__": {"projectId": "p"}}') as unknown,
    );
    expect(outside.ok ? (outside.input as { projectId?: string }).projectId : undefined).toBeUndefined();
  });
});

describe("arguments as models write them", () => {
  const flow = { projectDescription: "A kiosk" };

  it.each<[string, string, object, object]>([
    [
      "null for what is optional, as in strict mode",
      "flow_create",
      { ...flow, taskKeywords: null, projectId: null, policy: null },
      flow,
    ],
    [
      "null inside an object",
      "flow_create",
      { ...flow, policy: { profile: null, minQuality: null } },
      { ...flow, policy: {} },
    ],
    [
      "an empty string where the schema allows none",
      "image_generate",
      { prompt: "x", quality_tier: "", model: "", wait: "" },
      { prompt: "x", quality_tier: "standard", wait: true },
    ],
    [
      "an object as JSON text",
      "flow_create",
      { ...flow, policy: '{"minQuality": 5}' },
      { ...flow, policy: { minQuality: 5 } },
    ],
    [
      "JSON text with half a character",
      "flow_create",
      { ...flow, policy: '{"profile": ""}', taskKeywords: '["a\\ud83d"]' },
      { ...flow, policy: {}, taskKeywords: ["a\ufffd"] },
    ],
    ["a list as JSON text", "flow_create", { ...flow, taskKeywords: '["a"]' }, { ...flow, taskKeywords: ["a"] }],
    [
      "both at once",
      "flow_create",
      { ...flow, projectId: "", policy: '{"profile": "strict", "minQuality": null}' },
      { ...flow, policy: { profile: "strict" } },
    ],
  ])("are read as meant: %s", (_, tool, args, input) => {
    expect(validateFor(tool, args)).toEqual({ ok: true, input });
  });

  it("keep an empty string where the schema allows one", () => {
    expect(validateFor("image_generate", { prompt: "x", negative_prompt: "" })).toMatchObject({
      input: { negative_prompt: "" },
    });
  });

  it("have lengths in characters, as JSON Schema counts them, not in UTF-16 units", () => {
    for (const [tool, argument, max] of [
      ["image_generate", "prompt", 2000],
      ["image_generate", "negative_prompt", 2000],
      ["image_generate", "model", 64],
      ["flow_create", "projectDescription", 2000],
      ["flow_create", "projectId", 128],
    ] as const) {
      const args = { ...(tool === "image_generate" ? { prompt: "x" } : flow) };
      expect(validateFor(tool, { ...args, [argument]: "😀".repeat(max) }), argument).toMatchObject({ ok: true });
      expect(validateFor(tool, { ...args, [argument]: "😀".repeat(max + 1) }), argument).toEqual({
        ok: false,
        problems: `The arguments do not fit. "${argument}" must be at most ${max} characters, not ${max + 1}.`,
      });
    }
    expect(validateFor("flow_create", { ...flow, taskKeywords: ["😀".repeat(64)] })).toMatchObject({ ok: true });
    expect(validateFor("flow_create", { ...flow, taskKeywords: ["😀".repeat(65)] })).toMatchObject({ ok: false });
  });
});

describe("scopes", () => {
  it("generate includes read; read includes nothing else", () => {
    expect([
      permits(["generate"], "read"),
      permits(["read"], "generate"),
      permits([], "read"),
      permits(["read"], "read"),
    ]).toEqual([true, false, false, true]);
  });

  it("that are missing are all listed, for one step-up", () => {
    const identity = { subject: "u", tenantId: null, tier: "free", clientId: "c" } as const;
    const [reading, generating] = [catalog.get("flow_status"), catalog.get("flow_create")];
    if (!reading || !generating) throw new Error("tools are missing");
    expect(missingScopes(reading, { ...identity, scopes: [] })).toEqual(["read"]);
    expect(missingScopes(generating, { ...identity, scopes: ["read"] })).toEqual(["read", "generate"]);
    expect(missingScopes(generating, { ...identity, scopes: ["generate"] })).toBeNull();
    expect(missingScopes(generating, { ...identity, scopes: [] })).toEqual(["read", "generate"]);
  });
});
