// The methods that all revisions have in common, and the capabilities that follow from the
// features. Methods of one era are in modern.ts and legacy.ts.
import type { ServerFeatures } from "./port.ts";
import { complete, getPrompt } from "./prompts.ts";
import {
  cachedResultResponse,
  invalidParams,
  type MethodHandler,
  orUndefined,
  rateLimited,
  resultResponse,
  traceparentOf,
} from "./request.ts";
import { readResource } from "./resources.ts";
import { callTool } from "./tools.ts";

/** Cache lifetime of a list, in milliseconds: features change only with a deployment. */
export const LIST_TTL_MS = 300_000;
/** The same for a list that changes with the user's work. */
const CHANGING_LIST_TTL_MS = 5_000;

/** A list method. One page holds all entries, so the server has issued no cursor. */
function listMethod(key: string, entriesOf: (features: ServerFeatures) => readonly object[]): MethodHandler {
  return function list(request) {
    if (request.params.cursor !== undefined) return invalidParams(request, "This server did not issue the cursor.");
    const { server, codec } = request;
    return cachedResultResponse(
      request,
      key,
      () => ({ [key]: entriesOf(server.features).map((entry) => codec.entry(entry)) }),
      LIST_TTL_MS,
    );
  };
}

const listFixedResources = listMethod("resources", ({ resources }) => resources);

/** Lists the features' resources, then those that come and go. A failure hides only the latter. */
const listResources: MethodHandler = async (request) => {
  const { server, codec, params } = request;
  if (!server.listResources || params.cursor !== undefined) return listFixedResources(request);
  const changing = await orUndefined(request, async () => server.listResources?.(traceparentOf(params)) ?? []);
  if (changing && "state" in changing) return rateLimited(request, changing);
  const resources = [...server.features.resources, ...(changing ?? [])].map((entry) => codec.entry(entry));
  return resultResponse(request, { resources }, CHANGING_LIST_TTL_MS);
};

type Capability = "tools" | "prompts" | "resources" | "completions";

const METHODS: ReadonlyMap<string, readonly [Capability, MethodHandler]> = new Map([
  ["tools/list", ["tools", listMethod("tools", ({ tools }) => tools)]],
  ["tools/call", ["tools", callTool]],
  ["prompts/list", ["prompts", listMethod("prompts", ({ prompts }) => prompts)]],
  ["prompts/get", ["prompts", getPrompt]],
  ["resources/list", ["resources", listResources]],
  ["resources/templates/list", ["resources", listMethod("resourceTemplates", ({ templates }) => templates)]],
  ["resources/read", ["resources", readResource]],
  ["completion/complete", ["completions", complete]],
]);

/** The handler of a common method, if the features have the capability that it belongs to. */
export function sharedMethod(features: ServerFeatures, name: string): MethodHandler | undefined {
  const [capability, method] = METHODS.get(name) ?? [];
  return capability === "tools" || (capability && capability in capabilitiesOf(features)) ? method : undefined;
}

/** `ServerCapabilities`, without `listChanged` and `subscribe`: nothing here changes. */
export function capabilitiesOf({ prompts, resources, templates }: ServerFeatures): Partial<Record<Capability, object>> {
  return {
    tools: {},
    ...(prompts.length > 0 && { prompts: {} }),
    ...(resources.length + templates.length > 0 && { resources: {} }),
    ...(prompts.length + templates.length > 0 && { completions: {} }),
  };
}

/** The `extensions` capability, if there are any. */
export function extensionsOf(extensions: ServerFeatures["extensions"]): { extensions?: ServerFeatures["extensions"] } {
  return Object.keys(extensions).length > 0 ? { extensions } : {};
}
