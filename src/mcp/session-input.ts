// Messages to the client of a session: requests for input, and log messages. Revisions with a
// handshake have no multi round-trip requests (MRTR), so the server sends each input request to the
// client itself: on the response of the call or, if the client does not read that as a stream, on a
// stream that the client opened with GET. The response arrives in a POST of its own.
import { logCrash } from "../../contracts/log.ts";
import { inputRequiredJson } from "./client-input.ts";
import { supportsRequest } from "./elicitation.ts";
import { errorJson, INVALID_REQUEST, isObject, type RequestId } from "./json-rpc.ts";
import type { ClientInput, InputRequired, Invalid, Log } from "./port.ts";
import type { McpRequest } from "./request.ts";
import { LOG_LEVELS } from "./schema.ts";
import type { McpSession } from "./session.ts";
import type { Stream } from "./sse.ts";

/** A log that sends the client the messages of its level and above. */
export function loggerOf({ level }: McpSession, stream: Stream): Log {
  const least = level === undefined ? Number.POSITIVE_INFINITY : LOG_LEVELS.indexOf(level);
  return (at, data) => {
    if (LOG_LEVELS.indexOf(at) < least) return;
    const message = { jsonrpc: "2.0", method: "notifications/message", params: { level: at, data } };
    // Log messages may be lost, so nothing waits for them.
    void stream.notify(JSON.stringify(message));
  };
}

/** The input of a session's client before any input was requested. */
export function initialClientInput({ capabilities }: McpSession): ClientInput {
  return { capabilities, inputResponses: {}, requestState: undefined };
}

/**
 * Requests the input that a call needs, if the call has a session. Otherwise, and if the input
 * cannot be had, returns the JSON of the call's response: no value is assumed for the client.
 * Returns `null` if the call was cancelled. `given`: the input that the call ran with.
 */
export async function requestInput(
  request: McpRequest,
  given: ClientInput | undefined,
  required: InputRequired | Invalid,
  stream: Stream | undefined,
): Promise<ClientInput | string | null> {
  const { session, id, traceId } = request;
  if (!session || required.state === "invalid") return inputRequiredJson(request, given, required);
  const { inputRequests, requestState } = required;
  const { capabilities } = session;
  if (!Object.values(inputRequests).every((input) => supportsRequest(capabilities, input)))
    return inputRequiredJson(request, given, required);
  try {
    const inputResponses = await sendRequests(session, id, inputRequests, stream);
    if (inputResponses) return { capabilities, inputResponses, requestState };
    if (await session.isCancelled(id)) return null;
  } catch (error) {
    logCrash("mcp.input_failed", { traceId }, error);
  }
  const methods = Object.values(inputRequests).map(({ method }) => method);
  const message = `This call needs a result of ${methods.join(", ")} from the client, and did not receive one.`;
  return errorJson({ code: INVALID_REQUEST, message }, id);
}

/** Sends all requests at once. Returns their results, or `null` if any has none. */
async function sendRequests(
  session: McpSession,
  call: RequestId,
  requests: InputRequired["inputRequests"],
  stream: Stream | undefined,
): Promise<ClientInput["inputResponses"] | null> {
  const names = Object.keys(requests);
  const ids = await session.expect(names.length, call);
  if (ids.length < names.length) return null;
  const send = async (message: object) => {
    const json = JSON.stringify({ jsonrpc: "2.0", ...message });
    return (await stream?.notify(json)) || session.send(json);
  };
  for (const [at, request] of Object.values(requests).entries())
    if (!(await send({ id: ids[at], ...request }))) return null;
  const results = await session.responsesTo(ids);
  // Withdraws requests without a response (2025-11-25, basic/utilities/cancellation).
  for (const [at, result] of results.entries()) {
    if (result === undefined) await send({ method: "notifications/cancelled", params: { requestId: ids[at] } });
  }
  const responses = names.map((name, at) => [name, results[at]] as const);
  if (!responses.every(([, result]) => isObject(result))) return null;
  return Object.fromEntries(responses) as ClientInput["inputResponses"]; // checked above
}
