// Every binding, variable and secret of the gateway, with its purpose. `config.ts` validates
// values.
import type { AuthContract } from "../contracts/auth.ts";
import type { BackendName, Backends } from "../contracts/backends.ts";
import type { BackendBinding, Binding } from "../contracts/rpc/binding.ts";
import type { AuditLogObject } from "./durable/audit-log-object.ts";
import type { ErasureObject } from "./durable/erasure-object.ts";
import type { GrantObject } from "./durable/grant-object.ts";
import type { McpSessionObject } from "./durable/mcp-session-object.ts";
import type { OneTimeMark } from "./durable/one-time-mark.ts";
import type { RateCounter } from "./durable/rate-counter.ts";
import type { UserObject } from "./durable/user-object.ts";

/** A service binding for each backend of `contracts/backends.ts`, typed by its contract. */
type BackendBindings = { readonly [B in BackendName]: BackendBinding<Backends[B]> };

export interface Env extends BackendBindings {
  /**
   * The gateway's own origin, without a trailing slash: OAuth issuer, and base of every redirect.
   * https, or http on loopback.
   */
  readonly API_BASE_URL: string;
  /** Origin of the auth Worker's social bridge. */
  readonly AUTH_BASE_URL: string;
  /**
   * Browser origins that may call `/mcp`, separated by commas. Requests without `Origin` are not
   * from a web page.
   */
  readonly ALLOWED_ORIGINS: string;
  /** Sign-in and registration are open only for exactly `"true"`. */
  readonly PUBLIC_SIGNUPS_ENABLED?: string;
  /** `"true"` enables dynamic client registration (RFC 7591). */
  readonly DYNAMIC_REGISTRATION_ENABLED?: string;
  /** `"true"` enables client id metadata documents (CIMD). */
  readonly CIMD_ENABLED?: string;
  /**
   * Risks whose calls the user must confirm, separated by commas. Default: `DESTRUCTIVE`. Empty:
   * none.
   */
  readonly CONFIRM_RISKS?: string;
  /**
   * Risks whose calls are refused where the audit log cannot store their intent, separated by
   * commas. Default: `EXTERNAL_MUTATION,DESTRUCTIVE`. Empty: none.
   */
  readonly AUDIT_REQUIRED_RISKS?: string;
  /**
   * Seconds for which an isolate caches a valid credential, 0 to 30. Default: 30. 0 disables the
   * cache.
   */
  readonly CREDENTIAL_CACHE_SECONDS?: string;
  /** Proof of the host for the MCP registry: `v=MCPv1; k=ed25519; p=<public key>`. Empty: none. */
  readonly MCP_REGISTRY_AUTH?: string;

  /**
   * Root key, at least 32 bytes. All keys of cookies, forms and identity tokens derive from it. It
   * never leaves the gateway.
   */
  readonly SERVICE_BINDING_SECRET: string;
  /**
   * The other root key during a rotation, before it the next one and then the previous one. It
   * opens what it sealed, and seals nothing new.
   */
  readonly SERVICE_BINDING_SECRET_PREVIOUS?: string;
  /**
   * Public keys that verify checkpoints of the audit log signed under earlier root keys:
   * `kid:x[,kid:x]`. Kept as a secret, so that a deployment does not replace it.
   */
  readonly RETIRED_CHECKPOINT_KEYS?: string;

  /** Bearer token for `GET /health?deep=1`, at least 32 characters. Absent: no one may ask. */
  readonly HEALTH_TOKEN?: string;

  /** OAuth state only: write access allows an attacker to forge tokens. */
  readonly OAUTH_KV: KVNamespace;
  /** Audit events for the platform. */
  readonly PLATFORM_EVENTS_QUEUE: Queue;
  /**
   * One object per one-time mark, so that a browser transaction or a confirmation is used once,
   * also in parallel.
   */
  readonly ONE_TIME: DurableObjectNamespace<OneTimeMark>;
  /** One object per grant, which serializes redemption, refresh and revocation. */
  readonly GRANTS: DurableObjectNamespace<GrantObject>;
  /** One object per user: grants, stored approvals, and what ended before its expiry. */
  readonly USERS: DurableObjectNamespace<UserObject>;
  /** One object per counter: exact limits per hour and per day. */
  readonly RATE_COUNTER: DurableObjectNamespace<RateCounter>;
  /** One object per MCP session of an older revision. */
  readonly MCP_SESSION: DurableObjectNamespace<McpSessionObject>;
  /** One object per tenant: the chain of audit records, and those that the queue does not have. */
  readonly AUDIT_LOG: DurableObjectNamespace<AuditLogObject>;
  /** One object per account that is being deleted. */
  readonly ERASURES: DurableObjectNamespace<ErasureObject>;
  /**
   * Limits per minute and location, named after their number. `src/limits/rate-limits.ts` assigns
   * them.
   */
  readonly LIMIT_5: RateLimit;
  readonly LIMIT_10: RateLimit;
  readonly LIMIT_20: RateLimit;
  readonly LIMIT_30: RateLimit;
  readonly LIMIT_60: RateLimit;
  readonly LIMIT_300: RateLimit;
  readonly LIMIT_1000: RateLimit;
  readonly LIMIT_3000: RateLimit;

  /** Users, tenants, keys and social sign-in: the methods of the contract, and six older ones. */
  readonly AUTH_SERVICE: Binding<AuthContract>;
}
