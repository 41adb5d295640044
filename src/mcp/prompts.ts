// prompts/get, and completion/complete for arguments of prompts and variables of resource
// templates.
import * as v from "valibot";
import { shorten } from "../../contracts/rpc/well-formed.ts";
import { clientInputOf, inputRequiredJson, missingCapability } from "./client-input.ts";
import { isObject, jsonResponse, withoutNulls } from "./json-rpc.ts";
import {
  type HandlerResult,
  internalErrorJson,
  invalidParams,
  type McpRequest,
  orUndefined,
  rateLimited,
  resultResponse,
  traceparentOf,
} from "./request.ts";

const Arguments = v.record(v.string(), v.string());

/** Handles one prompts/get. */
export async function getPrompt(request: McpRequest): Promise<HandlerResult> {
  const { params, server, codec } = request;
  const { name, arguments: given = {} } = params;
  if (typeof name !== "string") return invalidParams(request, "params.name is the prompt's name, a string.");
  const args = v.safeParse(Arguments, isObject(given) ? withoutNulls(given) : null);
  if (!args.success) return invalidParams(request, "params.arguments is a JSON object whose values are strings.");
  const clientInput = clientInputOf(request);
  if (clientInput instanceof Response) return clientInput;
  const filled = await orUndefined(request, () => server.getPrompt(name, args.output, clientInput));
  switch (filled?.state) {
    case undefined:
      return jsonResponse(200, internalErrorJson(request));
    case "not_found":
      return invalidParams(
        request,
        `There is no prompt named ${JSON.stringify(shorten(name, 80))}. prompts/list has them all.`,
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
      return resultResponse(request, { description: filled.description, messages });
    }
  }
}

const Completion = v.object({
  ref: v.variant("type", [
    v.object({ type: v.literal("ref/prompt"), name: v.string() }),
    v.object({ type: v.literal("ref/resource"), uri: v.string() }),
  ]),
  argument: v.object({ name: v.string(), value: v.string() }),
  context: v.optional(v.object({ arguments: v.nullish(Arguments, {}) }), {}),
});

/** The most values of one response (2025-03-26 and later, server/utilities/completion). */
const MAX_VALUES = 100;

/** Handles one completion/complete. */
export async function complete(request: McpRequest): Promise<HandlerResult> {
  const { params, server } = request;
  const asked = v.safeParse(Completion, params);
  if (!asked.success)
    return invalidParams(
      request,
      `params.${shorten(v.getDotPath(asked.issues[0]) ?? "ref", 80)} is missing or malformed.`,
    );
  const { ref, argument, context } = asked.output;
  const of = ref.type === "ref/prompt" ? { prompt: ref.name } : { template: ref.uri };
  const completion = { of, name: argument.name, value: argument.value, others: context.arguments };
  const found = await orUndefined(request, () => server.complete(completion, traceparentOf(params)));
  if (found === undefined) return jsonResponse(200, internalErrorJson(request));
  if (found && "state" in found) return rateLimited(request, found);
  if (found === null) return invalidParams(request, "There is no such prompt, template or argument.");
  const { values, ...rest } = found;
  const isCut = values.length > MAX_VALUES;
  return resultResponse(request, {
    completion: { values: values.slice(0, MAX_VALUES), ...rest, ...(isCut && { hasMore: true }) },
  });
}
