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

/** True if the backend serves calls of this gateway. */
export function isHealthy({ areKeysEqual, isContractEqual }: BackendHealth): boolean {
  return areKeysEqual === true && isContractEqual === true;
}

async function healthOf(context: RequestContext, name: BackendName): Promise<BackendHealth> {
  const startedAtMs = Date.now();
  const { audience } = BACKENDS[name];
  const { timeoutMs } = Describe;
  const call = { audience, method: "describe", input: {}, identity: GATEWAY_IDENTITY, timeoutMs };
  const { traceId } = context.trace;
  async function send(): Promise<unknown> {
    // Every contract has the method; the compiler cannot follow the index.
    const methods = context.env[name] as unknown as RpcMethods;
    return methods.describe?.(await callContext(context, { ...call, idempotencyKey: undefined }), {});
  }
  const reply = await invoke(Reply, send, timeoutMs, { method: `${name}.describe`, traceId });
  const latencyMs = Date.now() - startedAtMs;
  if (!reply.ok) {
    const isReachable = reply.fault === "breach";
    return { isReachable, areKeysEqual: null, isContractEqual: isReachable ? false : null, version: null, latencyMs };
  }
  const { value, error } = reply.value;
  if (value === undefined) {
    const haveKeysFailed = error?.code === "unauthenticated";
    if (haveKeysFailed) {
      const { kid } = await importRootKey(context.config.secret);
      logError("health.keys_differ", { backend: name, keyId: kid, traceId });
    }
    const areKeysEqual = haveKeysFailed ? false : null;
    return { isReachable: true, areKeysEqual, isContractEqual: null, version: null, latencyMs };
  }
  const isContractEqual = value.contractDigest === (await contractDigest(BACKENDS[name]));
  return { isReachable: true, areKeysEqual: true, isContractEqual, version: value.version, latencyMs };
}
