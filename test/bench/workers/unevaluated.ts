// The gateway's code, loaded but evaluated with the first request only.
import type { Env } from "../../../src/env.ts";

export * from "./bound.ts";

export default {
  async fetch(request, env, ctx) {
    const { default: gateway } = await import("../../../entrypoints/gateway/index.ts");
    return gateway.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env>;
