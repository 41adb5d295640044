// The consumer of the platform's event queue. Each message is acknowledged once it is stored, and
// retried, later each time, if the database fails. A message that is no record blocks no other one.
import { logError, logWarning } from "../../contracts/log.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { readMessage } from "./messages.ts";
import { type Arrived, storeArrived, storeRejected } from "./store.ts";

/** The longest wait before a message is tried again, in seconds. */
const LONGEST_RETRY_SECONDS = 3_600;

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
  for (const [chainId, { messages, arrived }] of chains)
    await settle(messages, (from, to) => storeArrived(db, chainId, arrived.slice(from, to)));
}

/**
 * Acknowledges the messages once `write` has stored them. If it fails for several, each is stored
 * by itself: the database may refuse only one of them.
 *
 * @param write stores the messages from one index to before another one
 */
async function settle(messages: readonly Message[], write: (from: number, to: number) => Promise<void>): Promise<void> {
  try {
    await write(0, messages.length);
    for (const message of messages) message.ack();
  } catch (error) {
    if (messages.length > 1) {
      for (const [at, message] of messages.entries()) await settle([message], () => write(at, at + 1));
      return;
    }
    logError("audit.store_failed", { messages: messages.length, ...describeCrash(error) });
    for (const message of messages)
      message.retry({ delaySeconds: Math.min(2 ** message.attempts, LONGEST_RETRY_SECONDS) });
  }
}
