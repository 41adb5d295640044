// What a tool is: a definition over one method of one backend. Schemas, scope and hints are derived; nothing is written twice.
// A definition that cannot become a tool throws when the module loads, naming the tool.
import * as v from "valibot";
import { TOOL_BACKENDS } from "../../contracts/gateway.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";
import type { Contract, Methods, ToolOperation } from "../../contracts/rpc/contract.ts";
import type { Audience, Scope } from "../../contracts/rpc/identity.ts";
import type { InputOf, Operation, OutputOf, ParsedInputOf, Schema } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { View } from "../resources/view.ts";
import { type Content, describeValue } from "./content.ts";
import { type JsonSchema, jsonSchemaOf } from "./json-schema.ts";
import { type Annotations, annotationsOf, Risk, scopeOf } from "./risk.ts";

/** The name of a binding whose backend offers tools. */
export type BackendName = keyof typeof TOOL_BACKENDS;

/** Calls another method of the tool's own backend, for the same caller: for what a result shows beside its value. */
export type BackendClient<C extends Contract = Contract> = <M extends keyof C["methods"] & string>(
  method: M,
  input: InputOf<C["methods"][M]>,
) => Promise<Result<OutputOf<C["methods"][M]>, Refusal>>;

/** What a later call must know of work to follow it: ids, by name. */
export type TaskRef = Readonly<Record<string, string>>;

/** Where work stands. `value` is what the call would have answered, had it waited. */
export type BackendTaskState<Value extends object = object> =
  | { readonly state: "working" | "cancelled"; readonly message: string }
  | { readonly state: "done"; readonly value: Value };

/** How a tool's work goes on without its call, and how it is followed. Refusals of `look` and `stop` are the backend's own. */
export interface TaskSupport<C extends Contract = Contract, Input = object, Value extends object = object> {
  /** The input of a call that only starts the work; `null` where the caller itself asked not to wait. */
  start(input: Input): Input | null;
  /** Names the work, from what such a call answered. */
  refOf(value: Value): TaskRef;
  poll(ref: TaskRef, backend: BackendClient<C>): Promise<Result<BackendTaskState<Value>, Refusal>>;
  /** Stops it, unless it is over. */
  cancel(ref: TaskRef, backend: BackendClient<C>): Promise<Result<object, Refusal>>;
  /** The code that a backend refuses with where there is no such work. */
  readonly notFound: string;
}

/** What a person writes about a tool. */
export interface ToolDeclaration<C extends Contract, Name extends keyof C["tools"]> {
  /** For a person: a few words. */
  readonly title: string;
  /** For a model: when to use it, what happens, where its arguments come from. */
  readonly description: string;
  readonly risk: Risk;
  /** Whether calling again with the same arguments changes nothing more. Default: no; whatever only reads always is. */
  readonly isIdempotent?: boolean;
  /** Whether a call costs credits. Default: no. Then the credential is asked about once more, and test keys never get it. */
  readonly isPaid?: boolean;
  /** Shows a result to a person, in clients that display pages of a server's. */
  readonly view?: View;
  /** Shows more than the value's own outline in words: pictures. */
  readonly render?: (value: OutputOf<ToolOperation<C, Name>>, backend: BackendClient<C>) => Promise<readonly Content[]>;
  /** For work that can go on after its call was answered. */
  readonly task?: TaskSupport<C, ParsedInputOf<ToolOperation<C, Name>>, OutputOf<ToolOperation<C, Name>> & object>;
}

type AnyDeclaration = Omit<ToolDeclaration<Contract, string>, "render" | "task"> &
  Partial<Pick<ToolDefinition, "render">> & { readonly task?: TaskSupport };

/** One tool, ready to be listed and called. */
export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly risk: Risk;
  readonly scope: Scope;
  /** Whether a call costs credits. */
  readonly isPaid: boolean;
  /** What shows a result to a person; `null` where its words are enough. */
  readonly view: View | null;
  readonly annotations: Annotations;
  /** JSON Schema 2020-12 with an object at its root. */
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema;
  readonly backend: BackendName;
  readonly audience: Audience;
  readonly method: string;
  readonly operation: Operation;
  /** All methods of the tool's backend: what `render` can reach. */
  readonly methods: Methods;
  /** The value in pictures and words. */
  render(value: object, backend: BackendClient): Promise<readonly Content[]>;
  /** `null` where the work ends with the call. */
  readonly task: TaskSupport | null;
}

const NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** All tools of one backend: each tool name of its contract, defined. */
export function toolsOf<B extends BackendName>(
  backend: B,
  definitions: {
    readonly [Name in keyof (typeof TOOL_BACKENDS)[B]["tools"]]: ToolDeclaration<(typeof TOOL_BACKENDS)[B], Name>;
  },
): ToolDefinition[] {
  return toolsFrom(backend, TOOL_BACKENDS[backend], definitions);
}

/** All tools of a contract that `backend` keeps. */
export function toolsFrom<C extends Contract & { readonly prefix: string }>(
  backend: BackendName,
  contract: C,
  definitions: { readonly [Name in keyof C["tools"]]: ToolDeclaration<C, Name> },
): ToolDefinition[] {
  // Each definition was checked against its own operation above; from here on they are all alike.
  return Object.entries(definitions as unknown as Record<string, AnyDeclaration>).map(([name, definition]) => {
    const method = (contract as Contract).tools[name];
    const operation = method === undefined ? undefined : contract.methods[method];
    if (method === undefined || operation === undefined)
      throw new Error(`Tool ${name}: the contract of ${backend} has no such tool.`);
    if (!NAME.test(name) || !name.startsWith(`${contract.prefix}_`))
      throw new Error(`Tool ${name}: its name does not fit ${backend}.`);
    const {
      title,
      description,
      risk,
      isIdempotent = false,
      isPaid = false,
      view = null,
      render,
      task = null,
    } = definition;
    if (!v.is(Risk, risk)) throw new Error(`Tool ${name}: it declares no risk.`);
    if ((risk === "READ_ONLY") === (operation.changes === true)) {
      throw new Error(
        `Tool ${name}: its risk is ${risk}, and its method ${operation.changes ? "changes something" : "changes nothing"}.`,
      );
    }
    return {
      name,
      title,
      description,
      risk,
      scope: scopeOf(risk),
      isPaid,
      view,
      annotations: annotationsOf(risk, isIdempotent),
      inputSchema: objectSchema(name, operation.input, "input"),
      outputSchema: objectSchema(name, operation.output, "output"),
      backend,
      audience: contract.audience,
      method,
      operation,
      methods: contract.methods,
      render: async (value, backend) => [...((await render?.(value, backend)) ?? []), describeValue(value)],
      task,
    };
  });
}

/** Without `$schema`: 2020-12 is MCP's default, and validators of older clients refuse to load a dialect by its name. */
function objectSchema(name: string, schema: Schema, side: "input" | "output"): JsonSchema {
  try {
    const json = jsonSchemaOf(schema);
    if (json.type !== "object") throw new Error("its root is not an object");
    return json;
  } catch (error) {
    throw new Error(`Tool ${name}: its ${side} cannot be written as JSON Schema.`, { cause: error });
  }
}
