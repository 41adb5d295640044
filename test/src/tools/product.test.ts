// Products: the texts beside the tools, and their joined form on pages, in instructions and
// documents.
import { describe, expect, it } from "vitest";
import { products } from "../../../src/tools/catalog.ts";
import { imgForge } from "../../../src/tools/img-forge.ts";
import { product } from "../../../src/tools/product.ts";
import { productTexts, textsOf } from "../../../src/tools/product-texts.ts";
import { stackbilder } from "../../../src/tools/stackbilder.ts";

const { backend, ...definition } = imgForge;
const readOnly = { ...definition, tools: imgForge.tools.filter(({ scope }) => scope === "read") };

describe("a product describes each scope that its tools need", () => {
  it("and no other scope", () => {
    const { read = "" } = definition.allows;
    expect(product(backend, { ...readOnly, allows: { read } }).allows).toEqual({ read });
    expect(() => product(backend, { ...definition, allows: { read } })).toThrow(
      "Product IMG_FORGE: it has tools of the scope generate, but `allows` does not describe it.",
    );
    expect(() => product(backend, readOnly)).toThrow(
      "Product IMG_FORGE: `allows` describes the scope generate, but no tool needs it.",
    );
  });
});

describe("the joined texts", () => {
  it("are those of every product of the catalog", () => {
    expect(products).toEqual(expect.arrayContaining([stackbilder, imgForge]));
    expect(productTexts).toEqual(textsOf(products));
  });

  it("are these for two products, as literals", () => {
    const { tools, ...texts } = textsOf([stackbilder, imgForge]);
    expect(tools.map(({ name }) => name)).toEqual([...stackbilder.tools, ...imgForge.tools].map(({ name }) => name));
    expect(tools).toContainEqual({
      name: "image_generate",
      title: "Generate an image",
      scope: "generate",
      price: "credits: draft 1, standard 1, premium 3, ultra 5, ultra_plus 8",
    });
    expect(tools).toContainEqual({ name: "flow_status", title: "Check a flow's status", scope: "read", price: "free" });
    expect(texts).toEqual({
      summary: "architecture flows and image generation",
      instructions:
        "flow_* tools design a system: call flow_create with the user's description, then flow_advance once for each mode, " +
        "then flow_summary for all artifacts. image_* tools generate images: call image_generate with a complete visual " +
        "description of the image. Ids that a tool returns stay valid for the signed-in user.",
      allows: {
        read: "see your architecture flows; see your images and the image models",
        generate: "create and run architecture flows; generate images, which costs credits",
      },
    });
  });

  it("name each product once, in the given order", () => {
    const three = textsOf([
      stackbilder,
      imgForge,
      { ...imgForge, summary: "sounds", allows: { read: "hear your sounds" } },
    ]);
    expect(three.summary).toBe("architecture flows, image generation and sounds");
    expect(three.allows.read).toMatch(/; hear your sounds$/);
    expect(three.allows.generate).toBe(textsOf([stackbilder, imgForge]).allows.generate);
    expect(textsOf([imgForge]).summary).toBe("image generation");
  });
});
