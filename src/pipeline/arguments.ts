// Arguments as models write them. Models in strict mode cannot leave an optional argument out and
// send null, or an empty string; some send an object as its JSON text. This reads both as meant.
// Everything else is left for the validation to refuse.
import * as v from "valibot";
import type { Schema } from "../../contracts/rpc/operation.ts";
import { wellFormed } from "../../contracts/rpc/well-formed.ts";

/** A valibot schema, as valibot describes it at run time. */
export interface Part {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Part>>;
  readonly item?: Part;
  readonly wrapped?: Part;
}

/** The arguments without absent ones, and with objects and lists in place of their JSON text. */
export function readArguments(schema: Schema, args: unknown): unknown {
  return read(partOf(schema), args);
}

/** The schema with its fields, which valibot's generic type hides; a piped schema keeps them. */
export function partOf(schema: Schema): Part {
  return schema as unknown as Part;
}

function read(part: Part, given: unknown): unknown {
  const { type, entries, item, wrapped } = part;
  if (type === "optional" && wrapped) return read(wrapped, given);
  const value = (entries || item) && typeof given === "string" ? parsed(given) : given;
  if (item && Array.isArray(value)) return value.map((member) => read(item, member));
  if (!entries || typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
      const field = Object.hasOwn(entries, name) ? entries[name] : undefined;
      if (!field) return [[name, member]];
      return isAbsent(field, member) ? [] : [[name, read(field, member)]];
    }),
  );
}

/** True for null or an empty string in place of an optional value that can be neither. */
function isAbsent(field: Part, value: unknown): boolean {
  const isEmpty = value === null || value === "";
  return isEmpty && field.type === "optional" && !v.is(field as unknown as Schema, value);
}

/** The object or list of a JSON text; any other text unchanged. */
function parsed(text: string): unknown {
  try {
    const value: unknown = wellFormed(JSON.parse(text));
    return typeof value === "object" && value !== null ? value : text;
  } catch {
    return text;
  }
}
