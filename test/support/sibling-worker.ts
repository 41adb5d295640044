// A sibling Worker that a test drives over HTTP: it makes the call that the request describes,
// through a real service binding. docs/examples/sibling is what a sibling looks like.
import type { CallToolOptions, GatewayContract, PresentedCredential, ToolName } from "../../contracts/gateway.ts";

/** One binding for each set of rights: the `props` of a binding fix what a sibling may do. */
export interface SiblingEnv {
  /** `{caller: "charter-web", scopes: ["read", "generate"]}` */
  readonly GATEWAY: GatewayContract;
  /** `{caller: "charter-web", scopes: ["read"]}` */
  readonly READER: GatewayContract;
  /** Props without a `caller`. */
  readonly UNNAMED: GatewayContract;
}

/** The call that a test describes: `callTool`, or `listTools` where `tool` is absent. */
export interface SiblingCall {
  readonly through: keyof SiblingEnv;
  readonly tool?: string;
  readonly input?: unknown;
  readonly options?: Omit<CallToolOptions, "onProgress">;
  readonly credential?: PresentedCredential;
}

export default {
  async fetch(request: Request, env: SiblingEnv): Promise<Response> {
    const { through, tool, input, options, credential } = (await request.json()) as SiblingCall;
    if (tool === undefined) return Response.json(await env[through].listTools(credential));
    const progress: number[] = [];
    const onProgress = (update: { progress: number }) => {
      progress.push(update.progress);
      return "continue" as const;
    };
    // A cast, because tests name tools and inputs that no contract has.
    const result = await env[through].callTool(tool as ToolName, input as never, { ...options, onProgress });
    return Response.json({ ...result, progress });
  },
};
