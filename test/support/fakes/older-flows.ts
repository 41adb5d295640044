// The Stackbilder reference Worker with flows as an older version stored them: without an id of
// their own, under the id of their object.
import { FlowObject as CurrentFlow } from "../../../entrypoints/stackbilder/worker.ts";

export { default, RecentFlows, StackbilderEntrypoint } from "../../../entrypoints/stackbilder/worker.ts";

export class FlowObject extends CurrentFlow {
  override async create(...[wanted, token]: Parameters<CurrentFlow["create"]>) {
    const created = await super.create({ ...wanted, flowId: this.ctx.id.toString() }, token);
    const { flowId: _, ...record } = this.ctx.storage.kv.get<{ flowId: string }>("flow") ?? {};
    this.ctx.storage.kv.put("flow", record);
    return created;
  }
}
