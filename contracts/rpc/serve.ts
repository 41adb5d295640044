// Backend side of the RPC boundary. It verifies the identity token, parses the input and only then
// runs the handler. Nothing that a handler throws crosses the binding.

import * as v from "valibot";
import { logCrash } from "../log.ts";
import { CallContext, type Progress, type ProgressReply, traceIdOf } from "./call-context.ts";
import type { Contract } from "./contract.ts";
import { Defect } from "./crash.ts";
import { contractDigest, type Describe } from "./describe.ts";
import type { Identity, OneTimeToken } from "./identity.ts";
import type { IdentityKey } from "./identity-token.ts";
import type { BoundaryCode, CodeOf, OutputOf, ParsedInputOf } from "./operation.ts";
import { type Failure, fail, ok, type Result } from "./result.ts";
import { importIdentityKeys, verifyIdentity } from "./verify.ts";

/** Properties of one call beside its input and its identity. */
export interface Invocation {
  readonly traceId: string;
  /** The time at which the caller stops waiting, in milliseconds since the Unix epoch. */
  readonly deadlineMs: number;
  readonly idempotencyKey: string | undefined;
  /**
   * The call's identity token. A handler that changes something passes it to the object that it
   * changes, which claims it (`claimToken`) and refuses a used one with `unauthenticated`.
   */
  readonly token: OneTimeToken;
  /** True if the caller receives the reports. */
  readonly hasListener: boolean;
  /**
   * Reports progress to the caller. Never throws: returns `"cancel"` if the caller is unreachable.
   */
  report(update: Progress): Promise<ProgressReply>;
}

/** The checks that a backend applies to each call. */
export interface Guard {
  /** The backend's `IDENTITY_KEYS` secret. */
  readonly identityKeys: string;
  /**
   * For a backend that keeps all its data in one database. Resolves to `true` for the first claim
   * of a token, and to `false` for each later one; storage must decide it in one step. It runs
   * before a method that changes something. Without it, handlers claim `Invocation.token`.
   */
  readonly claim?: (token: OneTimeToken) => Promise<boolean>;
}

/** The arguments of an RPC method as they arrive, and the guard that checks them. */
export interface IncomingCall {
  readonly guard: Guard;
  readonly call: unknown;
  readonly input: unknown;
}

type Reply<C extends Contract, Name extends keyof C["methods"], Extra extends string = never> = Promise<
  Result<OutputOf<C["methods"][Name]>, Failure<CodeOf<C["methods"][Name]> | Extra>>
>;

/**
 * Runs `handle` with the parsed input and the verified identity.
 *
 * @returns the result of `handle`, or `unauthenticated` (the token is not valid for this call, or
 *   it was used before), `invalid_input` (the input does not fit the contract), `internal` (the
 *   handler threw; logged here, once, under the trace id)
 */
export async function serve<C extends Contract, Name extends keyof C["methods"] & string>(
  contract: C,
  name: Name,
  { guard, call, input }: IncomingCall,
  handle: (
    input: ParsedInputOf<C["methods"][Name]>,
    identity: Identity,
    invocation: Invocation,
  ) => Reply<C, Name, "unauthenticated">,
): Reply<C, Name, BoundaryCode> {
  const { audience, methods } = contract;
  const context = v.safeParse(CallContext, call);
  if (!context.success) return fail("unauthenticated");
  const traceId = traceIdOf(context.output.traceparent);
  try {
    const keys = await keyRing(guard.identityKeys);
    const operation = methods[name];
    const verified = await verifyIdentity(keys, context.output.identity, {
      ...{ audience, method: name, input, idempotencyKey: context.output.idempotencyKey },
      scope: operation?.changes ? "generate" : "read",
      nowSeconds: Date.now() / 1000,
    });
    if (!verified) return fail("unauthenticated");
    const { token, ...identity } = verified;
    const parsed = v.safeParse(operation?.input ?? v.never(), input);
    if (!parsed.success) return fail("invalid_input");
    const changes = operation?.changes ?? false;
    if (changes && guard.claim && !(await guard.claim(token))) return fail("unauthenticated");
    const invocation = invocationOf(context.output, token);
    // The handler's parameter type is inferred from the schema of `name`; the indexed access hides
    // that.
    const reply = await handle(parsed.output as ParsedInputOf<C["methods"][Name]>, identity, invocation);
    if (changes && !guard.claim && reply.ok && !invocation.isTokenRead()) throw new Defect(UNCLAIMED);
    return reply;
  } catch (error) {
    logCrash("rpc.crashed", { audience, method: name, traceId }, error);
    return fail("internal");
  }
}

/**
 * Serves `describe`, the method of every contract.
 *
 * @param version of the Worker's code
 */
export async function serveDescription(
  contract: Contract & { readonly methods: { readonly describe: typeof Describe } },
  incoming: IncomingCall,
  version: string,
): Promise<Result<OutputOf<typeof Describe>, Failure<BoundaryCode>>> {
  return serve(contract, "describe", incoming, async () =>
    ok({ name: contract.audience, version, contractDigest: await contractDigest(contract) }),
  );
}

const UNCLAIMED = "A handler that changes something must claim the token of its invocation.";

function invocationOf(
  { traceparent, progress, deadlineMs, idempotencyKey }: CallContext,
  token: OneTimeToken,
): Invocation & { isTokenRead(): boolean } {
  let isTokenRead = false;
  return {
    get token() {
      isTokenRead = true;
      return token;
    },
    isTokenRead: () => isTokenRead,
    traceId: traceIdOf(traceparent),
    deadlineMs,
    idempotencyKey,
    hasListener: progress !== undefined,
    async report(update) {
      if (!progress) return "continue";
      try {
        return (await progress(update)) === "cancel" ? "cancel" : "continue";
      } catch {
        return "cancel";
      }
    },
  };
}

/**
 * Imported keys by the value of the setting, once per isolate. The map holds values, not promises:
 * a Worker must not await a promise that belongs to another request.
 */
const keyRings = new Map<string, readonly IdentityKey[]>();

async function keyRing(identityKeys: string): Promise<readonly IdentityKey[]> {
  const known = keyRings.get(identityKeys);
  if (known) return known;
  const ring = await importIdentityKeys(identityKeys);
  keyRings.set(identityKeys, ring);
  return ring;
}
