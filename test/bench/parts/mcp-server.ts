// Nothing but the tools, the same for every credential: no look-up of what this one is offered.
import * as original from "../../../entrypoints/gateway/mcp-server.ts";
import type { ServerFeatures } from "../../../src/mcp/port.ts";
import { catalog } from "../../../src/tools/catalog.ts";

export * from "../../../entrypoints/gateway/mcp-server.ts";

let features: ServerFeatures | undefined;

export const mcpServerFor: typeof original.mcpServerFor = (context, credential) => {
  features ??= original.mcpServerFor(context, credential).features;
  return {
    features,
    prepareCall: original.callPreparer(context, credential, catalog),
    readResource,
    getPrompt,
    complete,
  };
};

const readResource = async () => ({ state: "not_found" }) as const;
const getPrompt = async () => ({ state: "not_found" }) as const;
const complete = async () => null;
