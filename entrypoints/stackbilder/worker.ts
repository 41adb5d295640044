// The Stackbilder reference Worker: architecture flows over RPC. Every export is an entrypoint. It
// has no HTTP interface.
import { WorkerEntrypoint } from "cloudflare:workers";
import { guardOf } from "../../contracts/rpc/claim-once.ts";
import type { VerifiedIdentity } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { type IncomingCall, serve } from "../../contracts/rpc/serve.ts";
import { type StackbilderContract, stackbilder } from "../../contracts/stackbilder.ts";
import type { Env } from "./env.ts";
import { flowObject, newFlowAddress } from "./flow-id.ts";
import type { FlowObject } from "./flow-object.ts";
import { grantProfile } from "./governance.ts";
import { recentFlowsOf } from "./recent-flows.ts";

export { FlowObject } from "./flow-object.ts";
export { RecentFlows } from "./recent-flows.ts";
export { UsedTokens } from "./used-tokens.ts";

export class StackbilderEntrypoint extends WorkerEntrypoint<Env> implements StackbilderContract {
  createFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "createFlow", this.#incoming(call, input), async (input, identity, invocation) => {
      const owner = ownerOf(identity);
      const profile = grantProfile(input.policy.profile ?? "balanced", identity.tier);
      const { FLOWS } = this.env;
      const { flowId, objectId } = newFlowAddress(FLOWS, owner, invocation.idempotencyKey);
      return FLOWS.get(objectId).create(flowId, owner, input, profile);
    });
  }

  getFlowStatus(call: unknown, input: unknown) {
    return serve(stackbilder, "getFlowStatus", this.#incoming(call, input), async ({ flowId }, identity) => {
      return (await this.#flow(flowId)?.status(ownerOf(identity))) ?? fail("flow_not_found");
    });
  }

  getFlowSummary(call: unknown, input: unknown) {
    return serve(stackbilder, "getFlowSummary", this.#incoming(call, input), async ({ flowId }, identity) => {
      return (await this.#flow(flowId)?.summary(ownerOf(identity))) ?? fail("flow_not_found");
    });
  }

  getFlowQuality(call: unknown, input: unknown) {
    return serve(stackbilder, "getFlowQuality", this.#incoming(call, input), async ({ flowId }, identity) => {
      return (await this.#flow(flowId)?.quality(ownerOf(identity))) ?? fail("flow_not_found");
    });
  }

  getFlowGovernance(call: unknown, input: unknown) {
    return serve(stackbilder, "getFlowGovernance", this.#incoming(call, input), async ({ flowId }, identity) => {
      return (await this.#flow(flowId)?.governance(ownerOf(identity))) ?? fail("flow_not_found");
    });
  }

  advanceFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "advanceFlow", this.#incoming(call, input), async (input, identity, invocation) => {
      const flow = this.#flow(input.flowId);
      if (!flow) return fail("flow_not_found");
      if (!input.wait) return flow.start(ownerOf(identity));
      return flow.advance(ownerOf(identity), (update) => invocation.report(update));
    });
  }

  recoverFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "recoverFlow", this.#incoming(call, input), async (input, identity, invocation) => {
      const flow = this.#flow(input.flowId);
      if (!flow) return fail("flow_not_found");
      if (!input.wait) return flow.restart(ownerOf(identity));
      return flow.recover(ownerOf(identity), (update) => invocation.report(update));
    });
  }

  cancelFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "cancelFlow", this.#incoming(call, input), async ({ flowId }, identity) => {
      return (await this.#flow(flowId)?.cancel(ownerOf(identity))) ?? fail("flow_not_found");
    });
  }

  listFlows(call: unknown, input: unknown) {
    return serve(stackbilder, "listFlows", this.#incoming(call, input), async (_, identity) =>
      ok({ flows: await recentFlowsOf(this.env, ownerOf(identity)).list() }),
    );
  }

  #incoming(call: unknown, input: unknown): IncomingCall {
    return { guard: guardOf(this.env), call, input };
  }

  /** The object with this id, whose flow may not exist; `null` for an id of another form. */
  #flow(flowId: string): DurableObjectStub<FlowObject> | null {
    return flowObject(this.env.FLOWS, flowId);
  }
}

/**
 * The owner of a flow: the tenant, or the subject itself if the gateway or a sibling Worker calls
 * without one.
 */
function ownerOf({ tenantId, subject }: VerifiedIdentity): string {
  return tenantId === null ? `self/${subject}` : `tenant/${tenantId}`;
}

export default {
  fetch: () => new Response("Not found", { status: 404 }),
} satisfies ExportedHandler<Env>;
