// A contract: everything one backend promises. Each method is an operation; each tool names the method it calls, so a tool cannot
// be bound to another operation than its method's. A method that is neither a tool nor listed as internal does not compile.
import type { Audience } from "./identity.ts";
import type { Method, Operation } from "./operation.ts";

/** Methods by name. */
export type Methods = Readonly<Record<string, Operation>>;

export interface Contract<
  M extends Methods = Methods,
  Tools extends Readonly<Record<string, keyof M>> = Readonly<Record<string, keyof M>>,
> {
  /** Whom identity tokens for this backend are meant for. */
  readonly audience: Audience;
  readonly methods: M;
  /** Tool name to method name. All names share the backend's prefix, which ends in `_`. */
  readonly tools: Tools;
}

/** Describes a backend. `internal` lists the methods that are deliberately no tools. */
export function contract<
  const M extends Methods,
  const Prefix extends string,
  const Tools extends Readonly<Record<`${Prefix}_${string}`, keyof M>>,
  const Internal extends readonly Exclude<keyof M, Tools[keyof Tools]>[],
>(definition: {
  audience: Audience;
  /** What every tool name of this backend starts with, before the underscore. */
  prefix: Prefix;
  methods: M;
  tools: Tools & { readonly [K in Exclude<keyof Tools, `${Prefix}_${string}`>]: never };
  internal: Internal &
    ([Exclude<keyof M, Tools[keyof Tools] | Internal[number]>] extends [never]
      ? unknown
      : MissingFrom<M, Tools, Internal>);
}): Contract<M, Tools> & { readonly prefix: Prefix } {
  const { audience, prefix, methods, tools } = definition;
  return { audience, prefix, methods, tools };
}

interface MissingFrom<M, Tools, Internal extends readonly unknown[]> {
  readonly methodIsNeitherToolNorInternal: Exclude<keyof M, Tools[keyof Tools] | Internal[number]>;
}

/** The RPC methods of a backend: what its entry class implements and what a binding to it can call. */
export type ContractOf<C extends Contract> = { [K in keyof C["methods"]]: Method<C["methods"][K]> };

/** The operation behind a tool. */
export type ToolOperation<C extends Contract, Name extends keyof C["tools"]> = C["methods"][C["tools"][Name] &
  keyof C["methods"]];
