// Stackbilder's reference Worker: architecture flows over RPC. Every export below is an entrypoint; there is no HTTP surface.
import { WorkerEntrypoint } from "cloudflare:workers";
import type { VerifiedIdentity } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { serve } from "../../contracts/rpc/serve.ts";
import { type StackbilderContract, stackbilder } from "../../contracts/stackbilder.ts";
import type { Env } from "./env.ts";
import type { FlowObject } from "./flow-object.ts";
import { grantProfile } from "./governance.ts";
import { recentFlowsOf } from "./recent-flows.ts";
import { guardOf } from "./used-tokens.ts";

export { FlowObject } from "./flow-object.ts";
export { RecentFlows } from "./recent-flows.ts";
export { UsedTokens } from "./used-tokens.ts";

export class StackbilderEntrypoint extends WorkerEntrypoint<Env> implements StackbilderContract {
  createFlow(call: unknown, input: unknown) {
    return serve(
      stackbilder,
      "createFlow",
      guardOf(this.env),
      call,
      input,
      async (order, caller, { idempotencyKey }) => {
        const owner = ownerOf(caller);
        const { FLOWS } = this.env;
        // A repeated key names the object that it made the first time. Both kinds of id are unguessable, and bear the namespace's mark.
        const id = idempotencyKey === undefined ? FLOWS.newUniqueId() : FLOWS.idFromName(`${owner}\n${idempotencyKey}`);
        return FLOWS.get(id).create(owner, order, grantProfile(order.policy.profile ?? "balanced", caller.tier));
      },
    );
  }

  getFlowStatus(call: unknown, input: unknown) {
    return serve(stackbilder, "getFlowStatus", guardOf(this.env), call, input, async ({ flowId }, caller) => {
      return (await this.#flow(flowId)?.status(ownerOf(caller))) ?? fail("flow_not_found");
    });
  }

  getFlowSummary(call: unknown, input: unknown) {
    return serve(stackbilder, "getFlowSummary", guardOf(this.env), call, input, async ({ flowId }, caller) => {
      return (await this.#flow(flowId)?.summary(ownerOf(caller))) ?? fail("flow_not_found");
    });
  }

  getFlowQuality(call: unknown, input: unknown) {
    return serve(stackbilder, "getFlowQuality", guardOf(this.env), call, input, async ({ flowId }, caller) => {
      return (await this.#flow(flowId)?.quality(ownerOf(caller))) ?? fail("flow_not_found");
    });
  }

  getFlowGovernance(call: unknown, input: unknown) {
    return serve(stackbilder, "getFlowGovernance", guardOf(this.env), call, input, async ({ flowId }, caller) => {
      return (await this.#flow(flowId)?.governance(ownerOf(caller))) ?? fail("flow_not_found");
    });
  }

  advanceFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "advanceFlow", guardOf(this.env), call, input, async ({ flowId, wait }, caller, turn) => {
      const flow = this.#flow(flowId);
      if (!flow) return fail("flow_not_found");
      return wait ? flow.advance(ownerOf(caller), (update) => turn.report(update)) : flow.start(ownerOf(caller));
    });
  }

  recoverFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "recoverFlow", guardOf(this.env), call, input, async ({ flowId, wait }, caller, turn) => {
      const flow = this.#flow(flowId);
      if (!flow) return fail("flow_not_found");
      return wait ? flow.recover(ownerOf(caller), (update) => turn.report(update)) : flow.restart(ownerOf(caller));
    });
  }

  cancelFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "cancelFlow", guardOf(this.env), call, input, async ({ flowId }, caller) => {
      return (await this.#flow(flowId)?.cancel(ownerOf(caller))) ?? fail("flow_not_found");
    });
  }

  listFlows(call: unknown, input: unknown) {
    return serve(stackbilder, "listFlows", guardOf(this.env), call, input, async (_, caller) =>
      ok({ flows: await recentFlowsOf(this.env, ownerOf(caller)).list() }),
    );
  }

  /** The object with this id, which may never have been made; `null` for an id that this Worker cannot have given out. */
  #flow(flowId: string): DurableObjectStub<FlowObject> | null {
    try {
      return this.env.FLOWS.get(this.env.FLOWS.idFromString(flowId));
    } catch {
      return null;
    }
  }
}

/** Whom a flow belongs to: the tenant, or the caller itself where the gateway or a sibling Worker asks without one. */
function ownerOf(caller: VerifiedIdentity): string {
  return caller.tenantId === null ? `self/${caller.subject}` : `tenant/${caller.tenantId}`;
}

export default {
  fetch: () => new Response("Not found", { status: 404 }),
} satisfies ExportedHandler<Env>;
