// Tool definitions. A tool is one method of one backend plus the texts of its declaration; schemas,
// scope and annotations derive from them. A declaration that cannot become a tool throws when the
// module loads, with the tool's name.
import * as v from "valibot";
import { type Audience, BACKENDS, type Backends, type ToolBackendName } from "../../contracts/backends.ts";
import { RISKS, Risk } from "../../contracts/gateway.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";
import { type Contract, DeclarationError, type Methods, type ToolOperation } from "../../contracts/rpc/contract.ts";
import type { Scope } from "../../contracts/rpc/identity.ts";
import type { CodeOf, InputOf, Operation, OutputOf, ParsedInputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { ContentBlock, ToolAnnotations } from "../mcp/schema.ts";
import type { View } from "../resources/view.ts";
import { json } from "./content.ts";
import { inputSchemaOf, type JsonSchema, jsonSchemaOf } from "./json-schema.ts";
import type { ChoicePlans, PlansOf } from "./plans.ts";
import { isPaid, isPrice, type Price, type PriceOf } from "./price.ts";
import { annotationsOf, scopeOf } from "./risk.ts";

/** Calls another method of the tool's backend for the same identity. */
export type BackendClient<C extends Contract = Contract> = <M extends keyof C["methods"] & string>(
  method: M,
  input: InputOf<C["methods"][M]>,
) => Promise<Result<OutputOf<C["methods"][M]>, Refusal>>;

/** Ids, by name, with which a later call finds the work again. */
export type TaskRef = Readonly<Record<string, string>>;

/** State of a task. `value` is the value that the call would have returned, had it waited. */
export type BackendTaskState<Value extends object = object> =
  | { readonly state: "working" | "cancelled"; readonly message: string }
  | { readonly state: "done"; readonly value: Value };

/** Runs a tool's work as a task (MCP Tasks extension). Refusals are the backend's own. */
export interface TaskSupport<C extends Contract = Contract, Input = object, Value extends object = object> {
  /** The input of a call that only starts the work; `null` if the client asked not to wait. */
  start(input: Input): Input | null;
  /** Identifies the work, from the value that such a call returned. */
  refOf(value: Value): TaskRef;
  poll(ref: TaskRef, backend: BackendClient<C>): Promise<Result<BackendTaskState<Value>, Refusal>>;
  /** Stops the work; without effect if it has ended. */
  cancel(ref: TaskRef, backend: BackendClient<C>): Promise<Result<object, Refusal>>;
  /** The code with which the backend refuses an unknown `TaskRef`. */
  readonly notFound: string;
}

/** Finds out later what became of a call that costs credits, without its client. */
export interface Settlement<C extends Contract = Contract, Value extends object = object> {
  /** The value that the call returned, or would return, by the idempotency key of the dispatch. */
  find(idempotencyKey: string, backend: BackendClient<C>): Promise<Result<Value, Refusal>>;
  /** The code with which the backend refuses an unknown key. */
  readonly notFound: string;
  /** Only work that succeeded is charged. */
  stateOf(value: Value): "running" | "succeeded" | "failed";
  /** The backend's own id of the work, for the list of charges. */
  referenceOf(value: Value): string;
}

/** The hand-written part of a tool. */
export interface ToolDeclaration<C extends Contract, Name extends keyof C["tools"]> {
  /** A few words for the user. */
  readonly title: string;
  /** For the model: the effect, when to call the tool, the source of its arguments. */
  readonly description: string;
  readonly risk: Risk;
  /**
   * True if a repeated call with the same arguments has no further effect. Default: false.
   * Read-only tools always are.
   */
  readonly isIdempotent?: boolean;
  /**
   * Credits that a call costs: 0, a number, or one for each choice of an argument. The credential
   * of a paid call is revalidated, and test keys cannot call a tool that has paid calls.
   */
  readonly price: PriceOf<ParsedInputOf<ToolOperation<C, Name>>>;
  /** The plans that include each choice of an argument. Default: every plan includes every call. */
  readonly plans?: PlansOf<ParsedInputOf<ToolOperation<C, Name>>, CodeOf<ToolOperation<C, Name>>>;
  /** Page that displays the result, in clients that support MCP Apps. */
  readonly view?: View;
  /** Content after the text of the value: images and links. */
  readonly render?: (
    value: OutputOf<ToolOperation<C, Name>>,
    backend: BackendClient<C>,
  ) => Promise<readonly ContentBlock[]>;
  /** For a tool with paid calls, which must have it. */
  readonly settlement?: Settlement<C, OutputOf<ToolOperation<C, Name>> & object>;
  /** For work that can outlive its call. */
  readonly task?: TaskSupport<C, ParsedInputOf<ToolOperation<C, Name>>, OutputOf<ToolOperation<C, Name>> & object>;
}

/**
 * A declaration whose types were checked against its operation, and are alike for all tools from
 * then on.
 */
type AnyDeclaration = Omit<ToolDeclaration<Contract, string>, "render" | "task" | "price" | "plans" | "settlement"> &
  Partial<Pick<ToolDefinition, "render">> & {
    readonly task?: TaskSupport;
    readonly settlement?: Settlement;
    readonly price: Price;
    readonly plans?: ChoicePlans;
  };

type AnyContract = Contract & { readonly prefix: string; readonly audience: Audience };

/** One tool, complete. */
export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly risk: Risk;
  readonly scope: Scope;
  readonly price: Price;
  /** True if some call costs credits. */
  readonly isPaid: boolean;
  /** Absent if every plan includes every call. */
  readonly plans?: ChoicePlans;
  /** `null` for a tool whose result is shown as text and images only. */
  readonly view: View | null;
  readonly annotations: ToolAnnotations;
  /** JSON Schema 2020-12 with an object at its root, as `outputSchema` is. */
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema;
  readonly backend: ToolBackendName;
  readonly audience: Audience;
  readonly method: string;
  readonly operation: Operation;
  /** All methods of the tool's backend, for its `BackendClient`. */
  readonly methods: Methods;
  /** The value as content: its text, then the images and links of the declaration. */
  render(value: object, backend: BackendClient): Promise<readonly ContentBlock[]>;
  /** `null` if no call costs credits. */
  readonly settlement: Settlement | null;
  /** `null` if the work ends with the call. */
  readonly task: TaskSupport | null;
}

