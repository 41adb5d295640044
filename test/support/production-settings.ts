// Settings of production for tests, complete for every Worker of this repository.
import { type Production, parseProduction } from "../../entrypoints/cli/production/settings.ts";

/** The text of a file that may be deployed. */
export const PRODUCTION = `account_id = ""

[gateway]
domain = "mcp.stackbilt.dev"

[gateway.vars]
PUBLIC_SIGNUPS_ENABLED = "false"
CIMD_ENABLED = "true"
ALLOWED_ORIGINS = ""

[gateway.ids]
OAUTH_KV = "${"a".repeat(32)}"

[auth]
domain = "auth.stackbilt.dev"

[auth.ids]
DB = "11111111-1111-4111-8111-111111111111"

[img-forge]
domain = "images.stackbilt.dev"

[audit.ids]
DB = "11111111-1111-4111-8111-111111111112"
`;

/** The settings of `PRODUCTION` with a part of its text replaced, which it must have. */
export function productionWith(part = "", replacement = ""): Production {
  if (!PRODUCTION.includes(part)) throw new Error(`PRODUCTION has no ${part}.`);
  return parseProduction(PRODUCTION.replace(part, () => replacement));
}
