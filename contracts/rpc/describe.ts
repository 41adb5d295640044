// Description of a Worker by itself: name, version, and a digest of the contract that it was built
// with. Two sides with the same digest agree on every method, schema and failure code.
import * as v from "valibot";
import type { Contract } from "./contract.ts";
import { digestInput } from "./encoding.ts";
import { operation } from "./operation.ts";

/** `describe`, a method of every contract. */
export const Describe = operation({
  input: v.strictObject({}),
  output: v.object({
    /** The contract's audience. */
    name: v.string(),
    /** Version of the Worker's code. */
    version: v.string(),
    /** See `contractDigest`. */
    contractDigest: v.string(),
  }),
  errors: {},
  timeoutMs: 5_000,
});

/** Members of a schema that do not change what it accepts. */
const IGNORED = new Set(["~standard", "~run", "reference", "expects", "message", "async"]);

/**
 * SHA-256, base64url, of the contract: each method with its schemas, its failure codes and whether
 * it changes data. Texts do not count. Checks that are functions cannot be compared.
 */
export function contractDigest({ audience, methods }: Contract): Promise<string> {
  const outlines = Object.entries(methods).map(([name, { input, output, errors, changes = false }]) => [
    name,
    { input: outlineOf(input), output: outlineOf(output), errors: Object.keys(errors).toSorted(), changes },
  ]);
  return digestInput({ audience, methods: Object.fromEntries(outlines) });
}

/** A schema as plain data, or a part of one. */
function outlineOf(part: unknown): unknown {
  if (part instanceof RegExp) return String(part);
  if (Array.isArray(part)) return part.filter((item) => !isMetadata(item)).map((item) => outlineOf(item));
  if (typeof part === "function") return undefined;
  if (typeof part !== "object" || part === null) return part;
  // The fields of an object have names of their own: only a schema has members to ignore.
  const isSchema = "kind" in part && typeof part.kind === "string";
  const members = Object.entries(part).filter(([name]) => !isSchema || !IGNORED.has(name));
  return Object.fromEntries(members.map(([name, member]) => [name, outlineOf(member)]));
}

function isMetadata(part: unknown): boolean {
  return typeof part === "object" && part !== null && "kind" in part && part.kind === "metadata";
}
