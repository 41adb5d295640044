// `node entrypoints/cli/launch.mjs keys [backend]`: the IDENTITY_KEYS secret of each backend, derived from the root secret in the
// environment. For those who deploy backends themselves; `npm run dev` needs none of this.
import { identityKeysSetting } from "../../src/crypto/keys.ts";
import { CliError } from "./cli-error.ts";
import { AUDIENCES } from "./local-secrets.ts";
import { CONFIGS } from "./workers.ts";

/** Prints to stdout: with a backend's name only the value, to be piped into `wrangler secret put`; else one line a backend. */
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
      console.log(
        `# wrangler secret put IDENTITY_KEYS -c ${CONFIGS[audience]}\n${await identityKeysSetting(secrets, audience)}`,
      );
    }
    return;
  }
  const audience = AUDIENCES.find((name) => name === chosen);
  if (audience === undefined || args.length > 1)
    throw new CliError(`Name one backend, ${AUDIENCES.join(", ")}, or none for all of them.`);
  console.log(await identityKeysSetting(secrets, audience));
}
