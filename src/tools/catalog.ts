// The catalog: every tool of every product. A backend of contracts/backends.ts that has tools and
// no product here does not compile.
import type { ToolBackendName } from "../../contracts/backends.ts";
import { DeclarationError } from "../../contracts/rpc/contract.ts";
import { imgForge } from "./img-forge.ts";
import type { Product } from "./product.ts";
import { stackbilder } from "./stackbilder.ts";
import type { ToolDefinition } from "./tool-definition.ts";

const PRODUCTS: { readonly [B in ToolBackendName]: Product<B> } = {
  STACKBILDER: stackbilder,
  IMG_FORGE: imgForge,
};

/** The gateway's products, in the order in which texts list them. */
export const products: readonly Product[] = Object.values(PRODUCTS);

/** Tools by name. A `Map`, so that no name can reach a property of an object's prototype. */
export type Catalog = ReadonlyMap<string, ToolDefinition>;

/** Tools by name, sorted by name. Throws if two share one. */
export function catalogOf(tools: readonly ToolDefinition[]): Catalog {
  const catalog = new Map<string, ToolDefinition>();
  for (const tool of tools.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (catalog.has(tool.name))
      throw new DeclarationError(`Tool ${tool.name}: two tools have this name: rename one of them in its contract.`);
    catalog.set(tool.name, tool);
  }
  return catalog;
}

/** The tools of this gateway. */
export const catalog = catalogOf(products.flatMap(({ tools }) => tools));
