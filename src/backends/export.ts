// A tenant's own copy of the data at one backend, page by page.
import { BACKENDS, type BackendName } from "../../contracts/backends.ts";
import { call } from "../../contracts/rpc/call.ts";
import { type ExportedItem, ExportTenant } from "../../contracts/rpc/export.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { type CallerContext, callContext } from "./call-context.ts";

/** Pages of one backend, which bound the size of the copy. */
const MAX_PAGES = 200;

/** Yields the pages. Returns false if some is missing: the backend failed, or has too much. */
export async function* exportFrom(
  context: CallerContext,
  backend: BackendName,
  identity: Identity,
): AsyncGenerator<readonly ExportedItem[], boolean> {
  const { audience } = BACKENDS[backend];
  const { timeoutMs } = ExportTenant;
  let cursor: string | null = null;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const input: { cursor: string | null } = { cursor };
    const parameters = { audience, method: "exportTenant", input, identity, timeoutMs, idempotencyKey: undefined };
    const send = async () => context.env[backend].exportTenant(await callContext(context, parameters), input);
    const target = { method: `${backend}.exportTenant`, traceId: context.trace.traceId };
    const reply = await call(ExportTenant, send, target);
    if (!reply.ok) return false;
    yield reply.value.items;
    cursor = reply.value.next;
    if (cursor === null) return true;
  }
  return false;
}
