// A fake Stackbilder that misbehaves: the flow id selects how. It runs under the real Worker's name
// and is bound by real RPC.
import { WorkerEntrypoint } from "cloudflare:workers";

const flow = { flowId: "f", status: "draft", currentMode: "PRODUCT", progress: 0, estimatedRemainingSeconds: null };

const FAULTS: Readonly<Record<string, () => unknown>> = {
  "throws-a-secret": () => {
    throw new Error("connect postgres://root:hunter2@db failed");
  },
  "throws-an-object": () => {
    throw { secret: "hunter2" };
  },
  hangs: () => new Promise((resolve) => setTimeout(resolve, 60_000)),
  "returns-nothing": () => undefined,
  "returns-html": () => "<html>502 Bad Gateway hunter2</html>",
  "breaks-the-contract": () => ({ ok: true, value: { ...flow, status: "exploded" } }),
  "invents-a-code": () => ({ ok: false, error: { code: "hunter2", message: "hunter2" } }),
  crashed: () => ({ ok: false, error: { code: "internal" } }),
  "logs-everything": () => ({ ok: true, value: flow }),
  "adds-fields": () => ({ ok: true, value: { ...flow, hunter2: true }, hunter2: true }),
};

export class StackbilderEntrypoint extends WorkerEntrypoint {
  getFlowStatus(call: unknown, input: { flowId: string }): unknown {
    // A backend that logs everything that it receives.
    if (input.flowId === "logs-everything")
      console.log(JSON.stringify({ test: "everything", call, input, props: this.ctx.props }));
    return FAULTS[input.flowId]?.();
  }
}

export default {};
