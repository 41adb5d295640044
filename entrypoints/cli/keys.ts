// `node entrypoints/cli/launch.mjs keys [backend]`: the IDENTITY_KEYS secret of each backend,
// derived from the root secret in the environment. For deployments; `npm run dev` makes its own.
import { identityKeysSetting } from "../../src/crypto/keys.ts";
import { CliError } from "./cli-error.ts";
import { AUDIENCES, CONFIGS } from "./workers.ts";

/**
 * Prints to stdout. With the name of a backend: only the value, as input of `wrangler secret put`.
 * Without: all backends, each with its command.
 */
export async function run(args: readonly string[]): Promise<void> {
  const { SERVICE_BINDING_SECRET: current = "", SERVICE_BINDING_SECRET_PREVIOUS: previous = "" } = process.env;
  if (Buffer.byteLength(current) < 32) {
    throw new CliError(
      "Set SERVICE_BINDING_SECRET in the environment to the gateway's root secret, at least 32 bytes long.",
    );
  }
  const secrets = previous === "" ? [current] : [current, previous];
  const [chosen] = args;
  if (chosen === undefined) {
    for (const audience of AUDIENCES) {
      const setting = await identityKeysSetting(secrets, audience);
      console.log(`# wrangler secret put IDENTITY_KEYS -c ${CONFIGS[audience]}\n${setting}`);
    }
    return;
  }
  const audience = AUDIENCES.find((name) => name === chosen);
  if (audience === undefined || args.length > 1)
    throw new CliError(`Name one backend (${AUDIENCES.join(", ")}), or none to print all of them.`);
  console.log(await identityKeysSetting(secrets, audience));
}
