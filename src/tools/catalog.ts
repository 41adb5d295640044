// The catalog: every tool the gateway offers, once, in the order in which it is listed.
import { imgForgeTools } from "./img-forge.ts";
import { stackbilderTools } from "./stackbilder.ts";
import type { ToolDefinition } from "./tool-definition.ts";

/** Tools by name. A `Map`, so that no name can reach a property of an object's prototype. */
export type Catalog = ReadonlyMap<string, ToolDefinition>;

/** Tools by name, sorted by name. Throws when two share one. */
export function catalogOf(tools: readonly ToolDefinition[]): Catalog {
  const catalog = new Map<string, ToolDefinition>();
  for (const tool of tools.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (catalog.has(tool.name)) throw new Error(`Tool ${tool.name}: two tools have this name.`);
    catalog.set(tool.name, tool);
  }
  return catalog;
}

/** What this gateway offers. */
export const catalog = catalogOf([...stackbilderTools, ...imgForgeTools]);
