// Prompts filled in, and what is suggested while somebody types an argument. Suggestions are a courtesy: trouble means none.
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { Trace } from "../context.ts";
import type { Env } from "../env.ts";
import { prompts } from "../prompts/catalog.ts";
import type { Others } from "../prompts/prompt-definition.ts";
import { PICTURES } from "../resources/picture.ts";
import { type TextContent, text } from "../tools/content.ts";
import { sourcesFor } from "./sources.ts";
import { validate } from "./validate.ts";

/** A prompt as the model gets it, or why not. */
export type Filled =
  | { readonly state: "not_found" }
  | { readonly state: "invalid"; readonly message: string }
  | {
      readonly state: "filled";
      readonly description: string;
      readonly messages: readonly { role: "user"; content: TextContent }[];
    };

/** Fills in a prompt. */
export function fillPrompt(name: string, args: Readonly<Record<string, string>>): Filled {
  const prompt = prompts.get(name);
  if (!prompt) return { state: "not_found" };
  // Clients with a form send what was left blank as an empty text.
  const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value.trim() !== ""));
  const valid = validate(prompt, given, "prompt");
  if (!valid.ok) return { state: "invalid", message: valid.problems };
  const { description } = prompt;
  return { state: "filled", description, messages: [{ role: "user", content: text(prompt.write(valid.input)) }] };
}

/** What is typed: an argument of a prompt, or a variable of a resource template. */
export interface Typing {
  readonly of: { readonly prompt: string } | { readonly template: string };
  readonly name: string;
  readonly value: string;
  readonly others: Others;
}

/** The most values that one answer may hold (MCP 2026-07-28, server/utilities/completion). */
const MAX_VALUES = 100;

/** Values that begin with what was typed, in whatever case; `null` where there is no such prompt, template or argument. Never throws. */
export async function suggest(
  env: Env,
  caller: Identity,
  trace: Trace,
  { of, name, value, others }: Typing,
): Promise<{ readonly values: readonly string[]; readonly total: number; readonly hasMore: boolean } | null> {
  const sources = sourcesFor(env, caller, trace);
  const all =
    "prompt" in of
      ? ((await prompts.get(of.prompt)?.suggest(name, sources, others)) ?? null)
      : of.template === PICTURES.uriTemplate && name === "job_id"
        ? (await sources.images()).map(({ job_id }) => job_id)
        : null;
  if (all === null) return null;
  const fitting = all.filter((one) => one.toLowerCase().startsWith(value.toLowerCase()));
  return { values: fitting.slice(0, MAX_VALUES), total: fitting.length, hasMore: fitting.length > MAX_VALUES };
}
