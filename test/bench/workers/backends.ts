// Fake backends: they return at once and verify nothing. The baseline calls them, too, so that the
// difference is the cost of the gateway.
import { WorkerEntrypoint } from "cloudflare:workers";
import { ok } from "../../../contracts/rpc/result.ts";
import type { BackendCounts } from "../counts.ts";
import { flowOf, LARGE_BYTES, pictureOf } from "../flow.ts";

const counts: BackendCounts = { auth: 0, ledger: 0, backends: 0 };

/** A backend in which every flow exists and is a third done. */
export class StackbilderEntrypoint extends WorkerEntrypoint {
  getFlowStatus(_call: unknown, { flowId }: { flowId: string }) {
    counts.backends++;
    return ok(flowOf(flowId));
  }

  /** The id has the length of the received notes. */
  createFlow(_call: unknown, { projectDescription }: { projectDescription: string }) {
    counts.backends++;
    return ok(flowOf(`notes_${projectDescription.length}`));
  }

  /** Returns a flow with one long artifact. */
  getFlowSummary(_call: unknown, { flowId }: { flowId: string }) {
    counts.backends++;
    const artifact = {
      mode: "PRODUCT",
      title: "Product",
      markdown: `${"a line of text\n".repeat(LARGE_BYTES / 15)}`,
      tokens: 1,
    };
    return ok({ ...flowOf(flowId), projectId: null, modes: [], totalTokens: 1, quality: null, artifacts: [artifact] });
  }
}

/** Draws at once; the picture is too large to be sent inside a result. */
export class ImgForgeEntrypoint extends WorkerEntrypoint {
  generateImage(_call: unknown, { prompt }: { prompt: string }) {
    counts.backends++;
    return ok(pictureOf(prompt));
  }
}

/** A store that is not asked. */
export class AuditEntrypoint extends WorkerEntrypoint {}

/** Far more credits than the benchmark uses. */
const BALANCE = { tier: "enterprise", allowance: 1_000, committed: 0, reserved: 0, available: 1_000, resetsAt: 0 };

/** An auth Worker whose users are all in good standing, and have credits. */
export class AuthEntrypoint extends WorkerEntrypoint {
  reserveCredits() {
    counts.ledger++;
    return ok({ isReserved: true, balance: BALANCE });
  }

  settleCredits() {
    counts.ledger++;
    return ok({ state: "committed" });
  }

  getUser(_call: unknown, { userId }: { userId: string }) {
    counts.auth++;
    const account = { userId, tenantId: `t_${userId}`, email: "a@example.com", name: "A", tier: "enterprise" };
    return ok({ ...account, isActive: true, isDelinquent: false, sessionVersion: 0, signedOutAtMs: 0 });
  }
}

/** Responds with the counts, for the benchmark itself. */
export default { fetch: () => Response.json(counts) } satisfies ExportedHandler;
