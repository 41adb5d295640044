// Makes the call context that goes with every call to a backend: signs who asks, under the key of that one backend.
import type { CallContext, ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Audience, Identity } from "../../contracts/rpc/identity.ts";
import { type IdentityKey, signIdentity } from "../../contracts/rpc/identity-token.ts";
import type { Config } from "../config.ts";
import type { Trace } from "../context.ts";
import { deriveIdentityKey, importRootKey } from "../crypto/keys.ts";

/** The gateway itself: who asks while there is no user yet. */
export const GATEWAY_IDENTITY: Identity = {
  subject: "gateway",
  tenantId: null,
  tier: "free",
  scopes: [],
  clientId: "gateway",
};

/** Signing keys, imported once an isolate: per settings, then per backend. */
const signingKeys = new WeakMap<Config, Map<Audience, IdentityKey>>();

/** Everything that a backend is told beside the input. */
export interface CallRequest {
  readonly audience: Audience;
  readonly identity: Identity;
  /** The tool's name, or the method's name where no tool is involved. */
  readonly tool: string;
  readonly trace: Trace;
  /** How long the caller will wait, in milliseconds. */
  readonly timeoutMs: number;
  readonly idempotencyKey?: string | undefined;
  readonly progress?: ProgressCallback | undefined;
}

/** The context for one call with exactly this `input`. */
export async function callContext(config: Config, request: CallRequest, input: unknown): Promise<CallContext> {
  const { audience, identity, tool, trace, timeoutMs, idempotencyKey, progress } = request;
  const key = await signingKey(config, audience);
  const nowMs = Date.now();
  const statement = {
    identity,
    issuer: config.issuer,
    audience,
    tool,
    traceId: trace.traceId,
    nonce: crypto.randomUUID(),
  };
  return {
    identity: await signIdentity(key, statement, input, Math.floor(nowMs / 1000)),
    traceparent: trace.traceparent,
    deadlineMs: nowMs + timeoutMs,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
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
