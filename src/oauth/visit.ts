// One browser request at the door, with everything that answering it takes.
import type { Config } from "../config.ts";
import type { Env } from "../env.ts";
import type { Trace } from "../trace.ts";
import type { AuthService } from "./auth-service.ts";
import type { DoorKeys } from "./door-keys.ts";

export interface Visit {
  readonly request: Request;
  readonly url: URL;
  readonly env: Env;
  readonly ctx: ExecutionContext;
  readonly config: Config;
  readonly keys: DoorKeys;
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
