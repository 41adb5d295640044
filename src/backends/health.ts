// Health of the backends: each describes itself, under an identity token, so that a wrong key or
// another version of a contract is found before a user's call finds it.
import * as v from "valibot";
import { BACKENDS, type BackendName } from "../../contracts/backends.ts";
import { logError } from "../../contracts/log.ts";
import { invoke } from "../../contracts/rpc/call.ts";
import { contractDigest, Describe } from "../../contracts/rpc/describe.ts";
import type { RequestContext } from "../context.ts";
import { importRootKey } from "../crypto/keys.ts";
import { callContext, GATEWAY_IDENTITY } from "./call-context.ts";

/** Health of one backend. `null`: not known, because the backend did not say. */
export interface BackendHealth {
  readonly isReachable: boolean;
  /** False if it is an older Worker, which has no method `describe`: it may serve calls. */
  readonly isDescribed: boolean | null;
  /** False if the backend's `IDENTITY_KEYS` do not have the gateway's key. */
  readonly areKeysEqual: boolean | null;
  /** False if the two were built with different contracts. */
  readonly isContractEqual: boolean | null;
  readonly version: string | null;
  /** Whole milliseconds until the reply. */
  readonly latencyMs: number;
}

const Reply = v.object({
  value: v.optional(Describe.output),
  error: v.optional(v.object({ code: v.string() })),
});

type RpcMethods = Record<string, (context: unknown, input: unknown) => Promise<unknown>>;

/** Asks every backend at once; none is waited for longer than 5 seconds. */
export async function backendsHealth(context: RequestContext): Promise<Record<string, BackendHealth>> {
  const names = Object.keys(BACKENDS) as BackendName[];
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await healthOf(context, name)])));
}

/**
 * True if the backend serves calls of this gateway, or is an older Worker that does not say.
 * Another contract alone is normal between two deployments: contracts only grow.
 */
export function isHealthy({ areKeysEqual, isDescribed }: BackendHealth): boolean {
  return areKeysEqual === true || isDescribed === false;
}

/** A note about a backend of another version; `null` for one of this version. */
export function noteOf(name: string, { isContractEqual, isDescribed }: BackendHealth): string | null {
  if (isDescribed === false) return `${name} has no method describe: its keys and its contract are not known.`;
  return isContractEqual === false ? `${name} was built with another contract: deploy both from one version.` : null;
}

const UNKNOWN = { isDescribed: null, areKeysEqual: null, isContractEqual: null, version: null } as const;
/** The reply in place of one from a Worker without the method. */
const WITHOUT_METHOD = { error: { code: "no_such_method" } };

async function healthOf(context: RequestContext, name: BackendName): Promise<BackendHealth> {
  const startedAtMs = Date.now();
  const { traceId } = context.trace;
  const { timeoutMs } = Describe;
  const reply = await invoke(Reply, () => describe(context, name), timeoutMs, { method: `${name}.describe`, traceId });
  const latencyMs = Date.now() - startedAtMs;
  if (!reply.ok) {
    const isBroken = reply.fault === "breach";
    return { ...UNKNOWN, isReachable: isBroken, isContractEqual: isBroken ? false : null, latencyMs };
  }
  const { value, error } = reply.value;
  const reached = { ...UNKNOWN, isReachable: true, latencyMs };
  if (value !== undefined) {
    const isContractEqual = value.contractDigest === (await contractDigest(BACKENDS[name]));
    return { ...reached, isDescribed: true, areKeysEqual: true, isContractEqual, version: value.version };
  }
  if (error?.code === WITHOUT_METHOD.error.code) return { ...reached, isDescribed: false };
  if (error?.code !== "unauthenticated") return reached;
  const { kid } = await importRootKey(context.config.secret);
  logError("health.keys_differ", { backend: name, keyId: kid, traceId });
  return { ...reached, areKeysEqual: false };
}

async function describe(context: RequestContext, name: BackendName): Promise<unknown> {
  const { audience } = BACKENDS[name];
  const { timeoutMs } = Describe;
  const call = { audience, method: "describe", input: {}, identity: GATEWAY_IDENTITY, timeoutMs };
  // Every contract has the method; the compiler cannot follow the index.
  const methods = context.env[name] as unknown as RpcMethods;
  try {
    return await methods.describe?.(await callContext(context, { ...call, idempotencyKey: undefined }), {});
  } catch (error) {
    // The runtime's own sentence is all that tells this from a crash.
    if (error instanceof TypeError && error.message.includes("does not implement the method")) return WITHOUT_METHOD;
    throw error;
  }
}
