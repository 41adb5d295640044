// prompts/get and completion/complete: a prompt filled in, and what its arguments, or a template's variables, may be.
import * as v from "valibot";
import { type Answer, attempt, type Exchange, failureJson, finish, invalid, traceparentOf } from "./exchange.ts";
import { asideOf, missingCapability, pausedJson } from "./input.ts";
import { isObject, jsonResponse } from "./json-rpc.ts";

const Arguments = v.record(v.string(), v.string());

/** Answers one prompts/get. */
export async function getPrompt(exchange: Exchange): Promise<Answer> {
  const { params, host, dialect } = exchange;
  const { name, arguments: given = {} } = params;
  if (typeof name !== "string") return invalid(exchange, "params.name is the prompt's name, a string.");
  const args = v.safeParse(Arguments, given);
  if (!isObject(given) || !args.success)
    return invalid(exchange, "params.arguments is a JSON object whose values are strings.");
  const aside = asideOf(exchange);
  if (aside instanceof Response) return aside;
  const filled = await attempt(exchange, () => host.getPrompt(name, args.output, aside));
  switch (filled?.state) {
    case undefined:
      return jsonResponse(200, failureJson(exchange));
    case "not_found":
      return invalid(
        exchange,
        `There is no prompt named ${JSON.stringify(name.slice(0, 80))}. prompts/list has them all.`,
      );
    case "missing_capability":
      return missingCapability(exchange, filled);
    case "input_required":
    case "invalid":
      return jsonResponse(200, pausedJson(exchange, aside, filled));
    case "filled": {
      const messages = filled.messages.map((message) =>
        "content" in message && isObject(message.content)
          ? { ...message, content: dialect.block(message.content) }
          : message,
      );
      return finish(exchange, { description: filled.description, messages });
    }
  }
}

const Completion = v.object({
  ref: v.variant("type", [
    v.object({ type: v.literal("ref/prompt"), name: v.string() }),
    v.object({ type: v.literal("ref/resource"), uri: v.string() }),
  ]),
  argument: v.object({ name: v.string(), value: v.string() }),
  context: v.optional(v.object({ arguments: v.optional(Arguments, {}) }), {}),
});

/** The most that one answer may hold (2025-03-26 and later, server/utilities/completion). */
const MOST_VALUES = 100;

/** Answers one completion/complete. */
export async function complete(exchange: Exchange): Promise<Answer> {
  const { params, host } = exchange;
  const asked = v.safeParse(Completion, params);
  if (!asked.success)
    return invalid(exchange, `params.${v.getDotPath(asked.issues[0]) ?? "ref"} is missing or not as it should be.`);
  const { ref, argument, context } = asked.output;
  const of = ref.type === "ref/prompt" ? { prompt: ref.name } : { template: ref.uri };
  const typing = { of, name: argument.name, value: argument.value, others: context.arguments };
  const found = await attempt(exchange, () => host.complete(typing, traceparentOf(params)));
  if (found === undefined) return jsonResponse(200, failureJson(exchange));
  if (found === null) return invalid(exchange, "There is no such prompt, template or argument.");
  const { values, ...rest } = found;
  const isCut = values.length > MOST_VALUES;
  return finish(exchange, {
    completion: { values: values.slice(0, MOST_VALUES), ...rest, ...(isCut && { hasMore: true }) },
  });
}
