// The Stackbilder reference Worker: architecture flows over RPC. Every export is an entrypoint. It
// has no HTTP interface.

import { WorkerEntrypoint } from "cloudflare:workers";
import { Defect } from "../../contracts/rpc/crash.ts";
import type { Identity, OneTimeToken } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { type IncomingCall, serve, serveDescription } from "../../contracts/rpc/serve.ts";
import { type StackbilderContract, stackbilder } from "../../contracts/stackbilder.ts";
import { version } from "../../package.json";
import type { Env } from "./env.ts";
import { flowObject, newFlowId } from "./flow-id.ts";
import type { FlowObject } from "./flow-object.ts";
import { grantProfile } from "./governance.ts";
import { recentFlowsOf } from "./recent-flows.ts";

export { FlowObject } from "./flow-object.ts";
export { RecentFlows } from "./recent-flows.ts";

/** Flows that one call of `eraseTenant` deletes: each is an object, and a request of its own. */
const ERASED_AT_ONCE = 200;

/** Flows of one page of `exportTenant`. */
const EXPORTED_AT_ONCE = 25;

export class StackbilderEntrypoint extends WorkerEntrypoint<Env> implements StackbilderContract {
  createFlow(call: unknown, input: unknown) {
    return serve(
      stackbilder,
      "createFlow",
      this.#incoming(call, input),
      async (input, identity, { idempotencyKey, token }) => {
        const owner = ownerOf(identity);
        const grant = grantProfile(input.policy?.profile ?? "balanced", identity.tier);
        const flowId = await this.#newFlowId(owner, token, idempotencyKey);
        if (!(await recentFlowsOf(this.env, owner).register(flowId))) return fail("unauthenticated");
        const created = await this.#flow(flowId)?.create({ flowId, owner, input, grant }, token);
        if (!created) throw new Defect("The id of a new flow must name an object.");
        return created;
      },
    );
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
      const { token, idempotencyKey, deadlineMs } = invocation;
      const run = { owner: ownerOf(identity), token, idempotencyKey, deadlineMs };
      return input.wait ? flow.advance(run, (update) => invocation.report(update)) : flow.start(run);
    });
  }

  recoverFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "recoverFlow", this.#incoming(call, input), async (input, identity, invocation) => {
      const flow = this.#flow(input.flowId);
      if (!flow) return fail("flow_not_found");
      const { token, idempotencyKey, deadlineMs } = invocation;
      const run = { owner: ownerOf(identity), token, idempotencyKey, deadlineMs };
      return input.wait ? flow.recover(run, (update) => invocation.report(update)) : flow.restart(run);
    });
  }

  getFlowRun(call: unknown, input: unknown) {
    return serve(stackbilder, "getFlowRun", this.#incoming(call, input), async ({ flowId, runId }, identity) => {
      return (await this.#flow(flowId)?.run(ownerOf(identity), runId)) ?? fail("flow_not_found");
    });
  }

  cancelFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "cancelFlow", this.#incoming(call, input), async (input, identity, { token }) => {
      const { flowId, runId } = input;
      return (await this.#flow(flowId)?.cancel(ownerOf(identity), token, runId)) ?? fail("flow_not_found");
    });
  }

  listFlows(call: unknown, input: unknown) {
    return serve(stackbilder, "listFlows", this.#incoming(call, input), async (_, identity) =>
      ok({ flows: await recentFlowsOf(this.env, ownerOf(identity)).list() }),
    );
  }

  describe(call: unknown, input: unknown) {
    return serveDescription(stackbilder, this.#incoming(call, input), version);
  }

  eraseTenant(call: unknown, input: unknown) {
    return serve(stackbilder, "eraseTenant", this.#incoming(call, input), async (_, identity, { token }) => {
      const owner = ownerOf(identity);
      const flows = recentFlowsOf(this.env, owner);
      if (identity.tenantId === null || !(await flows.erase(token))) return fail("unauthenticated");
      const flowIds = await flows.unerased(ERASED_AT_ONCE);
      const eraseFlow = async (flowId: string) => this.#flow(flowId)?.erase(owner);
      await Promise.all(flowIds.map(eraseFlow));
      await flows.deleteIds(flowIds);
      return ok({ isErased: flowIds.length < ERASED_AT_ONCE });
    });
  }

  exportTenant(call: unknown, input: unknown) {
    return serve(stackbilder, "exportTenant", this.#incoming(call, input), async ({ cursor }, identity) => {
      const owner = ownerOf(identity);
      const flowIds = await recentFlowsOf(this.env, owner).page(cursor ?? "", EXPORTED_AT_ONCE);
      const flows = await Promise.all(flowIds.map(async (flowId) => this.#flow(flowId)?.exported(owner)));
      const items = flows.flatMap((flow) => (flow ? [{ kind: "flow", json: JSON.stringify(flow) }] : []));
      return ok({ items, next: flowIds.length < EXPORTED_AT_ONCE ? null : (flowIds.at(-1) ?? null) });
    });
  }

  #incoming(call: unknown, input: unknown): IncomingCall {
    return { guard: { identityKeys: this.env.IDENTITY_KEYS }, call, input };
  }

  /**
   * The flow id of the owner's idempotency key, or a new one, which depends on the call's token: a
   * replay reaches the same object.
   */
  async #newFlowId(owner: string, token: OneTimeToken, idempotencyKey: string | undefined): Promise<string> {
    const { FLOWS } = this.env;
    const newId = newFlowId(FLOWS, `token/${token.id}`);
    if (idempotencyKey === undefined) return newId;
    return FLOWS.get(FLOWS.idFromName(`key/${owner}\n${idempotencyKey}`)).claim(newId);
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
function ownerOf({ tenantId, subject }: Identity): string {
  return tenantId === null ? `self/${subject}` : `tenant/${tenantId}`;
}

export default {
  fetch: () => new Response("Not found", { status: 404 }),
} satisfies ExportedHandler<Env>;
