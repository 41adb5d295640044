// Texts about all products together, for pages, MCP instructions, the server card and documents.
import { Scope } from "../../contracts/rpc/identity.ts";
import { products } from "./catalog.ts";
import { describePrice, isPaid } from "./price.ts";
import type { Product } from "./product.ts";
import type { ToolDefinition } from "./tool-definition.ts";

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
  /** Every tool, in the order of the products. */
  readonly tools: readonly ToolText[];
}

/** A tool, for people. */
export interface ToolText {
  readonly name: string;
  readonly title: string;
  readonly scope: Scope;
  /** "free", or the credits of a call. */
  readonly price: string;
}

/** Joins the texts of products, in their order. */
export function textsOf(all: readonly Product[]): ProductTexts {
  const allowed = (scope: Scope) => all.flatMap(({ allows }) => allows[scope] ?? []).join("; ");
  return {
    summary: listOf(all.map(({ summary }) => summary)),
    instructions: [...all.map(({ instructions }) => instructions), IDS].join(" "),
    allows: Object.fromEntries(Scope.options.map((scope) => [scope, allowed(scope)])) as Record<Scope, string>,
    tools: all.flatMap(({ tools }) => tools).map(toolText),
  };
}

function toolText({ name, title, scope, price }: ToolDefinition): ToolText {
  return { name, title, scope, price: isPaid(price) ? `credits: ${describePrice(price)}` : "free" };
}

const IDS = "Ids that a tool returns stay valid for the signed-in user.";

/** "a", "a and b", "a, b and c". */
function listOf(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** The texts of the gateway's own products. */
export const productTexts = textsOf(products);
