// Types of service bindings: a contract as its caller sees it.
import type { Contract, ContractOf } from "./contract.ts";

/** A service binding to an entrypoint that implements `C`. */
export type Binding<C extends object> = Service<C & Rpc.WorkerEntrypointBranded>;

/** A service binding to the backend of the contract `C`. */
export type BackendBinding<C extends Contract> = Binding<ContractOf<C>>;

type UnsafeMethods<C extends object> = {
  [K in keyof Rpc.Provider<C> & string]: Rpc.Provider<C>[K] extends (...args: never[]) => infer R
    ? [R] extends [never]
      ? K
      : never
    : K;
}[keyof Rpc.Provider<C> & string];

/**
 * `true` if each method of `C` can cross a binding; otherwise the methods whose types become
 * `never`.
 */
export type RpcSafe<C extends object> = [UnsafeMethods<C>] extends [never]
  ? true
  : { notSerializable: UnsafeMethods<C> };
