// The auth Worker of local systems, which does not answer the first attempts to close an account.
import { AuthEntrypoint as Reference } from "../../../entrypoints/auth/local.ts";

export * from "../../../entrypoints/auth/local.ts";
export { default } from "../../../entrypoints/auth/local.ts";

let failures = 2;

export class AuthEntrypoint extends Reference {
  override closeAccount(call: unknown, input: unknown) {
    if (failures-- > 0) throw new Error("The Worker is down.");
    return super.closeAccount(call, input);
  }
}
