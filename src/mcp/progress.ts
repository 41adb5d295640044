// What a backend reports while it works, on its way to the client: valid, strictly increasing, and not more than anybody can read.
// Its answer is how a backend hears that nobody waits any more.
import * as v from "valibot";
import { Progress, type ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { RequestId } from "./json-rpc.ts";
import type { Stream } from "./sse.ts";

/** Reports that may follow each other at once; after that, one an interval. */
const BURST = 10;
const INTERVAL_MS = 100;

/**
 * Turns reports into notifications/progress, each further than the one before; what comes too fast is left out. Without a token the
 * client is only asked whether it is still there. `streamOf` answers `undefined` while there is no stream. `isCancelled` is asked with
 * each report that is not left out.
 */
export function reporter(
  progressToken: RequestId | undefined,
  streamOf: () => Stream | undefined,
  isCancelled?: () => Promise<boolean>,
): ProgressCallback {
  let furthest = Number.NEGATIVE_INFINITY;
  let left = BURST;
  let countedAt = Date.now();
  return async (update) => {
    const stream = streamOf();
    if (!stream && !isCancelled) return "continue";
    if (stream?.isOpen === false) return "cancel";
    const report = v.safeParse(Progress, update);
    if (!report.success || report.output.progress <= furthest) return "continue";
    const now = Date.now();
    left = Math.min(BURST, left + (now - countedAt) / INTERVAL_MS);
    countedAt = now;
    if (left < 1) return "continue";
    left -= 1;
    furthest = report.output.progress;
    const params = { progressToken, ...report.output };
    const message = JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params });
    const told = progressToken === undefined ? stream?.beat() : stream?.notify(message);
    const [isRead, isUnwanted] = await Promise.all([told, isCancelled?.()]);
    return isRead === false || isUnwanted ? "cancel" : "continue";
  };
}
