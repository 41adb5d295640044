// The RPC entrypoint for the auth Worker: methods that only it may call. Separate from the
// siblings' entrypoint, so that a binding to one is no binding to the other.
import { WorkerEntrypoint } from "cloudflare:workers";
import * as v from "valibot";
import type { GatewayAdminContract } from "../../contracts/gateway.ts";
import { logCrash } from "../../contracts/log.ts";
import { UserId } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { requestContext, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";
import { revokeUser } from "../../src/oauth/authorization-server/revocation.ts";

const Props = v.object({ caller: v.literal("stackbilt-auth") });

/** Clocks of two Workers may differ by this many milliseconds. */
const CLOCK_SKEW_MS = 5_000;

const Options = v.strictObject({
  untilMs: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(0),
    v.check((untilMs) => untilMs <= Date.now() + CLOCK_SKEW_MS),
  ),
});

export class GatewayAdminEntrypoint extends WorkerEntrypoint<Env> implements GatewayAdminContract {
  async revokeUser(userId: unknown, options?: unknown): ReturnType<GatewayAdminContract["revokeUser"]> {
    if (!v.is(Props, this.ctx.props)) return fail("unauthenticated");
    const user = v.safeParse(UserId, userId);
    const until = v.safeParse(v.optional(Options), options);
    if (!user.success || !until.success) return fail("invalid_input");
    const trace = traceFrom(null);
    try {
      const context = requestContext(this.env, this.ctx, trace);
      return ok({ revokedGrants: await revokeUser(context, user.output, null, until.output?.untilMs) });
    } catch (error) {
      const { traceId } = trace;
      logCrash("rpc.crashed", { method: "revokeUser", traceId }, error);
      return fail("internal");
    }
  }
}
