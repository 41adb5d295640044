// Digests of tools. A digest covers everything that clients are shown, and everything that decides
// which identities may call the tool and which backend it calls; a change to any of it changes the
// digest. It is computed once per isolate, at its first use.
import { digestInput } from "../../contracts/rpc/encoding.ts";
import type { ToolDefinition } from "./tool-definition.ts";

/** The data of a tool. A view, which is a whole page, is represented by its digest. */
export interface ToolFacts
  extends Omit<ToolDefinition, "operation" | "methods" | "render" | "settlement" | "task" | "view"> {
  readonly view: { readonly uri: string; readonly digest: string } | null;
}

/**
 * A tool without its code. A new field of tools becomes part of the facts unless it is omitted
 * here.
 */
export async function factsOf({
  operation: _operation,
  methods: _methods,
  render: _render,
  settlement: _settlement,
  task: _task,
  view,
  ...facts
}: ToolDefinition): Promise<ToolFacts> {
  return { ...facts, view: view && { uri: view.uri, digest: await digestInput(view) } };
}

/** The digest of several tools together, and that of each by name. */
export interface Digests {
  readonly digest: string;
  readonly tools: Readonly<Record<string, string>>;
}

/** Holds values, not promises: a request must not await a promise of another request. */
const known = new WeakMap<ToolDefinition, string>();

/** The tool's digest, if this isolate has made it. */
export function knownDigestOf(tool: ToolDefinition): string | undefined {
  return known.get(tool);
}

/** SHA-256, base64url, of the canonical JSON (RFC 8785) of the tool's facts. */
export async function digestOf(tool: ToolDefinition): Promise<string> {
  const digest = known.get(tool) ?? (await digestInput(await factsOf(tool)));
  known.set(tool, digest);
  return digest;
}

/**
 * The common digest is that of the tools' digests by name, in the same form. Their order does not
 * matter.
 */
export async function digestsOf(tools: Iterable<ToolDefinition>): Promise<Digests> {
  const each = await Promise.all(Array.from(tools, async (tool) => [tool.name, await digestOf(tool)] as const));
  const byName = Object.fromEntries(each);
  return { digest: await digestInput(byName), tools: byName };
}
