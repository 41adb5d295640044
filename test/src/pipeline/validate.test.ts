import { describe, expect, it } from "vitest";
import { permits } from "../../../contracts/rpc/identity.ts";
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
    ["a missing one", "flow_create", {}, /"policy" is required/],
    ["an invented one", "flow_status", { flowId: "f", depth: 3 }, /"depth" is not an argument of this tool/],
    ["a wrong kind", "flow_status", { flowId: 7 }, /"flowId" must be string, not 7/],
    [
      "a wrong choice",
      "image_generate",
      { prompt: "x", quality_tier: "best" },
      /"quality_tier" must be .*"draft".*"ultra_plus".* not "best"/,
    ],
    [
      "one too long",
      "image_generate",
      { prompt: "x".repeat(2001) },
      /"prompt" must be at most 2000 characters, not 2001/,
    ],
    ["an empty one", "image_generate", { prompt: "" }, /"prompt" must be at least 1 characters, not 0/],
    [
      "one deep inside",
      "flow_create",
      { policy: { minQuality: 101 } },
      /"policy.minQuality" must be at most 100, not 101/,
    ],
    ["one in a list", "flow_create", { policy: {}, taskKeywords: ["a", 5] }, /"taskKeywords.1" must be string, not 5/],
    [
      "too many",
      "flow_create",
      { policy: {}, taskKeywords: Array(33).fill("a") },
      /"taskKeywords" must be at most 32 items, not 33/,
    ],
    ["an id that is none", "image_check_job", { job_id: "7" }, /"job_id" must be a valid uuid, not "7"/],
    ["words instead of arguments", "flow_create", "please", /the arguments must be Object, not "please"/],
    ["nothing at all", "flow_create", null, /the arguments must be Object, not null/],
  ])("are named with what is expected: %s", (_, tool, args, sentence) => {
    const result = validateFor(tool, args);
    expect(result.ok ? "valid" : result.problems).toMatch(sentence);
  });

  it("are listed together, at most eight, and clipped", () => {
    const args = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`invented${n}`, "x".repeat(5000)]));
    const result = validateFor("flow_create", { ...args, policy: "y".repeat(5000) });
    expect(result.ok ? "" : result.problems).toMatch(/"policy" must be .*; "invented0" is not an argument/);
    expect(result.ok ? "" : result.problems.length).toBeLessThan(1500);
  });

  it("cannot reach an object's prototype", () => {
    const hostile = JSON.parse(
      '{"policy": {"__proto__": {"profile": "strict"}, "constructor": {"x": 1}, "profile": "balanced"}}',
    ) as unknown;
    expect(validateFor("flow_create", hostile)).toEqual({ ok: true, input: { policy: { profile: "balanced" } } });
    const outside = validateFor(
      "flow_create",
      JSON.parse('{"policy": {}, "__proto__": {"projectId": "p"}}') as unknown,
    );
    expect(outside.ok ? (outside.input as { projectId?: string }).projectId : undefined).toBeUndefined();
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
