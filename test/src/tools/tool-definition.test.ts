import { describe, expect, it } from "vitest";
import { catalogOf } from "../../../src/tools/catalog.ts";
import { imgForgeTools } from "../../../src/tools/img-forge.ts";
import { annotationsOf, RISKS, scopeOf } from "../../../src/tools/risk.ts";
import { toolsOf } from "../../../src/tools/tool-definition.ts";

const definition = { title: "t", description: "d", risk: "READ_ONLY", render: () => [] };
/** As code that no compiler has seen would call it. */
const untyped = toolsOf as unknown as (backend: string, definitions: Record<string, unknown>) => unknown;

describe("a definition that cannot become a tool throws when the module loads, naming the tool", () => {
  it.each<[string, Record<string, unknown>]>([
    ["image_check_job: it declares no risk", { image_check_job: { ...definition, risk: undefined } }],
    ["image_check_job: it declares no risk", { image_check_job: { ...definition, risk: "HARMLESS" } }],
    [
      "image_generate: its risk is READ_ONLY, and its method changes something",
      { image_generate: { ...definition, risk: "READ_ONLY" } },
    ],
    [
      "image_check_job: its risk is LOCAL_MUTATION, and its method changes nothing",
      { image_check_job: { ...definition, risk: "LOCAL_MUTATION" } },
    ],
    ["image_delete: the contract of IMG_FORGE has no such tool", { image_delete: definition }],
    ["constructor: the contract of IMG_FORGE has no such tool", { constructor: definition }],
  ])("%s", (message, definitions) => {
    expect(() => untyped("IMG_FORGE", definitions)).toThrow(`Tool ${message}`);
  });

  it("two tools with one name", () => {
    expect(() => catalogOf([...imgForgeTools, ...imgForgeTools])).toThrow(
      "Tool image_check_job: two tools have this name",
    );
  });
});

describe("what follows from a risk", () => {
  it("is the scope that a caller needs", () => {
    expect(RISKS.map((risk) => [risk, scopeOf(risk)])).toEqual([
      ["READ_ONLY", "read"],
      ["LOCAL_MUTATION", "generate"],
      ["EXTERNAL_MUTATION", "generate"],
      ["DESTRUCTIVE", "generate"],
    ]);
  });

  it("is what clients are told to expect", () => {
    const hints = (
      readOnlyHint: boolean,
      destructiveHint: boolean,
      idempotentHint: boolean,
      openWorldHint: boolean,
    ) => ({
      readOnlyHint,
      destructiveHint,
      idempotentHint,
      openWorldHint,
    });
    expect(annotationsOf("READ_ONLY", false)).toEqual(hints(true, false, true, false));
    expect(annotationsOf("LOCAL_MUTATION", false)).toEqual(hints(false, false, false, false));
    expect(annotationsOf("LOCAL_MUTATION", true)).toEqual(hints(false, false, true, false));
    expect(annotationsOf("EXTERNAL_MUTATION", false)).toEqual(hints(false, false, false, true));
    expect(annotationsOf("DESTRUCTIVE", false)).toEqual(hints(false, true, false, false));
  });
});
