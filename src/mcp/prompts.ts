// prompts/get and completion/complete: a prompt filled in, and what its arguments, or a template's variables, may be.
import * as v from "valibot";
import { clientInputOf, inputRequiredJson, missingCapability } from "./client-input.ts";
import { isObject, jsonResponse } from "./json-rpc.ts";
import {
  failureJson,
  finish,
  type HandlerResult,
  invalid,
  type McpRequest,
  orUndefined,
  traceparentOf,
} from "./request.ts";

const Arguments = v.record(v.string(), v.string());

/** Answers one prompts/get. */
export async function getPrompt(request: McpRequest): Promise<HandlerResult> {
  const { params, server, codec } = request;
  const { name, arguments: given = {} } = params;
  if (typeof name !== "string") return invalid(request, "params.name is the prompt's name, a string.");
  const args = v.safeParse(Arguments, given);
  if (!isObject(given) || !args.success)
    return invalid(request, "params.arguments is a JSON object whose values are strings.");
  const clientInput = clientInputOf(request);
  if (clientInput instanceof Response) return clientInput;
  const filled = await orUndefined(request, () => server.getPrompt(name, args.output, clientInput));
  switch (filled?.state) {
    case undefined:
      return jsonResponse(200, failureJson(request));
    case "not_found":
      return invalid(
        request,
        `There is no prompt named ${JSON.stringify(name.slice(0, 80))}. prompts/list has them all.`,
      );
    case "missing_capability":
      return missingCapability(request, filled);
    case "input_required":
    case "invalid":
      return jsonResponse(200, inputRequiredJson(request, clientInput, filled));
    case "filled": {
      const messages = filled.messages.map((message) =>
        "content" in message && isObject(message.content)
          ? { ...message, content: codec.block(message.content) }
          : message,
      );
      return finish(request, { description: filled.description, messages });
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
export async function complete(request: McpRequest): Promise<HandlerResult> {
  const { params, server } = request;
  const asked = v.safeParse(Completion, params);
  if (!asked.success)
    return invalid(request, `params.${v.getDotPath(asked.issues[0]) ?? "ref"} is missing or not as it should be.`);
  const { ref, argument, context } = asked.output;
  const of = ref.type === "ref/prompt" ? { prompt: ref.name } : { template: ref.uri };
  const typing = { of, name: argument.name, value: argument.value, others: context.arguments };
  const found = await orUndefined(request, () => server.complete(typing, traceparentOf(params)));
  if (found === undefined) return jsonResponse(200, failureJson(request));
  if (found === null) return invalid(request, "There is no such prompt, template or argument.");
  const { values, ...rest } = found;
  const isCut = values.length > MOST_VALUES;
  return finish(request, {
    completion: { values: values.slice(0, MOST_VALUES), ...rest, ...(isCut && { hasMore: true }) },
  });
}
