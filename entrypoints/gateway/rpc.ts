// The RPC entrypoint for sibling Workers: the same tools through the same pipeline, as typed calls.
// Nothing is thrown at a sibling.
import { WorkerEntrypoint } from "cloudflare:workers";
import * as v from "valibot";
import type {
  CallToolOptions,
  ExplanationResult,
  GatewayCode,
  GatewayContract,
  PresentedCredential,
  ToolListing,
  ToolName,
  ToolOperations,
  ToolRefusal,
  ToolResult,
} from "../../contracts/gateway.ts";
import type { InputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { Env } from "../../src/env.ts";
import { catalog } from "../../src/tools/catalog.ts";
import { SessionTarget } from "./session.ts";
import { CallToolOptions as CallToolOptionsInput, callForSibling, explainForSibling, listTools } from "./sibling.ts";

/**
 * Bound by sibling Workers. The binding's `props` say which Worker calls, and no request can change
 * them.
 */
export class GatewayEntrypoint extends WorkerEntrypoint<Env> implements GatewayContract {
  async listTools(credential?: PresentedCredential): Promise<Result<readonly ToolListing[], ToolRefusal<GatewayCode>>> {
    return listTools({ env: this.env, ctx: this.ctx }, catalog, credential);
  }

  async callTool<Name extends ToolName>(
    name: Name,
    input: InputOf<ToolOperations[Name]>,
    options?: CallToolOptions,
  ): Promise<ToolResult<Name>> {
    const parsed = v.safeParse(CallToolOptionsInput, options ?? {});
    const given = parsed.success ? parsed.output : null;
    const call = { catalog, credential: given?.credential, name, input, options: given };
    const result = await callForSibling({ env: this.env, ctx: this.ctx }, call);
    return result as ToolResult<Name>; // value and code were checked against this tool's operation
  }

  async explain<Name extends ToolName>(
    name: Name,
    input: InputOf<ToolOperations[Name]>,
    credential?: PresentedCredential,
  ): Promise<ExplanationResult> {
    return explainForSibling({ env: this.env, ctx: this.ctx }, { catalog, credential, name, input });
  }

  /** Makes no call and no check: the first of the session's calls does. */
  session(credential?: PresentedCredential): ReturnType<GatewayContract["session"]> {
    const session: unknown = new SessionTarget({ env: this.env, ctx: this.ctx }, catalog, credential);
    return session as ReturnType<GatewayContract["session"]>; // the runtime makes it a pipelined promise
  }
}
