// What a prompt is: words that a person starts with, sent to the model in their name. Arguments are described once, by their schema:
// what clients list, what is checked and which choices are suggested derive from it. A prompt calls nothing itself.
import * as v from "valibot";
import type { ToolName } from "../../contracts/gateway.ts";
import type { ListModels, RecentImage } from "../../contracts/img-forge.ts";
import type { OutputOf } from "../../contracts/rpc/operation.ts";
import type { RecentFlow } from "../../contracts/stackbilder.ts";

/** Texts only: that is all that a client sends. */
type Fields = Readonly<
  Record<string, v.GenericSchema<string, string> | v.OptionalSchema<v.GenericSchema<string, string>, undefined>>
>;
type ArgumentsOf<F extends Fields> = v.InferOutput<v.StrictObjectSchema<F, undefined>>;

/** What can be asked while an argument is typed, for whoever types. Empty where there is no answer in time. */
export interface Sources {
  models(): Promise<OutputOf<typeof ListModels>["models"]>;
  /** The latest, newest first. */
  flows(): Promise<readonly RecentFlow[]>;
  /** The latest finished pictures, newest first. */
  images(): Promise<readonly RecentImage[]>;
}

/** Arguments that are filled in already, whatever they are worth. */
export type Others = Readonly<Record<string, string>>;

/** What a person writes about a prompt. */
export interface PromptDeclaration<F extends Fields> {
  readonly name: string;
  /** For a person: a few words. */
  readonly title: string;
  /** For a person: what they get. */
  readonly description: string;
  /** What the words ask for: who may not call these is not shown the prompt. */
  readonly tools: readonly ToolName[];
  readonly fields: F;
  /** Values that only a backend knows, best first. Choices of a schema are suggested without. */
  readonly ask?: { readonly [Name in keyof F]?: (sources: Sources, others: Others) => Promise<readonly string[]> };
  /** What the person says to the model. */
  write(args: ArgumentsOf<F>): string;
}

/** One prompt, ready to be listed and filled in. */
export interface PromptDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly tools: readonly ToolName[];
  /** `PromptArgument` of the MCP schema. */
  readonly arguments: readonly { readonly name: string; readonly description: string; readonly required: boolean }[];
  readonly input: v.GenericSchema;
  /** All values for an argument; empty where nobody knows any, `null` where there is no such argument. */
  suggest(name: string, sources: Sources, others: Others): Promise<readonly string[] | null>;
  /** `args` fit `input`. */
  write(args: unknown): string;
}

/** Makes a prompt from its definition. Throws, naming it, where an argument is not described. */
export function prompt<const F extends Fields>({
  name,
  title,
  description,
  tools,
  fields,
  ask,
  write,
}: PromptDeclaration<F>): PromptDefinition {
  const input = v.strictObject(fields);
  return {
    name,
    title,
    description,
    tools,
    arguments: Object.entries(fields).map(([argument, field]) => {
      const required = field.type !== "optional";
      const about = v.getDescription(innerOf(field));
      if (about === undefined) throw new Error(`Prompt ${name}: ${argument} has no description.`);
      return { name: argument, description: about, required };
    }),
    input,
    async suggest(argument, sources, others) {
      const field = Object.hasOwn(fields, argument) ? fields[argument] : undefined;
      return field ? ((await ask?.[argument]?.(sources, others)) ?? choicesOf(field)) : null;
    },
    write: (args) => write(v.parse(input, args)),
  };
}

/** A field without the possibility of leaving it out. */
function innerOf(field: Fields[string]): v.GenericSchema<string, string> {
  return "wrapped" in field ? field.wrapped : field;
}

/** The choices of a picklist; none for free text. */
function choicesOf(field: Fields[string]): readonly string[] {
  const { options = [] } = innerOf(field) as { options?: readonly string[] }; // valibot keeps a piped schema's own fields
  return options;
}
