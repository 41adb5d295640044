// What only a backend knows about a caller: what they can use and what they made lately, for suggestions and lists. A courtesy: who
// types or looks does not wait long, and trouble means nothing. The call itself logs it.
import { imgForge } from "../../contracts/img-forge.ts";
import type { Contract } from "../../contracts/rpc/contract.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { OutputOf } from "../../contracts/rpc/operation.ts";
import { stackbilder } from "../../contracts/stackbilder.ts";
import { dispatch } from "../backends/dispatch.ts";
import type { Trace } from "../context.ts";
import type { Env } from "../env.ts";
import type { Sources } from "../prompts/prompt-definition.ts";
import type { ToolDefinition } from "../tools/tool-definition.ts";
import { permits } from "./authorize.ts";

/** Who types or looks does not wait longer. */
const TIMEOUT_MS = 2_000;

/** What `caller` can be told; nothing to who may not read. */
export function sourcesFor(env: Env, caller: Identity, trace: Trace): Sources {
  const ask = async <C extends Contract, Name extends keyof C["methods"] & string>(
    backend: ToolDefinition["backend"],
    contract: C,
    name: Name,
  ) => {
    if (!permits(caller.scopes, "read")) return null;
    const { audience, methods } = contract;
    const operation = { ...(methods[name] as C["methods"][Name]), timeoutMs: TIMEOUT_MS }; // indexing a generic contract forgets that the name is one of its own
    const answer = await dispatch(env, { name, backend, audience }, name, operation, {}, { caller, trace });
    return answer.ok ? (answer.value as OutputOf<C["methods"][Name]>) : null; // the deadline is no part of what comes back
  };
  return {
    models: async () => (await ask("IMG_FORGE", imgForge, "listModels"))?.models ?? [],
    flows: async () => (await ask("STACKBILDER", stackbilder, "listFlows"))?.flows ?? [],
    images: async () => (await ask("IMG_FORGE", imgForge, "listImages"))?.images ?? [],
  };
}
