// Stands in for the Workers behind the gateway: answers at once, verifies nothing. The RPC floor calls it too, so that whatever the
// gateway takes longer is the gateway's.
import { WorkerEntrypoint } from "cloudflare:workers";
import { ok } from "../../../contracts/rpc/result.ts";
import type { BackendCounts } from "../counts.ts";
import { flowOf, LARGE_BYTES } from "../flow.ts";

const counts: BackendCounts = { calls: 0 };

/** Every flow exists and is a third done. */
export class StackbilderEntrypoint extends WorkerEntrypoint {
  getFlowStatus(_call: unknown, { flowId }: { flowId: string }) {
    counts.calls++;
    return ok(flowOf(flowId));
  }

  /** The id says how much of the policy arrived. */
  createFlow(_call: unknown, { policy }: { policy: { notes: string } }) {
    counts.calls++;
    return ok(flowOf(`notes_${policy.notes.length}`));
  }

  /** A flow with one long artifact. */
  getFlowSummary(_call: unknown, { flowId }: { flowId: string }) {
    counts.calls++;
    const artifact = {
      mode: "PRODUCT",
      title: "Product",
      markdown: `${"a line of text\n".repeat(LARGE_BYTES / 15)}`,
      tokens: 1,
    };
    return ok({ ...flowOf(flowId), projectId: null, modes: [], totalTokens: 1, quality: null, artifacts: [artifact] });
  }
}

/** Nobody is asked about people while tools are called. */
export class AuthEntrypoint extends WorkerEntrypoint {}

/** For the benchmark itself: the counts. */
export default { fetch: () => Response.json(counts) } satisfies ExportedHandler;
