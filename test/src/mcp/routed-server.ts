// A fake server with one tool, "route", whose arguments are repeated in headers. No assertions.
import type { McpServer } from "../../../src/mcp/port.ts";
import { emptyFeatures, modernHeaders, toolNamed } from "./http.ts";

const routeTool = toolNamed("route", {
  type: "object",
  properties: {
    region: { type: "string", "x-mcp-header": "Region" },
    shard: { type: "integer", "x-mcp-header": "Shard" },
    dry: { type: "boolean", "x-mcp-header": "Dry" },
    deep: { type: "object", properties: { city: { type: "string", "x-mcp-header": "City" } } },
    list: {
      type: "array",
      items: { type: "object", properties: { x: { type: "string", "x-mcp-header": "Unreachable" } } },
    },
  },
});
/** The calls that were prepared. */
export const calls: { name: string; args: unknown }[] = [];
/** Refuses the region "forbidden" for a missing scope. */
export const ROUTED_SERVER: Partial<McpServer> = {
  features: { ...emptyFeatures, tools: [routeTool] },
  prepareCall(name, args) {
    calls.push({ name, args });
    if (name === "route" && (args as { region?: string }).region === "forbidden")
      return { state: "insufficient_scope", scopes: ["generate"] };
    return name === "route" ? { state: "ready", run: async () => ({ content: [] }) } : { state: "unknown_tool" };
  },
};

/** The headers of a modern call of "route". */
export const ROUTE_HEADERS = modernHeaders("tools/call", { name: "route" });
/** A legacy call of "route". */
export const LEGACY_CALL = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "route" } };
