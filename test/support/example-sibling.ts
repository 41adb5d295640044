// An example of a sibling Worker: it binds the gateway's entrypoint and calls tools over RPC, typed by tool name. The tests drive it
// over HTTP; everything between it and the gateway is a real service binding.
import type { CallToolOptions, GatewayContract, PresentedCredential, ToolName } from "../../contracts/gateway.ts";

/** One binding a right: what a sibling may do is fixed by the `props` of its binding. */
export interface SiblingEnv {
  /** `{caller: "charter-web", scopes: ["read", "generate"]}` */
  readonly GATEWAY: GatewayContract;
  /** `{caller: "charter-web", scopes: ["read"]}` */
  readonly READER: GatewayContract;
  /** Without proper props. */
  readonly NOBODY: GatewayContract;
}

/** What a test asks of the sibling. */
export interface Wish {
  readonly through: keyof SiblingEnv;
  readonly tool?: string;
  readonly input?: unknown;
  readonly options?: Omit<CallToolOptions, "onProgress">;
  readonly credential?: PresentedCredential;
}

export default {
  async fetch(request: Request, env: SiblingEnv): Promise<Response> {
    const { through, tool, input, options, credential } = (await request.json()) as Wish;
    if (tool === "design") return Response.json(await design(env));
    if (tool === undefined) return Response.json(await env[through].listTools(credential));
    const progress: number[] = [];
    const onProgress = (update: { progress: number }) => {
      progress.push(update.progress);
      return "continue" as const;
    };
    // A test names tools and inputs that no contract has, so the types are left behind here.
    const answer = await env[through].callTool(tool as ToolName, input as never, { ...options, onProgress });
    return Response.json({ ...answer, progress });
  },
};

/** As a sibling writes it: names and shapes follow from the contracts. */
async function design(env: SiblingEnv): Promise<string> {
  const flow = await env.GATEWAY.callTool("flow_create", {
    policy: { profile: "balanced" },
    projectDescription: "A public library's catalogue",
  });
  if (!flow.ok) return flow.error.message;
  const step = await env.GATEWAY.callTool("flow_advance", { flowId: flow.value.flowId });
  return step.ok ? (step.value.artifact?.markdown ?? step.value.status) : step.error.code;
}
