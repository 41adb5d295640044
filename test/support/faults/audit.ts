// The reference audit store with faults in its database and its queue.
import * as audit from "../../../entrypoints/audit/worker.ts";
import { entrypointWithFaults, handlerWithFaults } from "./injection.ts";

export * from "../../../entrypoints/audit/worker.ts";

export const AuditEntrypoint = entrypointWithFaults(audit.AuditEntrypoint);

export default handlerWithFaults(audit.default);
