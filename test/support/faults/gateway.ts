// The gateway with faults in its bindings and Durable Objects.
import * as gateway from "../../../entrypoints/gateway/index.ts";
import { entrypointWithFaults, handlerWithFaults, objectWithFaults } from "./injection.ts";

export * from "../../../entrypoints/gateway/index.ts";

export const AuditLogObject = objectWithFaults(gateway.AuditLogObject);
export const ErasureObject = objectWithFaults(gateway.ErasureObject);
export const GrantObject = objectWithFaults(gateway.GrantObject);
export const McpSessionObject = objectWithFaults(gateway.McpSessionObject);
export const OneTimeMark = objectWithFaults(gateway.OneTimeMark);
export const RateCounter = objectWithFaults(gateway.RateCounter);
export const UserObject = objectWithFaults(gateway.UserObject);
export const GatewayEntrypoint = entrypointWithFaults(gateway.GatewayEntrypoint);
export const GatewayAdminEntrypoint = entrypointWithFaults(gateway.GatewayAdminEntrypoint);

export default handlerWithFaults(gateway.default);
