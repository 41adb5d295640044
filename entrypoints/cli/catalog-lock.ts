// The lock file of the catalog: what every tool was when somebody last looked and said yes. What has changed since is told in words,
// the most dangerous first, because a changed digest alone tells nobody what to look at.
import { isDeepStrictEqual } from "node:util";
import { digestsOf, factsOf, type ToolFacts } from "../../src/tools/digest.ts";
import { RISKS } from "../../src/tools/risk.ts";
import type { ToolDefinition } from "../../src/tools/tool-definition.ts";
import { type Field, fieldsOf } from "./schema-fields.ts";

export interface Lock {
  /** Of the whole catalog; see src/tools/digest.ts. */
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
  // As JSON has it, so that it compares with what was read from a file.
  return JSON.parse(JSON.stringify({ digest: digests.digest, tools: Object.fromEntries(entries) })) as Lock;
}

/** Kinds of changes, the most dangerous first. */
const SEVERITY = [
  "risk lowered",
  "scope widened",
  "removed",
  "renamed",
  "moved",
  "schema",
  "paid flag dropped",
  "stricter",
  "added",
  "words",
  "other",
] as const;

interface Change {
  readonly kind: (typeof SEVERITY)[number];
  readonly words: string;
}

/** What `after` has that `before` had not, or had otherwise: a sentence each. Empty only where both are the same. */
export function changesOf(before: Lock, after: Lock): string[] {
  const names = (lock: Lock, other: Lock) =>
    Object.keys(lock.tools).filter((name) => !Object.hasOwn(other.tools, name));
  const gone = new Set(names(before, after));
  const arrived = names(after, before);
  const changes: Change[] = [];
  for (const name of arrived) {
    const now = toolOf(after, name);
    const former = [...gone].find((old) => isSameMethod(toolOf(before, old), now));
    if (former === undefined) {
      const costs = now.isPaid ? ", costs credits" : "";
      changes.push({ kind: "added", words: `${name}: added, ${now.risk}, needs the scope ${now.scope}${costs}.` });
      continue;
    }
    gone.delete(former);
    changes.push({ kind: "renamed", words: `${former}: renamed to ${name}. Clients that know the old name lose it.` });
    changes.push(...changesOfTool(name, toolOf(before, former), now));
  }
  for (const name of gone) changes.push({ kind: "removed", words: `${name}: removed. Clients that call it lose it.` });
  for (const name of Object.keys(after.tools)) {
    if (Object.hasOwn(before.tools, name))
      changes.push(...changesOfTool(name, toolOf(before, name), toolOf(after, name)));
  }
  if (changes.length === 0 && before.digest !== after.digest) {
    changes.push({
      kind: "other",
      words: "The digest of the whole does not belong to the tools in the lock: it was changed by hand.",
    });
  }
  const rank = ({ kind }: Change) => SEVERITY.indexOf(kind);
  return changes.toSorted((a, b) => rank(a) - rank(b)).map(({ words }) => words);
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
  const say = (kind: Change["kind"], words: string) => changes.push({ kind, words: `${name}: ${words}` });
  if (before.risk !== after.risk) {
    const isLower = RISKS.indexOf(after.risk) < RISKS.indexOf(before.risk);
    say(
      isLower ? "risk lowered" : "stricter",
      `risk ${isLower ? "lowered" : "raised"} from ${before.risk} to ${after.risk}.`,
    );
  }
  if (before.scope !== after.scope) {
    // `generate` includes `read`: whoever needs less lets more callers in.
    const isWider = after.scope === "read";
    say(
      isWider ? "scope widened" : "stricter",
      `scope ${isWider ? "widened" : "narrowed"}: ${after.scope} is needed instead of ${before.scope}.`,
    );
  }
  if (!isSameMethod(before, after)) {
    say("moved", `calls ${after.backend}.${after.method} instead of ${before.backend}.${before.method}.`);
  }
  for (const { kind, words } of schemaChanges(before, after)) say(kind, words);
  if (before.isPaid && !after.isPaid)
    say("paid flag dropped", "no longer marked as costing credits: test keys may call it, and nobody asks twice.");
  if (!before.isPaid && after.isPaid) say("stricter", "now marked as costing credits.");
  if (before.title !== after.title) say("words", `title changed from "${before.title}" to "${after.title}".`);
  if (before.description !== after.description) {
    say("words", `description changed.\n      was: ${before.description}\n      is:  ${after.description}`);
  }
  if (!isDeepStrictEqual(before.view, after.view)) {
    const [was, is] = [before.view?.uri ?? "none", after.view?.uri ?? "none"];
    say("words", was === is ? `the page of its view changed (${is}).` : `view changed from ${was} to ${is}.`);
  }
  const others = otherKeys(before, after);
  if (others.length > 0) say("other", `${others.join(", ")} changed.`);
  if (changes.length === 0 && before.digest !== after.digest)
    say("other", "its entry in the lock was changed by hand: the digest is another.");
  return changes;
}

/** What is told in words of its own. The name is the entry's, and hints follow from the risk. */
const TOLD = new Set([
  "name",
  "digest",
  "risk",
  "scope",
  "backend",
  "audience",
  "method",
  "isPaid",
  "title",
  "description",
  "view",
]);

function otherKeys(before: LockedTool, after: LockedTool): string[] {
  const was: Readonly<Record<string, unknown>> = { ...before };
  const is: Readonly<Record<string, unknown>> = { ...after };
  const told = new Set([
    ...TOLD,
    "inputSchema",
    "outputSchema",
    ...(before.risk === after.risk ? [] : ["annotations"]),
  ]);
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
    (key) => !told.has(key) && !isDeepStrictEqual(was[key], is[key]),
  );
}

function schemaChanges(before: LockedTool, after: LockedTool): Change[] {
  return (["inputSchema", "outputSchema"] as const).flatMap((side) => {
    if (isDeepStrictEqual(before[side], after[side])) return [];
    const noun = side === "inputSchema" ? "argument" : "result field";
    const changes = fieldChanges(noun, fieldsOf(before[side]), fieldsOf(after[side]));
    return changes.length > 0 ? changes : [{ kind: "schema", words: `${side} changed in what no field shows.` }];
  });
}

function fieldChanges(noun: string, before: readonly Field[], after: readonly Field[]): Change[] {
  const was = new Map(before.map((field) => [field.path, field]));
  const is = new Set(after.map(({ path }) => path));
  const changes: Change[] = [];
  const say = (kind: Change["kind"], path: string, words: string) =>
    changes.push({ kind, words: `${noun} ${path} ${words}` });
  for (const { path } of before) if (!is.has(path)) say("schema", path, "removed.");
  for (const { path, type, isRequired, default: fallback, meaning } of after) {
    const old = was.get(path);
    if (!old) {
      say("schema", path, `added${noun === "argument" && isRequired ? ", and required" : ""}: ${type}.`);
      continue;
    }
    if (old.isRequired !== isRequired) say("schema", path, isRequired ? "is now required." : "is no longer required.");
    if (old.type !== type) say("schema", path, `changed from ${old.type} to ${type}.`);
    if (old.default !== fallback)
      say("schema", path, `has the default ${fallback ?? "none"} instead of ${old.default ?? "none"}.`);
    if (old.meaning !== meaning)
      say("words", path, `is described otherwise.\n      was: ${old.meaning}\n      is:  ${meaning}`);
  }
  return changes;
}
