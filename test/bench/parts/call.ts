// No validation of a value that a backend returned. Its envelope is looked at.
import * as v from "valibot";
import * as original from "../../../contracts/rpc/call.ts";

export * from "../../../contracts/rpc/call.ts";

const output = v.any();

export const call: typeof original.call = (operation, send, target) =>
  original.call({ ...operation, output }, send, target);
