// A product: the tools of one backend, and the texts about them that other parts of the gateway
// show. Each text is written once, beside its tools; src/tools/product-texts.ts joins them.
import type { ToolBackendName } from "../../contracts/backends.ts";
import { DeclarationError } from "../../contracts/rpc/contract.ts";
import { Scope } from "../../contracts/rpc/identity.ts";
import type { ToolDefinition } from "./tool-definition.ts";

export interface Product<B extends ToolBackendName = ToolBackendName> {
  readonly backend: B;
  /** The product in two or three words, as part of a list: "architecture flows". */
  readonly summary: string;
  /** For the model: the tools to call, in order. Part of the `instructions` of the MCP server. */
  readonly instructions: string;
  /** Per scope, the actions that it allows on this product, for the user: "see your flows". */
  readonly allows: Readonly<Partial<Record<Scope, string>>>;
  readonly tools: readonly ToolDefinition[];
}

/**
 * Makes a product. Throws unless each scope that its tools need, and no other scope, is described.
 */
export function product<B extends ToolBackendName>(backend: B, definition: Omit<Product<B>, "backend">): Product<B> {
  const { allows, tools } = definition;
  for (const scope of Scope.options) {
    const isNeeded = tools.some((tool) => tool.scope === scope);
    if (isNeeded && allows[scope] === undefined)
      throw new DeclarationError(
        `Product ${backend}: it has tools of the scope ${scope}, but \`allows\` does not describe it.`,
      );
    if (!isNeeded && allows[scope] !== undefined)
      throw new DeclarationError(`Product ${backend}: \`allows\` describes the scope ${scope}, but no tool needs it.`);
  }
  return { backend, ...definition };
}
