// An operation: one method of one backend, described once. TypeScript types, the RPC method, the checks on both sides of the
// binding, the JSON Schema that clients read and the sentences for its refusals all derive from it.
import type * as v from "valibot";
import type { CallContext } from "./call-context.ts";
import type { Failure, Result } from "./result.ts";

/** A synchronous schema of any input and output. */
export type Schema = v.GenericSchema<unknown, unknown>;

/** What one method takes, answers and refuses. */
export interface Operation<
  Input extends Schema = Schema,
  Output extends Schema = Schema,
  Code extends string = string,
> {
  /** Strict where a client writes it: an invented argument is refused by name. */
  readonly input: Input;
  /** Tolerant: a newer backend may add fields, which are dropped here. */
  readonly output: Output;
  /** Every code this method may refuse with, and the sentence a person or a model reads: what is the matter and what to do. */
  readonly errors: Readonly<Record<Code, string>>;
  /** How long a caller waits for the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether the method changes anything. The identity token of a call to such a method is good once. */
  readonly changes?: boolean;
}

/** Describes one method. */
export function operation<const Input extends Schema, const Output extends Schema, const Code extends string>(
  definition: Operation<Input, Output, Code>,
): Operation<Input, Output, Code> {
  return definition;
}

/** What a caller sends, before defaults are filled in. */
export type InputOf<O extends Operation> = v.InferInput<O["input"]>;
/** What the far side works with, defaults filled in. */
export type ParsedInputOf<O extends Operation> = v.InferOutput<O["input"]>;
/** What comes back. */
export type OutputOf<O extends Operation> = v.InferOutput<O["output"]>;
/** The operation's own refusals. */
export type CodeOf<O extends Operation> = O extends Operation<Schema, Schema, infer Code> ? Code : never;

/** Refusals that the far wall itself may answer with; see `serve`. */
export type BoundaryCode = "unauthenticated" | "invalid_input" | "internal";

/** The RPC method that an operation describes. */
export type Method<O extends Operation> = (
  call: CallContext,
  input: InputOf<O>,
) => Promise<Result<OutputOf<O>, Failure<CodeOf<O> | BoundaryCode>>>;
