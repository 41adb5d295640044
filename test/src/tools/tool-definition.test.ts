// Tools from declarations: the errors of a declaration that cannot become a tool, and the
// properties that derive from a risk.
import { describe, expect, it } from "vitest";
import { RISKS } from "../../../contracts/gateway.ts";
import { ListModels } from "../../../contracts/img-forge.ts";
import { contract } from "../../../contracts/rpc/contract.ts";
import { catalogOf } from "../../../src/tools/catalog.ts";
import { imgForge } from "../../../src/tools/img-forge.ts";
import { annotationsOf, scopeOf } from "../../../src/tools/risk.ts";
import { toolsFrom, toolsOf } from "../../../src/tools/tool-definition.ts";

const declaration = { title: "t", description: "d", risk: "READ_ONLY", price: 0, render: async () => [] } as const;
/** `toolsOf` for code that the compiler has not checked. */
const untyped = toolsOf as unknown as (backend: string, declarations: Record<string, unknown>) => unknown;

describe("an invalid declaration throws an error with the tool's name when the module loads", () => {
  it.each<[string, Record<string, unknown>]>([
    ["image_check_job: it declares no risk", { image_check_job: { ...declaration, risk: undefined } }],
    ["image_check_job: it declares no risk", { image_check_job: { ...declaration, risk: "HARMLESS" } }],
    [
      "image_generate: its risk is READ_ONLY, but its method changes data",
      { image_generate: { ...declaration, risk: "READ_ONLY" } },
    ],
    [
      "image_check_job: its risk is LOCAL_MUTATION, but its method does not change data",
      { image_check_job: { ...declaration, risk: "LOCAL_MUTATION" } },
    ],
    ["image_check_job: its price is not a whole", { image_check_job: { ...declaration, price: undefined } }],
    ["image_check_job: its price is not a whole", { image_check_job: { ...declaration, price: 0.5 } }],
    [
      "image_check_job: its price is not a whole",
      { image_check_job: { ...declaration, price: { credits: { a: -1 } } } },
    ],
    ["image_check_job: it only reads, but costs credits", { image_check_job: { ...declaration, price: 1 } }],
    ["image_delete: the contract of IMG_FORGE has no such tool", { image_delete: declaration }],
    ["constructor: the contract of IMG_FORGE has no such tool", { constructor: declaration }],
  ])("%s", (message, declarations) => {
    expect(() => untyped("IMG_FORGE", declarations)).toThrow(`Tool ${message}`);
  });

  it("two tools with the same name", () => {
    expect(() => catalogOf([...imgForge.tools, ...imgForge.tools])).toThrow(
      "Tool image_check_job: two tools have this name",
    );
  });

  it("a tool of the contract without a declaration", () => {
    expect(() => untyped("IMG_FORGE", {})).toThrow("Tool image_generate: declare it in the tools file of IMG_FORGE");
  });

  it("a contract whose method is neither a tool nor internal, or whose tool has no method", () => {
    const unchecked = contract as unknown as (definition: object) => unknown; // the compiler refuses both
    expect(() => unchecked({ ...definition, tools: {} })).toThrow(
      "Method echo: it is neither a tool of img-forge nor internal: list it in `tools`",
    );
    expect(() => unchecked({ ...definition, tools: { echo: "ecco" } })).toThrow(
      "Tool echo: the contract of img-forge has no method ecco",
    );
  });

  it.each(["ec", "ech", "echo_"])("a name that does not begin with the prefix %s", (prefix) => {
    const other = { ...definition, prefix } as unknown as typeof definition; // no contract of this shape compiles
    expect(() => contract(other)).toThrow(`Tool echo: its name must be ${prefix}, or begin with ${prefix}_`);
  });
});

const definition = {
  audience: "img-forge",
  prefix: "echo",
  methods: { echo: ListModels },
  tools: { echo: "echo" },
  internal: [],
} as const;
const single = contract(definition);

describe("a backend with a single tool and no internal method", () => {
  it("can name the tool like its prefix", () => {
    const [tool, ...others] = toolsFrom("IMG_FORGE", single, { echo: declaration });
    expect(tool).toMatchObject({ name: "echo", backend: "IMG_FORGE", method: "echo", scope: "read" });
    expect(others).toEqual([]);
  });

  it("can name the tool with its prefix", () => {
    const prefixed = contract({ ...definition, tools: { echo_all: "echo" }, internal: [] });
    const names = toolsFrom("IMG_FORGE", prefixed, { echo_all: declaration }).map(({ name }) => name);
    expect(names).toEqual(["echo_all"]);
  });
});

describe("a risk determines", () => {
  it("the scope that a call needs", () => {
    expect(RISKS.map((risk) => [risk, scopeOf(risk)])).toEqual([
      ["READ_ONLY", "read"],
      ["LOCAL_MUTATION", "generate"],
      ["EXTERNAL_MUTATION", "generate"],
      ["DESTRUCTIVE", "generate"],
    ]);
  });

  it("the annotations for clients", () => {
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
