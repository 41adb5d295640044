// The gateway's main module. Its export list is its attack surface: the default export serves HTTP,
// `GatewayEntrypoint` serves sibling Workers over RPC, `GatewayAdminEntrypoint` the auth Worker
// alone, and the others are Durable Object classes.

import type { Env } from "../../src/env.ts";
import { INFO } from "./features.ts";
import { httpHandler } from "./http.ts";
import { mcpServerFor } from "./mcp-server.ts";

export { AuditLogObject } from "../../src/durable/audit-log-object.ts";
export { ErasureObject } from "../../src/durable/erasure-object.ts";
export { GrantObject } from "../../src/durable/grant-object.ts";
export { McpSessionObject } from "../../src/durable/mcp-session-object.ts";
export { OneTimeMark } from "../../src/durable/one-time-mark.ts";
export { RateCounter } from "../../src/durable/rate-counter.ts";
export { UserObject } from "../../src/durable/user-object.ts";
export { GatewayAdminEntrypoint } from "./admin.ts";
export { GatewayEntrypoint } from "./rpc.ts";

export default {
  fetch: httpHandler({ info: INFO, mcpServerFor }),
} satisfies ExportedHandler<Env>;
