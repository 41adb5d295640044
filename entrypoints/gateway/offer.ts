// How the gateway presents itself to MCP clients: name, instructions, and the catalog in the shape of the MCP schema.
import { version } from "../../package.json";
import type { Offer } from "../../src/mcp/host.ts";
import { catalog } from "../../src/tools/catalog.ts";

export const offer: Offer = {
  info: { name: "stackbilt-mcp-gateway", title: "Stackbilt", version },
  instructions:
    "flow_* tools design a system: flow_create with the user's description, then flow_advance once for each mode, then flow_summary for all artifacts. " +
    "image_* tools draw pictures: image_generate with a full visual description. Ids that a tool returns stay valid for the signed-in user.",
  tools: Array.from(catalog.values(), ({ name, title, description, inputSchema, outputSchema, annotations }) => ({
    name,
    title,
    description,
    inputSchema,
    outputSchema,
    annotations,
  })),
};
