// The methods that every revision has, and which of them an features makes possible. What only one era has stands in its own file.

import type { ServerFeatures } from "./port.ts";
import { complete, getPrompt } from "./prompts.ts";
import {
  finish,
  finishReady,
  invalid,
  type McpRequest,
  type Method,
  orUndefined,
  traceparentOf,
  work,
} from "./request.ts";
import { readResource } from "./resources.ts";
import { callTool } from "./tools.ts";

/** How long a client may keep a list, in milliseconds: an features changes only with a deployment. */
export const LIST_TTL_MS = 300_000;

/** Lists with `entriesOf`. One page holds everything, so no cursor was ever handed out. */
const lister =
  (key: string, entriesOf: (features: ServerFeatures) => readonly object[]): Method =>
  (request: McpRequest) => {
    if (request.params.cursor !== undefined) return invalid(request, "This cursor is not one of ours.");
    const { server, codec } = request;
    return finishReady(
      request,
      key,
      () => ({ [key]: entriesOf(server.features).map((entry) => codec.entry(entry)) }),
      LIST_TTL_MS,
    );
  };

/** The same for a list that changes with what somebody makes. */
const CHANGING_LIST_TTL_MS = 5_000;

const listOffered = lister("resources", ({ resources }) => resources);

/** Lists the offer's resources and those that the server has beside them. Trouble with the latter leaves the former. */
const listResources: Method = async (request) => {
  const { server, codec, params } = request;
  if (!server.listResources || params.cursor !== undefined) return listOffered(request);
  const own = await orUndefined(request, async () => server.listResources?.(traceparentOf(params)) ?? []);
  const resources = [...server.features.resources, ...(own ?? [])].map((entry) => codec.entry(entry));
  return finish(request, { resources }, CHANGING_LIST_TTL_MS);
};

type Capability = "tools" | "prompts" | "resources" | "completions";

const METHODS: ReadonlyMap<string, readonly [Capability, Method]> = new Map([
  ["tools/list", ["tools", lister("tools", ({ tools }) => tools)]],
  ["tools/call", ["tools", work(callTool)]],
  ["prompts/list", ["prompts", lister("prompts", ({ prompts }) => prompts)]],
  ["prompts/get", ["prompts", getPrompt]],
  ["resources/list", ["resources", listResources]],
  ["resources/templates/list", ["resources", lister("resourceTemplates", ({ templates }) => templates)]],
  ["resources/read", ["resources", work(readResource)]],
  ["completion/complete", ["completions", work(complete)]],
]);

/** A method of every revision, where the features has what it needs. */
export function sharedMethod(features: ServerFeatures, name: string): Method | undefined {
  const [capability, method] = METHODS.get(name) ?? [];
  return capability !== undefined && capability in capabilitiesOf(features) ? method : undefined;
}

/** What is served. Nothing announces changes and nothing can be subscribed to: an features, and what can be read, never change. */
export function capabilitiesOf({ prompts, resources, templates }: ServerFeatures): Partial<Record<Capability, object>> {
  return {
    tools: {},
    ...(prompts.length > 0 && { prompts: {} }),
    ...(resources.length + templates.length > 0 && { resources: {} }),
    ...(prompts.length + templates.length > 0 && { completions: {} }),
  };
}

/** Extensions as a capability, where there are any. */
export function extensionsOf(extensions: ServerFeatures["extensions"]): { extensions?: ServerFeatures["extensions"] } {
  return Object.keys(extensions).length > 0 ? { extensions } : {};
}
