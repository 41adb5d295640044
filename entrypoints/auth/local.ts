// The auth Worker on a developer's machine: the same, and where no client id is configured, a page stands in for GitHub or Google.
// Never deployed; production starts from worker.ts, which does not know this file.

import { choiceWithStandIn, standInPage } from "./local-provider.ts";
import type { Env } from "./settings.ts";
import { socialBridge } from "./social-bridge.ts";

export { AuthEntrypoint } from "./worker.ts";

export default {
  fetch: async (request, env) => (await standInPage(request, env)) ?? socialBridge(request, env, choiceWithStandIn),
} satisfies ExportedHandler<Env>;
