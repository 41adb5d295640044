// Compile-time proof that every method of every contract can cross a service binding: some shapes turn into `never` on the way.
import type { AuthContract } from "../auth.ts";
import type { ImgForgeContract } from "../img-forge.ts";
import type { StackbilderContract } from "../stackbilder.ts";
import type { RpcSafe } from "./binding.ts";

true satisfies RpcSafe<AuthContract> & RpcSafe<StackbilderContract> & RpcSafe<ImgForgeContract>;
