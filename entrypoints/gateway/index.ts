// The gateway's main module. Its export list is its attack surface: the default export serves HTTP, `GatewayEntrypoint` serves
// sibling Workers over RPC, `GatewayAdminEntrypoint` the auth Worker alone, and the others are Durable Object classes.

import type { Env } from "../../src/env.ts";
import { purgeExpired } from "../../src/oauth/purge.ts";
import { hostFor } from "./host.ts";
import { httpDoor } from "./http.ts";
import { INFO } from "./offer.ts";

export { McpSession } from "../../src/mcp-session.ts";
export { TokenGate } from "../../src/oauth/token-gate.ts";
export { UserRevocations } from "../../src/oauth/user-revocations.ts";
export { OneTimeMark } from "../../src/one-time.ts";
export { RateCounter } from "../../src/rate-counter.ts";
export { GatewayAdminEntrypoint } from "./admin.ts";
export { GatewayEntrypoint } from "./rpc.ts";

export default {
  fetch: httpDoor({ info: INFO, hostFor }),
  scheduled: (_controller, env) => purgeExpired(env),
} satisfies ExportedHandler<Env>;