/** All tools of one backend: a declaration for each tool name of its contract. */
export function toolsOf<B extends ToolBackendName>(
  backend: B,
  declarations: {
    readonly [Name in keyof Backends[B]["tools"]]: ToolDeclaration<Backends[B], Name>;
  },
): ToolDefinition[] {
  return toolsFrom(backend, BACKENDS[backend], declarations);
}

/** The same for any contract that the binding `backend` keeps. */
export function toolsFrom<C extends AnyContract>(
  backend: ToolBackendName,
  contract: C,
  declarations: { readonly [Name in keyof C["tools"]]: ToolDeclaration<C, Name> },
): ToolDefinition[] {
  // The parameter types checked each declaration against its own operation.
  const entries = Object.entries(declarations as unknown as Record<string, AnyDeclaration>);
  const tools = entries.map(([name, declaration]) => defineTool({ backend, contract, name }, declaration));
  const undeclared = Object.keys(contract.tools).find((name) => !Object.hasOwn(declarations, name));
  if (undeclared !== undefined)
    throw new DeclarationError(
      `Tool ${undeclared}: declare it in the tools file of ${backend}, as the contract has it.`,
    );
  return tools;
}

interface ToolAddress {
  readonly backend: ToolBackendName;
  readonly contract: AnyContract;
  readonly name: string;
}

function defineTool(address: ToolAddress, declaration: AnyDeclaration): ToolDefinition {
  const { backend, contract, name } = address;
  const {
    title,
    description,
    risk,
    isIdempotent = false,
    price,
    plans,
    settlement = null,
    view = null,
    task = null,
  } = declaration;
  const { method, operation } = methodOf(address);
  checkRisk(name, risk, operation);
  checkPrice(name, price, risk);
  checkSettlement(name, price, settlement);
  return {
    name,
    title,
    description,
    risk,
    scope: scopeOf(risk),
    price,
    isPaid: isPaid(price),
    ...(plans && { plans }),
    settlement,
    view,
    annotations: annotationsOf(risk, isIdempotent),
    inputSchema: objectSchema(name, "input", () => inputSchemaOf(operation.input)),
    outputSchema: objectSchema(name, "output", () => jsonSchemaOf(operation.output)),
    backend,
    audience: contract.audience,
    method,
    operation,
    methods: contract.methods,
    render: async (value, client) => [json(value), ...((await declaration.render?.(value, client)) ?? [])],
    task,
  };
}

function methodOf({ backend, contract, name }: ToolAddress): { method: string; operation: Operation } {
  const method = Object.hasOwn(contract.tools, name) ? (contract.tools[name] ?? "") : "";
  const operation = contract.methods[method];
  if (operation === undefined)
    throw new DeclarationError(
      `Tool ${name}: the contract of ${backend} has no such tool: add it to \`tools\` there, or remove the declaration.`,
    );
  return { method, operation };
}

function checkRisk(name: string, risk: Risk, { changes = false }: Operation): void {
  if (!v.is(Risk, risk))
    throw new DeclarationError(`Tool ${name}: it declares no risk: set \`risk\` to ${RISKS.join(", ")}.`);
  if ((risk === "READ_ONLY") === changes)
    throw new DeclarationError(
      `Tool ${name}: its risk is ${risk}, but its method ${changes ? "changes" : "does not change"} data: correct \`risk\`, or \`changes\` of the operation.`,
    );
}

/** A call that only reads is never paid: it records no intent by which it could be settled. */
function checkPrice(name: string, price: Price, risk: Risk): void {
  if (!isPrice(price))
    throw new DeclarationError(
      `Tool ${name}: its price is not a whole number of credits: set \`price\` to 0, a number, or one for each choice.`,
    );
  if (risk === "READ_ONLY" && isPaid(price))
    throw new DeclarationError(`Tool ${name}: it only reads, but costs credits: set \`price\` to 0.`);
}

function checkSettlement(name: string, price: Price, settlement: Settlement | null): void {
  if (isPaid(price) !== (settlement !== null))
    throw new DeclarationError(
      `Tool ${name}: it needs a settlement exactly if it costs credits: ${isPaid(price) ? "add" : "remove"} \`settlement\`.`,
    );
}

/** Without `$schema`: 2020-12 is MCP's default, and validators of older clients reject its URI. */
function objectSchema(name: string, side: "input" | "output", convert: () => JsonSchema): JsonSchema {
  try {
    const json = convert();
    if (json.type !== "object") throw new Error("its root is not an object");
    return json;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "";
    throw new DeclarationError(`Tool ${name}: its ${side} cannot be written as JSON Schema: ${reason}.`, {
      cause: error,
    });
  }
}
