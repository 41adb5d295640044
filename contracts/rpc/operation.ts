// Operations. An operation describes one method of one backend. Its TypeScript types, its RPC
// method, the checks on both sides of the binding, the JSON Schema for clients and the sentences of
// its failures derive from it.
import type * as v from "valibot";
import type { CallContext } from "./call-context.ts";
import type { Failure, Result } from "./result.ts";

/** A synchronous schema of any input and output. */
export type Schema = v.GenericSchema<unknown, unknown>;

/** Input, output and failures of one method. */
export interface Operation<
  Input extends Schema = Schema,
  Output extends Schema = Schema,
  Code extends string = string,
> {
  /** Strict for fields that a client writes: an unknown argument is refused by name. */
  readonly input: Input;
  /** Tolerant: a newer backend may add fields, which are dropped here. */
  readonly output: Output;
  /**
   * Every failure code of the method, with a sentence for the user or the model: the problem and
   * the remedy.
   */
  readonly errors: Readonly<Record<Code, string>>;
  /** Milliseconds that a caller waits for the reply. */
  readonly timeoutMs: number;
  /**
   * True if the method changes data. The identity token of such a call needs the scope `generate`
   * instead of `read`, and is accepted once.
   */
  readonly changes?: boolean;
}

/** Defines one method. */
export function operation<const Input extends Schema, const Output extends Schema, const Code extends string>(
  definition: Operation<Input, Output, Code>,
): Operation<Input, Output, Code> {
  return definition;
}

/** The input that a caller sends, without defaults. */
export type InputOf<O extends Operation> = v.InferInput<O["input"]>;
/** The input that a handler receives, with defaults. */
export type ParsedInputOf<O extends Operation> = v.InferOutput<O["input"]>;
/** The value that the method returns. */
export type OutputOf<O extends Operation> = v.InferOutput<O["output"]>;
/** The operation's own failure codes. */
export type CodeOf<O extends Operation> = O extends Operation<Schema, Schema, infer Code> ? Code : never;

/** Failure codes of the backend side of the RPC boundary; see `serve`. */
export type BoundaryCode = "unauthenticated" | "invalid_input" | "internal";

/** The RPC method of an operation. */
export type Method<O extends Operation> = (
  call: CallContext,
  input: InputOf<O>,
) => Promise<Result<OutputOf<O>, Failure<CodeOf<O> | BoundaryCode>>>;
