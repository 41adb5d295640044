// The call context that accompanies the input of every backend call: the signed identity token, the
// trace, the deadline, and the callback for progress.
import type { Audience } from "../../contracts/backends.ts";
import type { CallContext, ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { type IdentityKey, type SignedCall, signIdentity } from "../../contracts/rpc/identity-token.ts";
import type { Config } from "../config.ts";
import type { RequestContext } from "../context.ts";
import { deriveIdentityKey, importRootKey } from "../crypto/keys.ts";

/** The gateway itself, for calls before there is a user. It only reads. */
export const GATEWAY_IDENTITY: Identity = {
  subject: "gateway",
  tenantId: null,
  tier: "free",
  scopes: ["read"],
  clientId: "gateway",
};

/** Signing keys by settings, then by backend. Imported once an isolate. */
const signingKeys = new WeakMap<Config, Map<Audience, IdentityKey>>();

/**
 * The part of the request's context that calls need. Callbacks of the OAuth library have no `ctx`,
 * and work outside of a request no common deadlines.
 */
export type CallerContext = Omit<RequestContext, "ctx" | "deadlines"> & Partial<Pick<RequestContext, "deadlines">>;

/** One call, and what its context says beside that. */
export interface CallParameters extends SignedCall {
  readonly audience: Audience;
  readonly identity: Identity;
  /** Time that the gateway waits, in milliseconds. */
  readonly timeoutMs: number;
  readonly progress?: ProgressCallback | undefined;
}

/** The context for exactly this call. */
export async function callContext(
  { config, trace }: CallerContext,
  { identity, timeoutMs, progress, ...call }: CallParameters,
): Promise<CallContext> {
  const key = await signingKey(config, call.audience);
  const nowMs = Date.now();
  return {
    identity: await signIdentity(key, identity, call, Math.floor(nowMs / 1000)),
    traceparent: trace.traceparent,
    deadlineMs: nowMs + timeoutMs,
    ...(call.idempotencyKey === undefined ? {} : { idempotencyKey: call.idempotencyKey }),
    ...(progress === undefined ? {} : { progress }),
  };
}

async function signingKey(config: Config, audience: Audience): Promise<IdentityKey> {
  const known = signingKeys.get(config)?.get(audience);
  if (known) return known;
  const key = await deriveIdentityKey(await importRootKey(config.secret), audience);
  const keys = signingKeys.get(config) ?? new Map<Audience, IdentityKey>();
  signingKeys.set(config, keys.set(audience, key));
  return key;
}
