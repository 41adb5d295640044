// The methods that every revision has, and which of them an offer makes possible. What only one era has stands in its own file.
import { attempt, type Exchange, finish, finishReady, invalid, type Method, traceparentOf, work } from "./exchange.ts";
import type { Offer } from "./host.ts";
import { complete, getPrompt } from "./prompts.ts";
import { readResource } from "./resources.ts";
import { callTool } from "./tools.ts";

/** How long a client may keep a list, in milliseconds: an offer changes only with a deployment. */
export const LIST_TTL_MS = 300_000;

/** Lists with `entriesOf`. One page holds everything, so no cursor was ever handed out. */
const lister =
  (key: string, entriesOf: (offer: Offer) => readonly object[]): Method =>
  (exchange: Exchange) => {
    if (exchange.params.cursor !== undefined) return invalid(exchange, "This cursor is not one of ours.");
    const { host, dialect } = exchange;
    return finishReady(
      exchange,
      key,
      () => ({ [key]: entriesOf(host.offer).map((entry) => dialect.entry(entry)) }),
      LIST_TTL_MS,
    );
  };

/** The same for a list that changes with what somebody makes. */
const CHANGING_LIST_TTL_MS = 5_000;

const listOffered = lister("resources", ({ resources }) => resources);

/** Lists the offer's resources and those that the host has beside them. Trouble with the latter leaves the former. */
const listResources: Method = async (exchange) => {
  const { host, dialect, params } = exchange;
  if (!host.listResources || params.cursor !== undefined) return listOffered(exchange);
  const own = await attempt(exchange, async () => host.listResources?.(traceparentOf(params)) ?? []);
  const resources = [...host.offer.resources, ...(own ?? [])].map((entry) => dialect.entry(entry));
  return finish(exchange, { resources }, CHANGING_LIST_TTL_MS);
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

/** A method of every revision, where the offer has what it needs. */
export function sharedMethod(offer: Offer, name: string): Method | undefined {
  const [capability, method] = METHODS.get(name) ?? [];
  return capability !== undefined && capability in capabilitiesOf(offer) ? method : undefined;
}

/** What is served. Nothing announces changes and nothing can be subscribed to: an offer, and what can be read, never change. */
export function capabilitiesOf({ prompts, resources, templates }: Offer): Partial<Record<Capability, object>> {
  return {
    tools: {},
    ...(prompts.length > 0 && { prompts: {} }),
    ...(resources.length + templates.length > 0 && { resources: {} }),
    ...(prompts.length + templates.length > 0 && { completions: {} }),
  };
}

/** Extensions as a capability, where there are any. */
export function extensionsOf(extensions: Offer["extensions"]): { extensions?: Offer["extensions"] } {
  return Object.keys(extensions).length > 0 ? { extensions } : {};
}
