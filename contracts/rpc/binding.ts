// The caller's view of a contract over a service binding.
import type { Contract, ContractOf } from "./contract.ts";

/** A service binding to a backend, typed by its contract. */
export type Binding<C extends object> = Service<C & Rpc.WorkerEntrypointBranded>;

/** A service binding to the backend that `C` describes. */
export type BackendBinding<C extends Contract> = Binding<ContractOf<C>>;

type UnsafeMethods<C extends object> = {
  [K in keyof Rpc.Provider<C> & string]: Rpc.Provider<C>[K] extends (...args: never[]) => infer R
    ? [R] extends [never]
      ? K
      : never
    : K;
}[keyof Rpc.Provider<C> & string];

/** `true` only when every method of `C` can cross a binding: some shapes silently become `never` on the way. */
export type RpcSafe<C extends object> = [UnsafeMethods<C>] extends [never]
  ? true
  : { notSerializable: UnsafeMethods<C> };
