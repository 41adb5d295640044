// Erasure of a tenant at one backend.
import { BACKENDS, type BackendName } from "../../contracts/backends.ts";
import { call } from "../../contracts/rpc/call.ts";
import { EraseTenant } from "../../contracts/rpc/erasure.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { type CallerContext, callContext } from "./call-context.ts";

/** Calls after which a backend counts as one that did not finish; each deletes a part. */
const MAX_CALLS = 50;

/** Deletes everything of the identity's tenant. False: some is left, or the backend failed. */
export async function eraseAt(context: CallerContext, backend: BackendName, identity: Identity): Promise<boolean> {
  const { audience } = BACKENDS[backend];
  const { timeoutMs } = EraseTenant;
  const parameters = { audience, method: "eraseTenant", input: {}, identity, timeoutMs, idempotencyKey: undefined };
  const send = async () => context.env[backend].eraseTenant(await callContext(context, parameters), {});
  for (let calls = 0; calls < MAX_CALLS; calls++) {
    const target = { method: `${backend}.eraseTenant`, traceId: context.trace.traceId };
    const reply = await call(EraseTenant, send, target);
    if (!reply.ok || reply.value.isErased) return reply.ok;
  }
  return false;
}
