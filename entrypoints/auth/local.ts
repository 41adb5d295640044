// The auth Worker on a developer's machine: a page replaces GitHub or Google if no client id is
// configured. Never deployed: production starts from worker.ts, which does not import this file.
import { configuredOrLocalProvider, localProviderPage } from "./local-provider.ts";
import { deliverRevocations } from "./revocations.ts";
import type { Env } from "./settings.ts";
import { socialBridge } from "./social-bridge.ts";

export { AuthEntrypoint, LedgerObject } from "./worker.ts";

export default {
  fetch: async (request, env) =>
    (await localProviderPage(request, env)) ?? socialBridge(request, env, configuredOrLocalProvider),
  scheduled: (_, env) => deliverRevocations(env),
} satisfies ExportedHandler<Env>;
