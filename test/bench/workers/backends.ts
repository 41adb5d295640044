// Fake backends: they return at once and verify nothing. The baseline calls them, too, so that the
// difference is the cost of the gateway.
import { WorkerEntrypoint } from "cloudflare:workers";
import { ok } from "../../../contracts/rpc/result.ts";
import type { BackendCounts } from "../counts.ts";
import { flowOf, LARGE_BYTES } from "../flow.ts";

const counts: BackendCounts = { calls: 0 };

/** A backend in which every flow exists and is a third done. */
export class StackbilderEntrypoint extends WorkerEntrypoint {
  getFlowStatus(_call: unknown, { flowId }: { flowId: string }) {
    counts.calls++;
    return ok(flowOf(flowId));
  }

  /** The id has the length of the received notes. */
  createFlow(_call: unknown, { projectDescription }: { projectDescription: string }) {
    counts.calls++;
    return ok(flowOf(`notes_${projectDescription.length}`));
  }

  /** Returns a flow with one long artifact. */
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

/** An auth Worker whose users are all in good standing. */
export class AuthEntrypoint extends WorkerEntrypoint {
  getUser(_call: unknown, { userId }: { userId: string }) {
    counts.calls++;
    const account = { userId, tenantId: `t_${userId}`, email: "a@example.com", name: "A", tier: "enterprise" };
    return ok({ ...account, isActive: true, isDelinquent: false, sessionVersion: 0, signedOutAtMs: 0 });
  }
}

/** Responds with the counts, for the benchmark itself. */
export default { fetch: () => Response.json(counts) } satisfies ExportedHandler;
