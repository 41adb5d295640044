// Erasure of a tenant: the end of a person's data at one backend.
import * as v from "valibot";
import { operation } from "./operation.ts";

/**
 * `eraseTenant`, a method of every contract: deletes what the backend holds about the tenant of the
 * identity token, and refuses to hold anything new for it. May be repeated.
 */
export const EraseTenant = operation({
  input: v.strictObject({}),
  /**
   * True once nothing of the tenant can be read any more. False: there is more than one call
   * deletes; call again.
   */
  output: v.object({ isErased: v.boolean() }),
  errors: {},
  timeoutMs: 30_000,
  changes: true,
});
