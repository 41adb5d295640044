// Progress of a backend on its way to the client: validated, strictly increasing, rate limited. The
// reply to a report tells the backend that its work is cancelled.
import * as v from "valibot";
import { Progress, type ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { RequestId } from "./json-rpc.ts";
import type { Stream } from "./sse.ts";

/** Reports that may follow each other at once; after that, one for each interval. */
const BURST = 10;
const INTERVAL_MS = 100;

/**
 * Sends reports as notifications/progress and drops those that come too fast. Without a token,
 * reports only detect a client that left. `streamOf` returns `undefined` until a stream is open. A
 * report cancels the call if its stream is closed, as streams are not resumed, or `isCancelled`
 * returns true, which is called for each report that is not dropped.
 */
export function progressReporter(
  progressToken: RequestId | undefined,
  streamOf: () => Stream | undefined,
  isCancelled?: () => Promise<boolean>,
): ProgressCallback {
  let furthest = Number.NEGATIVE_INFINITY;
  let allowance = BURST;
  let countedAt = Date.now();
  return async function report(update) {
    const stream = streamOf();
    if (!stream && !isCancelled) return "continue";
    if (stream?.isOpen === false) return "cancel";
    const progress = v.safeParse(Progress, update);
    if (!progress.success || progress.output.progress <= furthest) return "continue";
    const now = Date.now();
    allowance = Math.min(BURST, allowance + (now - countedAt) / INTERVAL_MS);
    countedAt = now;
    if (allowance < 1) return "continue";
    allowance -= 1;
    furthest = progress.output.progress;
    const params = { progressToken, ...progress.output };
    const message = JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params });
    const sent = progressToken === undefined ? stream?.heartbeat() : stream?.notify(message);
    const [isRead, isUnwanted] = await Promise.all([sent, isCancelled?.()]);
    return isRead === false || isUnwanted ? "cancel" : "continue";
  };
}
