// Prompt definitions. A prompt is a text that the user starts with; the client sends it to the
// model as the user's message. Its arguments are described once, by their schema: the list for
// clients, the accepted and the suggested values derive from it. A prompt calls no tool itself.
//
// No argument is required and none is refused: clients that split a line at spaces fill the
// arguments with its words. The model asks the user for what is missing.
import * as v from "valibot";
import type { ToolName } from "../../contracts/gateway.ts";
import type { ListModels, RecentImage } from "../../contracts/img-forge.ts";
import type { OutputOf } from "../../contracts/rpc/operation.ts";
import type { RecentFlow } from "../../contracts/stackbilder.ts";

/** Strings only: MCP clients send no other type. */
type Fields = Readonly<Record<string, v.GenericSchema<string, string>>>;
/** The arguments with a known value. */
type ArgumentsOf<F extends Fields> = { readonly [Name in keyof F]?: v.InferOutput<F[Name]> };

/**
 * Sources of suggestions while the user types an argument. Empty if a backend does not respond in
 * time.
 */
export interface Sources {
  models(): Promise<OutputOf<typeof ListModels>["models"]>;
  /** The user's latest flows, newest first. */
  flows(): Promise<readonly RecentFlow[]>;
  /** The user's latest finished images, newest first. */
  images(): Promise<readonly RecentImage[]>;
}

/** The arguments that are filled in already. They are not validated. */
export type Others = Readonly<Record<string, string>>;

/** The hand-written part of a prompt. */
export interface PromptDeclaration<F extends Fields> {
  readonly name: string;
  /** A few words for the user. */
  readonly title: string;
  /** For the user: the result. */
  readonly description: string;
  /** The tools that the prompt uses. It is shown only to clients that may call all of them. */
  readonly tools: readonly ToolName[];
  readonly fields: F;
  /** Suggested values that come from a backend, best first. The choices of a picklist need none. */
  readonly suggest?: { readonly [Name in keyof F]?: (sources: Sources, others: Others) => Promise<readonly string[]> };
  /** The user's message to the model. */
  render(args: ArgumentsOf<F>): string;
}

/** One prompt, complete. */
export interface PromptDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly tools: readonly ToolName[];
  /** `PromptArgument` of the MCP schema. */
  readonly arguments: readonly { readonly name: string; readonly description: string; readonly required: false }[];
  /** All values for an argument; empty if none are known, `null` if there is no such argument. */
  suggest(name: string, sources: Sources, others: Others): Promise<readonly string[] | null>;
  /**
   * The user's message. A blank argument, and a value that an argument does not know, count as
   * absent; the words of an argument that the prompt does not have are added at the end.
   */
  render(args: Readonly<Record<string, string>>): string;
}

/**
 * Makes a prompt from its declaration. Throws, with its name, if an argument has no description.
 */
export function prompt<const F extends Fields>({
  name,
  title,
  description,
  tools,
  fields,
  suggest,
  render,
}: PromptDeclaration<F>): PromptDefinition {
  return {
    name,
    title,
    description,
    tools,
    arguments: Object.entries(fields).map(([argument, field]) => {
      const text = v.getDescription(field);
      if (text === undefined) throw new Error(`Prompt ${name}: ${argument} has no description.`);
      return { name: argument, description: text, required: false };
    }),
    async suggest(argument, sources, others) {
      const field = Object.hasOwn(fields, argument) ? fields[argument] : undefined;
      return field ? ((await suggest?.[argument]?.(sources, others)) ?? choicesOf(field)) : null;
    },
    render(args) {
      const typed = Object.entries(args).filter(([, value]) => value.trim() !== "");
      const known = typed.filter(
        ([argument, value]) => Object.hasOwn(fields, argument) && v.is(fields[argument] ?? v.never(), value),
      );
      const others = typed.filter(([argument]) => !Object.hasOwn(fields, argument)).map(([, value]) => value);
      const text = render(Object.fromEntries(known) as ArgumentsOf<F>); // each value fits the schema of its field
      return others.length > 0 ? `${text}\n\nI also typed: ${others.join(" ")}` : text;
    },
  };
}

/** The choices of a picklist; empty for free text. */
function choicesOf(field: Fields[string]): readonly string[] {
  const { options = [] } = field as { options?: readonly string[] }; // a piped schema keeps its own fields
  return options;
}
