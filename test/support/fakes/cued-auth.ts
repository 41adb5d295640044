// The auth Worker of local systems, with a cue for tests: once a user signs up whose name ends in
// "Stays", it does not answer the next two attempts to close an account.
import type { SignIn } from "../../../contracts/auth.ts";
import { AuthEntrypoint as Reference } from "../../../entrypoints/auth/local.ts";

export * from "../../../entrypoints/auth/local.ts";
export { default } from "../../../entrypoints/auth/local.ts";

let failures = 0;

export class AuthEntrypoint extends Reference {
  override registerUser(...[name, email, password]: Parameters<Reference["registerUser"]>): Promise<SignIn> {
    if (`${name}`.endsWith("Stays")) failures = 2;
    return super.registerUser(name, email, password);
  }

  override closeAccount(call: unknown, input: unknown) {
    if (failures-- > 0) throw new Error("The Worker is down.");
    return super.closeAccount(call, input);
  }
}
