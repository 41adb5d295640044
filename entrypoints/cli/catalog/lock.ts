// Lock file of the catalog: every tool as it was last accepted. Each change since then becomes one
// sentence, the most dangerous first, because a changed digest does not show what to review.
import { isDeepStrictEqual } from "node:util";
import { RISKS } from "../../../contracts/gateway.ts";
import { digestsOf, factsOf, type ToolFacts } from "../../../src/tools/digest.ts";
import { describePrice } from "../../../src/tools/price.ts";
import type { ToolDefinition } from "../../../src/tools/tool-definition.ts";
import { type Field, fieldsOf } from "./schema-fields.ts";

export interface Lock {
  /** Digest of the whole catalog; see src/tools/digest.ts. */
  readonly digest: string;
  /** By name. */
  readonly tools: Readonly<Record<string, LockedTool>>;
}

export interface LockedTool extends ToolFacts {
  readonly digest: string;
}

/** The lock of these tools. */
export async function lockOf(tools: readonly ToolDefinition[]): Promise<Lock> {
  const digests = await digestsOf(tools);
  const entries = await Promise.all(
    tools.map(async (tool) => [tool.name, { digest: digests.tools[tool.name], ...(await factsOf(tool)) }]),
  );
  // A round trip through JSON makes it comparable with a lock that was read from a file.
  return JSON.parse(JSON.stringify({ digest: digests.digest, tools: Object.fromEntries(entries) })) as Lock;
}

/** Kinds of changes, the most dangerous first. */
const SEVERITY = [
  "risk lowered",
  "scope widened",
  "removed",
  "renamed",
  "moved",
  "breaking schema",
  "schema",
  "paid flag dropped",
  "price",
  "stricter",
  "added",
  "text",
  "other",
] as const;

/** Kinds that may make calls fail that succeeded, or results unusable. */
const BREAKING: readonly string[] = ["removed", "renamed", "breaking schema", "stricter"];

interface Change {
  readonly kind: (typeof SEVERITY)[number];
  readonly sentence: string;
}

/** The differences between two locks, one sentence each. Empty only if the locks are equal. */
export function changesOf(before: Lock, after: Lock): { readonly sentence: string; readonly isBreaking: boolean }[] {
  const names = (lock: Lock, other: Lock) =>
    Object.keys(lock.tools).filter((name) => !Object.hasOwn(other.tools, name));
  const removed = new Set(names(before, after));
  const added = names(after, before);
  const changes: Change[] = [];
  for (const name of added) {
    const now = toolOf(after, name);
    const former = [...removed].find((old) => isSameMethod(toolOf(before, old), now));
    if (former === undefined) {
      const costs = now.isPaid ? ", costs credits" : "";
      changes.push({ kind: "added", sentence: `${name}: added, ${now.risk}, needs the scope ${now.scope}${costs}.` });
      continue;
    }
    removed.delete(former);
    changes.push({
      kind: "renamed",
      sentence: `${former}: renamed to ${name}. Clients that use the old name lose the tool.`,
    });
    changes.push(...changesOfTool(name, toolOf(before, former), now));
  }
  for (const name of removed)
    changes.push({ kind: "removed", sentence: `${name}: removed. Clients that use it lose the tool.` });
  for (const name of Object.keys(after.tools)) {
    if (Object.hasOwn(before.tools, name))
      changes.push(...changesOfTool(name, toolOf(before, name), toolOf(after, name)));
  }
  if (changes.length === 0 && before.digest !== after.digest) {
    changes.push({
      kind: "other",
      sentence: "The common digest does not match the tools in the lock: it was changed by hand.",
    });
  }
  const rank = ({ kind }: Change) => SEVERITY.indexOf(kind);
  return changes
    .toSorted((a, b) => rank(a) - rank(b))
    .map(({ kind, sentence }) => ({ sentence, isBreaking: BREAKING.includes(kind) }));
}

function toolOf(lock: Lock, name: string): LockedTool {
  const tool = lock.tools[name];
  if (tool === undefined) throw new Error(`The lock has no tool ${name}.`);
  return tool;
}

function isSameMethod(a: LockedTool, b: LockedTool): boolean {
  return a.backend === b.backend && a.method === b.method;
}

