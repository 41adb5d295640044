// The Stackbilder reference Worker with flows as an older version stored them: without an id of
// their own, under the id of their object.
import {
  StackbilderEntrypoint as Current,
  FlowObject as CurrentFlow,
} from "../../../entrypoints/stackbilder/worker.ts";

export { default, RecentFlows, UsedTokens } from "../../../entrypoints/stackbilder/worker.ts";

export class FlowObject extends CurrentFlow {
  override async create(...[, ...args]: Parameters<CurrentFlow["create"]>) {
    const created = await super.create(this.ctx.id.toString(), ...args);
    const { flowId: _, ...record } = this.ctx.storage.kv.get<{ flowId: string }>("flow") ?? {};
    this.ctx.storage.kv.put("flow", record);
    return created;
  }
}

export class StackbilderEntrypoint extends Current {
  constructor(ctx: ExecutionContext, env: Current["env"]) {
    const { FLOWS } = env;
    const flows = {
      newUniqueId: () => FLOWS.newUniqueId(),
      idFromName: () => FLOWS.newUniqueId(),
      idFromString: (id: string) => FLOWS.idFromString(id),
      get: (id: DurableObjectId) => FLOWS.get(id),
    };
    super(ctx, { ...env, FLOWS: flows as unknown as typeof FLOWS }); // the Worker calls no other method
  }
}
