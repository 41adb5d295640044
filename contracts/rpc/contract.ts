// Contracts. A contract lists the methods of one backend, each an operation, and names the method
// of each tool, so that a tool cannot use another method's operation. A method that is neither a
// tool nor listed as internal does not compile.
import { Describe } from "./describe.ts";
import { EraseTenant } from "./erasure.ts";
import { ExportTenant } from "./export.ts";
import type { Method, Operation } from "./operation.ts";

/** Operations by method name. */
export type Methods = Readonly<Record<string, Operation>>;

export interface Contract<
  M extends Methods = Methods,
  Tools extends Readonly<Record<string, keyof M>> = Readonly<Record<string, keyof M>>,
  Audience extends string = string,
> {
  /** `aud` of the identity tokens for this backend. */
  readonly audience: Audience;
  readonly methods: M;
  /** Tool name to method name. A tool's name is the backend's prefix, or begins with it and `_`. */
  readonly tools: Tools;
}

/** Methods of every contract. */
export type CommonMethods = {
  /** Describes the Worker: name, version, digest of its contract. */
  readonly describe: typeof Describe;
  /** Deletes everything of the tenant. */
  readonly eraseTenant: typeof EraseTenant;
  /** A copy of everything of the tenant, for the person that it belongs to. */
  readonly exportTenant: typeof ExportTenant;
};

/**
 * Defines the contract of a backend, which gets the common methods beside its own. `internal` lists
 * the methods that are not tools.
 */
export function contract<
  const M extends Methods,
  const Audience extends string,
  const Prefix extends string,
  const Tools extends Readonly<Record<string, keyof M>>,
  const Internal extends readonly Exclude<keyof M, Tools[keyof Tools]>[],
>(definition: {
  audience: Audience;
  /**
   * The first word of the backend's tool names: `flow` for `flow_create`, or for a single tool
   * `flow`.
   */
  prefix: Prefix;
  methods: M;
  tools: Tools & { readonly [K in Exclude<keyof Tools, Prefix | `${Prefix}_${string}`>]: never };
  internal: Internal &
    ([Exclude<keyof M, Tools[keyof Tools] | Internal[number]>] extends [never]
      ? unknown
      : MissingFrom<M, Tools, Internal>);
}): Contract<M & CommonMethods, Tools, Audience> & { readonly prefix: Prefix } {
  const { audience, prefix, methods, tools } = definition;
  checkContract(definition);
  return { audience, prefix, methods: { ...methods, ...COMMON }, tools };
}

/** A contract or a tool that cannot be used as it is declared; thrown when its module loads. */
export class DeclarationError extends Error {
  override readonly name = "DeclarationError"; // survives a bundler, and another copy of this module
}

const TOOL_NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** The rules that the types check too, each as a sentence. */
function checkContract(contract: {
  readonly audience: string;
  readonly prefix: string;
  readonly methods: Methods;
  readonly tools: Readonly<Record<string, PropertyKey>>;
  readonly internal: readonly PropertyKey[];
}): void {
  const { audience, prefix, methods, tools, internal } = contract;
  for (const [name, method] of Object.entries(tools)) {
    if (!TOOL_NAME.test(name) || !(name === prefix || name.startsWith(`${prefix}_`)))
      throw new DeclarationError(
        `Tool ${name}: its name must be ${prefix}, or begin with ${prefix}_, in at most 40 small letters, digits and _.`,
      );
    if (!Object.hasOwn(methods, method))
      throw new DeclarationError(`Tool ${name}: the contract of ${audience} has no method ${String(method)}.`);
  }
  const listed = [...Object.values(tools), ...internal];
  const unlisted = Object.keys(methods).find((name) => !listed.includes(name));
  if (unlisted !== undefined)
    throw new DeclarationError(
      `Method ${unlisted}: it is neither a tool of ${audience} nor internal: list it in \`tools\`, under a tool's name, or in \`internal\`.`,
    );
}

const COMMON: CommonMethods = { describe: Describe, eraseTenant: EraseTenant, exportTenant: ExportTenant };

interface MissingFrom<M, Tools, Internal extends readonly unknown[]> {
  readonly methodIsNeitherToolNorInternal: Exclude<keyof M, Tools[keyof Tools] | Internal[number]>;
}

/**
 * The RPC methods of a backend: implemented by its entrypoint class, called through its binding.
 */
export type ContractOf<C extends Contract> = { [K in keyof C["methods"]]: Method<C["methods"][K]> };

/** The operation of a tool. */
export type ToolOperation<C extends Contract, Name extends keyof C["tools"]> = C["methods"][C["tools"][Name] &
  keyof C["methods"]];
