// The backend's wall. Nobody is believed before the identity token is verified, no handler sees an unparsed input, and nothing
// that a handler throws crosses the binding.
import * as v from "valibot";
import { CallContext, type Progress, type ProgressReply, traceIdOf } from "./call-context.ts";
import type { Contract } from "./contract.ts";
import { describeCrash } from "./crash.ts";
import type { VerifiedIdentity } from "./identity.ts";
import type { IdentityKey } from "./identity-token.ts";
import type { BoundaryCode, CodeOf, OutputOf, ParsedInputOf } from "./operation.ts";
import { type Failure, fail, type Result } from "./result.ts";
import { importIdentityKeys, verifyIdentity } from "./verify.ts";

/** What a handler knows about the call beside its input and its caller. */
export interface Invocation {
  readonly traceId: string;
  /** When the caller stops waiting, in milliseconds since the Unix epoch. */
  readonly deadlineMs: number;
  readonly idempotencyKey: string | undefined;
  /** Whether anybody listens to `report`. */
  readonly hasListener: boolean;
  /** Tells the caller how far the work is. Never throws: a caller that cannot be reached any more answers `"cancel"`. */
  report(update: Progress): Promise<ProgressReply>;
}

/** What a backend checks every call with. */
export interface Guard {
  /** The backend's `IDENTITY_KEYS` secret. */
  readonly identityKeys: string;
  /**
   * `true` for the first caller with this `tokenId`, `false` for every other until `expiresAt` (seconds since the Unix epoch). It
   * must be decided in durable storage, in one step. Asked before a method that changes something runs, so that a captured call
   * cannot be made again.
   */
  claim(tokenId: string, expiresAt: number): Promise<boolean>;
}

/**
 * Keys are imported once an isolate for each value of the setting. Values, not promises: a promise that belongs to another request
 * must not be awaited in a Worker.
 */
const keyRings = new Map<string, readonly IdentityKey[]>();

/**
 * Runs `handle` for a verified caller with a parsed input, and answers with a plain result whatever happens.
 *
 * @returns what `handle` returned, or `unauthenticated` (the token is not good for this call, or was used before), `invalid_input` (the
 *   input breaks the contract), `internal` (the handler threw; logged here, once, under the trace id)
 */
export async function serve<C extends Contract, Name extends keyof C["methods"] & string>(
  contract: C,
  name: Name,
  guard: Guard,
  call: unknown,
  input: unknown,
  handle: (
    input: ParsedInputOf<C["methods"][Name]>,
    caller: VerifiedIdentity,
    invocationOf: Invocation,
  ) => Promise<Result<OutputOf<C["methods"][Name]>, Failure<CodeOf<C["methods"][Name]>>>>,
): Promise<Result<OutputOf<C["methods"][Name]>, Failure<CodeOf<C["methods"][Name]> | BoundaryCode>>> {
  const context = v.safeParse(CallContext, call);
  if (!context.success) return fail("unauthenticated");
  const traceId = traceIdOf(context.output.traceparent);
  try {
    const keys = await keyRing(guard.identityKeys);
    const caller = await verifyIdentity(keys, contract.audience, context.output.identity, input, Date.now() / 1000);
    if (!caller) return fail("unauthenticated");
    const operation = contract.methods[name];
    const parsed = v.safeParse(operation?.input ?? v.never(), input);
    if (!parsed.success) return fail("invalid_input");
    if (operation?.changes && !(await guard.claim(caller.tokenId, caller.expiresAt))) return fail("unauthenticated");
    // The schema of `name` is the one that the handler's parameter type is inferred from; an indexed access hides that.
    return await handle(parsed.output as ParsedInputOf<C["methods"][Name]>, caller, turn(context.output, traceId));
  } catch (error) {
    console.error(
      JSON.stringify({
        event: "rpc.crashed",
        audience: contract.audience,
        method: name,
        traceId,
        ...describeCrash(error),
      }),
    );
    return fail("internal");
  }
}

function turn(context: CallContext, traceId: string): Invocation {
  const { progress, deadlineMs, idempotencyKey } = context;
  return {
    traceId,
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

async function keyRing(identityKeys: string): Promise<readonly IdentityKey[]> {
  const known = keyRings.get(identityKeys);
  if (known) return known;
  const ring = await importIdentityKeys(identityKeys);
  keyRings.set(identityKeys, ring);
  return ring;
}
