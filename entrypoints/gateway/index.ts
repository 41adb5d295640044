// The gateway's main module. Its export list is its attack surface: the default export serves HTTP, `GatewayEntrypoint` serves
// sibling Workers over RPC, and `OneTimeMark` is a Durable Object class.

import type { Env } from "../../src/env.ts";
import { answerHttp } from "./http.ts";

export { OneTimeMark } from "../../src/oauth/one-time.ts";
export { GatewayEntrypoint } from "./rpc.ts";

export default {
  fetch: answerHttp,
} satisfies ExportedHandler<Env>;
