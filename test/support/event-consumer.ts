// The platform's consumer of the event queue: stores each message, and responds with all of them.
const received: unknown[] = [];

export default {
  fetch: () => Response.json(received),
  queue(batch: MessageBatch) {
    for (const { body } of batch.messages) received.push(body);
  },
};
