// The consumer of the platform's event queue. Each message is acknowledged once it is stored, and
// retried, later each time, if the database fails. A message that is no record blocks no other one.
import { logError, logWarning } from "../../contracts/log.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/deadlines.ts";
import { readMessage } from "./messages.ts";
import { type Arrived, storeArrived, storeRejected } from "./store.ts";

/** The longest wait before a message is tried again, in seconds. */
const LONGEST_RETRY_SECONDS = 3_600;
/**
 * A write that takes longer counts as failed, or one hanging write would hold the queue up until
 * the runtime ends the batch. It may still arrive: what is stored twice is dropped. Milliseconds.
 */
const WRITE_TIMEOUT_MS = 30_000;

/** Stores the messages of a batch. Never throws. */
export async function consume(batch: MessageBatch, db: D1Database): Promise<void> {
  const chains = new Map<string, { messages: Message[]; arrived: Arrived[] }>();
  for (const message of batch.messages) {
    const read = readMessage(message.body);
    if (read.kind === "rejected") {
      await settle([message], () => storeRejected(db, message.id, read.reason, message.body));
      logWarning("audit.record_rejected", { messageId: message.id, reason: read.reason });
      continue;
    }
    const chain = chains.get(read.chainId) ?? { messages: [], arrived: [] };
    chains.set(read.chainId, chain);
    chain.messages.push(message);
    chain.arrived.push({ messageId: message.id, message: read });
  }
  const stored = Array.from(chains, ([chainId, { messages, arrived }]) =>
    settle(messages, (from, to) => storeArrived(db, chainId, arrived.slice(from, to))),
  );
  await Promise.all(stored);
}

/**
 * Acknowledges the messages once `write` has stored them. If it fails for several, each is stored
 * by itself: the database may refuse only one of them.
 *
 * @param write stores the messages from one index to before another one
 */
async function settle(messages: readonly Message[], write: (from: number, to: number) => Promise<void>): Promise<void> {
  let isInTime = true;
  try {
    isInTime = (await withDeadline(() => write(0, messages.length), WRITE_TIMEOUT_MS)) !== TIMED_OUT;
    if (!isInTime) throw new Error("The database did not answer in time.");
    for (const message of messages) message.ack();
  } catch (error) {
    // One message after the other would each wait for a database that hangs.
    if (isInTime && messages.length > 1) {
      for (const [at, message] of messages.entries()) await settle([message], () => write(at, at + 1));
      return;
    }
    logError("audit.store_failed", { messages: messages.length, ...describeCrash(error) });
    for (const message of messages)
      message.retry({ delaySeconds: Math.min(2 ** message.attempts, LONGEST_RETRY_SECONDS) });
  }
}
