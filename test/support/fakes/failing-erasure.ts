// The Stackbilder reference Worker, which is down for the first attempts to erase a tenant.
import { StackbilderEntrypoint as Reference } from "../../../entrypoints/stackbilder/worker.ts";

export * from "../../../entrypoints/stackbilder/worker.ts";
export { default } from "../../../entrypoints/stackbilder/worker.ts";

let failures = 2;

export class StackbilderEntrypoint extends Reference {
  override eraseTenant(call: unknown, input: unknown) {
    if (failures-- > 0) throw new Error("The Worker is down.");
    return super.eraseTenant(call, input);
  }
}
