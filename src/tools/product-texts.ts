// Texts about all products together, for pages, MCP instructions, the server card and documents.
import { Scope } from "../../contracts/rpc/identity.ts";
import { products } from "./catalog.ts";
import type { Product } from "./product.ts";

export interface ProductTexts {
  /** The products as part of a sentence: "architecture flows and image generation". */
  readonly summary: string;
  /** For the model: the tools of each product and their order. */
  readonly instructions: string;
  /**
   * Per scope, the actions that it allows, separated by semicolons: "see your flows; see your
   * images".
   */
  readonly allows: Readonly<Record<Scope, string>>;
}

/** Joins the texts of products, in their order. */
export function textsOf(all: readonly Product[]): ProductTexts {
  const allowed = (scope: Scope) => all.flatMap(({ allows }) => allows[scope] ?? []).join("; ");
  return {
    summary: listOf(all.map(({ summary }) => summary)),
    instructions: [...all.map(({ instructions }) => instructions), IDS].join(" "),
    allows: Object.fromEntries(Scope.options.map((scope) => [scope, allowed(scope)])) as Record<Scope, string>,
  };
}

const IDS = "Ids that a tool returns stay valid for the signed-in user.";

/** "a", "a and b", "a, b and c". */
function listOf(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** The texts of the gateway's own products. */
export const productTexts = textsOf(products);
