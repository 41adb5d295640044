// Recent work and available models of a user, for completion and lists. Optional help: the wait is
// short, and a fault, which the call logs, leaves the list empty.
import { BACKENDS, type Backends, type ToolBackendName } from "../../contracts/backends.ts";
import { type Identity, permits } from "../../contracts/rpc/identity.ts";
import type { Operation, OutputOf } from "../../contracts/rpc/operation.ts";
import { dispatch } from "../backends/dispatch.ts";
import type { RequestContext } from "../context.ts";
import type { Sources } from "../prompts/prompt-definition.ts";

/** The user is typing or looking at a list. */
const TIMEOUT_MS = 2_000;

async function always(): Promise<boolean> {
  return true;
}

type MethodOf<B extends ToolBackendName, Name extends keyof Backends[B]["methods"]> = Backends[B]["methods"][Name] &
  Operation;

/**
 * Sources for this identity; all are empty without the scope `read`. `mayAsk` is called before each
 * question to a backend; `false` leaves the list empty.
 */
export function sourcesFor(context: RequestContext, identity: Identity, mayAsk = always): Sources {
  async function list<B extends ToolBackendName, Name extends keyof Backends[B]["methods"] & string>(
    backend: B,
    method: Name,
  ): Promise<OutputOf<MethodOf<B, Name>> | null> {
    if (!permits(identity.scopes, "read") || !(await mayAsk())) return null;
    const { audience, methods } = BACKENDS[backend];
    const known = (methods as Backends[B]["methods"])[method] as MethodOf<B, Name>; // `Name` is a key of them
    const operation = { ...known, timeoutMs: TIMEOUT_MS };
    const reply = await dispatch(context, { backend, audience, method, operation, identity }, {});
    return reply.ok ? (reply.value as OutputOf<MethodOf<B, Name>>) : null; // the timeout does not change the output
  }
  return {
    models: async () => (await list("IMG_FORGE", "listModels"))?.models ?? [],
    flows: async () => (await list("STACKBILDER", "listFlows"))?.flows ?? [],
    images: async () => (await list("IMG_FORGE", "listImages"))?.images ?? [],
  };
}
