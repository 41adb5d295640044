// Every binding, variable and secret of the gateway. `config.ts` judges the values; this file says what they are for.
import type { AuthContract } from "../contracts/auth.ts";
import type { imgForge } from "../contracts/img-forge.ts";
import type { BackendBinding, Binding } from "../contracts/rpc/binding.ts";
import type { stackbilder } from "../contracts/stackbilder.ts";
import type { GrantObject } from "./durable/grant-object.ts";
import type { McpSessionObject } from "./durable/mcp-session-object.ts";
import type { OneTimeMark } from "./durable/one-time-mark.ts";
import type { RateCounter } from "./durable/rate-counter.ts";
import type { UserRevocations } from "./durable/user-revocations.ts";

export interface Env {
  /** The gateway's own origin, without a trailing slash: OAuth issuer, and base of every redirect. https, or http on loopback. */
  readonly API_BASE_URL: string;
  /** Origin of the auth Worker's social bridge. */
  readonly AUTH_BASE_URL: string;
  /** Browser origins that may call `/mcp`, separated by commas. A request without an Origin header is not from a browser page. */
  readonly ALLOWED_ORIGINS: string;
  /** The coming-soon gate: sign-in and registration are open only on exactly `"true"`. */
  readonly PUBLIC_SIGNUPS_ENABLED?: string;
  /** `"true"` lets clients register themselves (RFC 7591). */
  readonly DYNAMIC_REGISTRATION_ENABLED?: string;
  /** `"true"` accepts a client's metadata document as its client id (CIMD). */
  readonly CIMD_ENABLED?: string;
  /** The risks that need a person's explicit yes to each call, separated by commas; default `DESTRUCTIVE`, empty: none. */
  readonly CONFIRM_RISKS?: string;
  /** For how long an isolate takes a credential that it has seen, without looking it up: 0 to 30 seconds, default 30. 0: looked up each time. */
  readonly CREDENTIAL_CACHE_SECONDS?: string;
  /** The MCP registry's proof that this host is ours: `v=MCPv1; k=ed25519; p=<public key>`. Empty: there is none. */
  readonly MCP_REGISTRY_AUTH?: string;

  /** Root key, at least 32 bytes: every cookie, form and identity key is derived from it. It never leaves the gateway. */
  readonly SERVICE_BINDING_SECRET: string;
  /** The root key before a rotation: what it sealed is still read, nothing new is made with it. */
  readonly SERVICE_BINDING_SECRET_PREVIOUS?: string;

  /** OAuth state only: whoever can write here can forge tokens. */
  readonly OAUTH_KV: KVNamespace;
  /** Audit events for the platform. */
  readonly PLATFORM_EVENTS_QUEUE: Queue;
  /** Marks that can be set once: makes a browser transaction, or a person's yes to a call, usable once, also in parallel. */
  readonly ONE_TIME: DurableObjectNamespace<OneTimeMark>;
  /** One object a grant: redeems, refreshes and revokes one at a time. */
  readonly GRANTS: DurableObjectNamespace<GrantObject>;
  /** One object a user: what of theirs has ended before its time. */
  readonly USER_REVOCATIONS: DurableObjectNamespace<UserRevocations>;
  /** One object a counter: limits over hours and days, counted exactly. */
  readonly RATE_COUNTER: DurableObjectNamespace<RateCounter>;
  /** One object an MCP session of an older revision: what it remembers, and what it waits for. */
  readonly MCP_SESSION: DurableObjectNamespace<McpSessionObject>;
  /** Limits a minute, counted for each location: the number is in the name. What is limited to how much stands in `limits.ts`. */
  readonly LIMIT_5: RateLimit;
  readonly LIMIT_10: RateLimit;
  readonly LIMIT_20: RateLimit;
  readonly LIMIT_30: RateLimit;
  readonly LIMIT_60: RateLimit;
  readonly LIMIT_300: RateLimit;
  readonly LIMIT_1000: RateLimit;
  readonly LIMIT_3000: RateLimit;

  /** Users, tenants, keys, social sign-in. */
  readonly AUTH_SERVICE: Binding<AuthContract>;
  /** Architecture flows. */
  readonly STACKBILDER: BackendBinding<typeof stackbilder>;
  /** Pictures. */
  readonly IMG_FORGE: BackendBinding<typeof imgForge>;
}
