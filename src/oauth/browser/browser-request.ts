// One browser request at the door, with everything that answering it takes.

import type { AuthService } from "../../backends/auth.ts";
import type { Config } from "../../config.ts";
import type { Trace } from "../../context.ts";
import type { BrowserKeys } from "../../crypto/browser-keys.ts";
import type { Env } from "../../env.ts";

export interface BrowserRequest {
  readonly request: Request;
  readonly url: URL;
  readonly env: Env;
  readonly ctx: ExecutionContext;
  readonly config: Config;
  readonly keys: BrowserKeys;
  readonly trace: Trace;
  readonly auth: AuthService;
}

/** Origins that belong to the gateway and its auth Worker: no client may have answers sent there. */
export function ownOrigins(config: Config): readonly string[] {
  return [config.issuer, config.authBaseUrl];
}

/** The current time in whole seconds since the Unix epoch. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
