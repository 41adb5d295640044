// The platform's side of the event queue: keeps what arrives and tells it to whoever asks.
const arrived: unknown[] = [];

export default {
  fetch: () => Response.json(arrived),
  queue(batch: MessageBatch) {
    for (const { body } of batch.messages) arrived.push(body);
  },
};
