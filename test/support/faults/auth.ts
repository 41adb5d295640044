// The local auth Worker with faults in its database and its ledgers.
import * as auth from "../../../entrypoints/auth/local.ts";
import { entrypointWithFaults, handlerWithFaults, objectWithFaults } from "./injection.ts";

export * from "../../../entrypoints/auth/local.ts";

export const AuthEntrypoint = entrypointWithFaults(auth.AuthEntrypoint);
export const LedgerObject = objectWithFaults(auth.LedgerObject);

export default handlerWithFaults(auth.default);
