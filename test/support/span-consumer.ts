// A streaming tail Worker that logs each span that the gateway's own code opens, once it has ended,
// with all of its attributes. Spans that the platform opens by itself are left out.

interface OpenSpan {
  readonly name: string;
  readonly attributes: Record<string, unknown>;
}

const OURS = /^(?:[a-z]+\/[a-z/]+|execute_tool)(?: |$)/;

export default {
  tailStream() {
    const spans = new Map<string, OpenSpan>();
    return ({ event, spanContext }: TailStream.TailEvent<TailStream.EventType>) => {
      const span = spans.get(spanContext.spanId ?? "");
      if (event.type === "spanOpen" && OURS.test(event.name))
        spans.set(event.spanId, { name: event.name, attributes: {} });
      else if (event.type === "attributes" && span)
        for (const { name, value } of event.info) span.attributes[name] = value;
      else if (event.type === "spanClose" && span) console.log(JSON.stringify({ test: "span", ...span }));
    };
  },
};
