// Compile-time check that each method of each contract can cross a service binding. The types of
// Workers RPC turn some shapes into `never`.
import type { AuthContract } from "../auth.ts";
import type { BackendName, Backends } from "../backends.ts";
import type { RpcSafe } from "./binding.ts";
import type { ContractOf } from "./contract.ts";

/** `true`, or the unsafe methods of a contract. */
type Checked = { [B in BackendName]: RpcSafe<ContractOf<Backends[B]>> }[BackendName] | RpcSafe<AuthContract>;

true satisfies [Exclude<Checked, true>] extends [never] ? true : Exclude<Checked, true>;
