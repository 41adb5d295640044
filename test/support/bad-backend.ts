// A Stackbilder that can be told how to misbehave: the flow's id says how. It stands in under the real one's name, bound by real RPC.
import { WorkerEntrypoint } from "cloudflare:workers";

const flow = { flowId: "f", status: "draft", currentMode: "PRODUCT", progress: 0, estimatedRemainingSeconds: null };

const MISDEEDS: Readonly<Record<string, () => unknown>> = {
  "throws-a-secret": () => {
    throw new Error("connect postgres://root:hunter2@db failed");
  },
  "throws-an-object": () => {
    throw { secret: "hunter2" };
  },
  hangs: () => new Promise((resolve) => setTimeout(resolve, 60_000)),
  "answers-nothing": () => undefined,
  "answers-words": () => "<html>502 Bad Gateway hunter2</html>",
  "breaks-the-contract": () => ({ ok: true, value: { ...flow, status: "exploded" } }),
  "invents-a-code": () => ({ ok: false, error: { code: "hunter2", message: "hunter2" } }),
  crashed: () => ({ ok: false, error: { code: "internal" } }),
  "repeats-everything": () => ({ ok: true, value: flow }),
  "adds-fields": () => ({ ok: true, value: { ...flow, hunter2: true }, hunter2: true }),
};

export class StackbilderEntrypoint extends WorkerEntrypoint {
  getFlowStatus(call: unknown, input: { flowId: string }): unknown {
    // A backend that writes down all that it gets.
    if (input.flowId === "repeats-everything")
      console.log(JSON.stringify({ test: "everything", call, input, props: this.ctx.props }));
    return MISDEEDS[input.flowId]?.();
  }
}

export default {};
