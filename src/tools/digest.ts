// What a tool is to everybody outside, and a digest of it: of what clients are shown, and of what decides who may call it and where
// a call ends. A tool that changed in any of this has another digest. Made once an isolate, when somebody first asks.
import { digestInput } from "../../contracts/rpc/encoding.ts";
import type { ToolDefinition } from "./tool-definition.ts";

/** All that is data about a tool; of its view, which is a whole page, the digest. */
export interface ToolFacts extends Omit<ToolDefinition, "operation" | "methods" | "render" | "task" | "view"> {
  readonly view: { readonly uri: string; readonly digest: string } | null;
}

/** A tool without its code: a field that tools get later belongs to their facts unless it is left out here. */
export async function factsOf({
  operation: _operation,
  methods: _methods,
  render: _render,
  task: _task,
  view,
  ...facts
}: ToolDefinition): Promise<ToolFacts> {
  return { ...facts, view: view && { uri: view.uri, digest: await digestInput(view) } };
}

/** The digest of some tools together, and of each by its name. */
export interface Digests {
  readonly digest: string;
  readonly tools: Readonly<Record<string, string>>;
}

/** Values, not promises: one request must not wait for what another began. */
const known = new WeakMap<ToolDefinition, string>();

/** SHA-256, base64url, of the canonical JSON (RFC 8785) of the tool's facts. */
export async function digestOf(tool: ToolDefinition): Promise<string> {
  const digest = known.get(tool) ?? (await digestInput(await factsOf(tool)));
  known.set(tool, digest);
  return digest;
}

/** The digest of the whole is that of its tools' digests by name, in the same form; their order does not count. */
export async function digestsOf(tools: Iterable<ToolDefinition>): Promise<Digests> {
  const each = await Promise.all(Array.from(tools, async (tool) => [tool.name, await digestOf(tool)] as const));
  const byName = Object.fromEntries(each);
  return { digest: await digestInput(byName), tools: byName };
}