function changesOfTool(name: string, before: LockedTool, after: LockedTool): Change[] {
  const changes: Change[] = [];
  const add = (kind: Change["kind"], sentence: string) => changes.push({ kind, sentence: `${name}: ${sentence}` });
  if (before.risk !== after.risk) {
    const isLower = RISKS.indexOf(after.risk) < RISKS.indexOf(before.risk);
    add(
      isLower ? "risk lowered" : "stricter",
      `risk ${isLower ? "lowered" : "raised"} from ${before.risk} to ${after.risk}.`,
    );
  }
  if (before.scope !== after.scope) {
    // `generate` includes `read`: a tool that needs `read` admits more callers.
    const isWider = after.scope === "read";
    add(
      isWider ? "scope widened" : "stricter",
      `scope ${isWider ? "widened" : "narrowed"}: ${after.scope} is needed instead of ${before.scope}.`,
    );
  }
  if (!isSameMethod(before, after)) {
    add("moved", `calls ${after.backend}.${after.method} instead of ${before.backend}.${before.method}.`);
  }
  for (const { kind, sentence } of schemaChanges(before, after)) add(kind, sentence);
  if (before.isPaid && !after.isPaid)
    add("paid flag dropped", "no longer costs credits: test keys may call it, and its credential is not revalidated.");
  if (!before.isPaid && after.isPaid) add("stricter", "now costs credits.");
  if (before.isPaid && after.isPaid && !isDeepStrictEqual(before.price, after.price))
    add("price", `costs ${describePrice(after.price)} credits instead of ${describePrice(before.price)}.`);
  if (before.title !== after.title) add("text", `title changed from "${before.title}" to "${after.title}".`);
  if (before.description !== after.description) {
    add("text", `description changed.\n      was: ${before.description}\n      is:  ${after.description}`);
  }
  if (!isDeepStrictEqual(before.view, after.view)) {
    const [was, is] = [before.view?.uri ?? "none", after.view?.uri ?? "none"];
    add("text", was === is ? `the page of its view changed (${is}).` : `view changed from ${was} to ${is}.`);
  }
  const others = otherKeys(before, after);
  if (others.length > 0) add("other", `${others.join(", ")} changed.`);
  if (changes.length === 0 && before.digest !== after.digest)
    add("other", "its entry in the lock was changed by hand: the digest does not match.");
  return changes;
}

/**
 * Fields with sentences of their own. The name is the key of the entry; annotations derive from the
 * risk.
 */
const COMPARED = new Set([
  "name",
  "digest",
  "risk",
  "scope",
  "backend",
  "audience",
  "method",
  "isPaid",
  "price",
  "title",
  "description",
  "view",
]);

function otherKeys(before: LockedTool, after: LockedTool): string[] {
  const was: Readonly<Record<string, unknown>> = { ...before };
  const is: Readonly<Record<string, unknown>> = { ...after };
  const compared = new Set([
    ...COMPARED,
    "inputSchema",
    "outputSchema",
    ...(before.risk === after.risk ? [] : ["annotations"]),
  ]);
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
    (key) => !compared.has(key) && !isDeepStrictEqual(was[key], is[key]),
  );
}

function schemaChanges(before: LockedTool, after: LockedTool): Change[] {
  return (["inputSchema", "outputSchema"] as const).flatMap((side) => {
    if (isDeepStrictEqual(before[side], after[side])) return [];
    const noun = side === "inputSchema" ? "argument" : "result field";
    const changes = fieldChanges(noun, fieldsOf(before[side]), fieldsOf(after[side]));
    return changes.length > 0
      ? changes
      : [{ kind: "breaking schema", sentence: `${side} changed outside of its fields.` }];
  });
}

function fieldChanges(noun: string, before: readonly Field[], after: readonly Field[]): Change[] {
  const was = new Map(before.map((field) => [field.path, field]));
  const is = new Set(after.map(({ path }) => path));
  const changes: Change[] = [];
  const add = (kind: Change["kind"], path: string, sentence: string) =>
    changes.push({ kind, sentence: `${noun} ${path} ${sentence}` });
  for (const { path } of before) if (!is.has(path)) add("breaking schema", path, "removed.");
  for (const { path, type, isRequired, default: fallback, meaning } of after) {
    const old = was.get(path);
    if (!old) {
      const isDemanded = noun === "argument" && isRequired;
      add(isDemanded ? "breaking schema" : "schema", path, `added${isDemanded ? ", and required" : ""}: ${type}.`);
      continue;
    }
    if (old.isRequired !== isRequired) {
      // A client must send what is required, and relies on results that are.
      const kind = isRequired === (noun === "argument") ? "breaking schema" : "schema";
      add(kind, path, isRequired ? "is now required." : "is no longer required.");
    }
    if (old.type !== type) add("breaking schema", path, `changed from ${old.type} to ${type}.`);
    if (old.default !== fallback)
      add("schema", path, `has the default ${fallback ?? "none"} instead of ${old.default ?? "none"}.`);
    if (old.meaning !== meaning)
      add("text", path, `has another description.\n      was: ${old.meaning}\n      is:  ${meaning}`);
  }
  return changes;
}
