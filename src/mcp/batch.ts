// Batches: several messages in one array, which only revision 2025-03-26 has (basic/index,
// "Batching"). The responses are one JSON array, in the order of the requests. Requests to the
// client meanwhile use a stream of the session.
import { envelopeOf, VERSION_KEY } from "./era.ts";
import {
  errorJson,
  errorResponse,
  INVALID_REQUEST,
  invalidRequest,
  type JsonRpcRequest,
  jsonResponse,
  type Message,
  messageOf,
} from "./json-rpc.ts";
import { handleInSession } from "./legacy.ts";
import type { Incoming } from "./request.ts";
import type { McpSession } from "./session.ts";
import { orServiceUnavailable, receive, sessionOf } from "./session-requests.ts";

const MAX_MESSAGES = 20;
/**
 * All responses of a batch are in memory at once, in an isolate that others share. Once they have
 * this many characters, no further request runs.
 */
const MAX_RESPONSE_LENGTH = 2 * 1024 * 1024;
/** Nor after this time, in milliseconds: clients stop waiting. */
const MAX_DURATION_MS = 120_000;

/** A response within a batch cannot be a stream. */
const JSON_ONLY = new Headers({ accept: "application/json" });

const REMOVED = "Send one message at a time: revision 2025-06-18 removed batches.";

/** Handles one batch. */
export async function handleBatch(members: readonly unknown[], incoming: Incoming): Promise<Response> {
  const { headers, version, context } = incoming;
  if (version !== null && version !== "2025-03-26") return invalidRequest(REMOVED);
  if (members.length === 0) return invalidRequest("A batch must contain at least one message.");
  if (members.length > MAX_MESSAGES) return invalidRequest(`A batch can contain at most ${MAX_MESSAGES} messages.`);
  const messages = members.map(messageOf);
  const refused = batchProblem(messages);
  if (refused) return refused;
  const session = await sessionOf(headers, context);
  if (session instanceof Response) return session;
  if (session && session.version !== "2025-03-26") return invalidRequest(REMOVED);
  // Before any request runs: a failure refuses the whole batch.
  const unavailable = session && (await receiveAll(session, messages, incoming));
  if (unavailable) return unavailable;
  const responses = await responsesTo(messages, session, incoming);
  if (responses.length === 0) return new Response(null, { status: 202 });
  return jsonResponse(200, `[${responses.join()}]`);
}

/** Runs the requests one after another, within the limits of a batch. Returns responses as JSON. */
async function responsesTo(
  messages: readonly (Message | Response)[],
  session: McpSession | undefined,
  incoming: Incoming,
): Promise<readonly string[]> {
  const responses: string[] = [];
  const endsAtMs = Date.now() + MAX_DURATION_MS;
  let length = 0;
  for (const message of messages) {
    if (message instanceof Response) responses.push(await message.text());
    else if (message.kind === "request") {
      const isWithinLimits = length < MAX_RESPONSE_LENGTH && Date.now() < endsAtMs;
      responses.push(isWithinLimits ? await memberJson(message, session, incoming) : notRun(message));
    }
    length = responses.reduce((sum, { length: own }) => sum + own, 0);
  }
  return responses;
}

function notRun({ id }: JsonRpcRequest): string {
  const message = "This batch is too large or took too long, and this request did not run. Send it again, alone.";
  return errorJson({ code: INVALID_REQUEST, message }, id);
}

/** The response that refuses a batch with a message that must be sent alone, or `null`. */
function batchProblem(messages: readonly (Message | Response)[]): Response | null {
  for (const message of messages) {
    if (message instanceof Response || message.kind === "response") continue;
    if (envelopeOf(message.params)?.[VERSION_KEY] !== undefined)
      return invalidRequest("A message with a protocol version in params._meta must not be part of a batch.");
    // 2025-03-26, basic/lifecycle: nothing else may be sent before the response to it.
    if (message.method === "initialize") return invalidRequest("initialize must not be part of a batch.");
  }
  return null;
}

/** Receives notifications and responses. Returns a 503 response if the session is unavailable. */
async function receiveAll(
  session: McpSession,
  messages: readonly (Message | Response)[],
  { context }: Incoming,
): Promise<Response | undefined> {
  for (const message of messages) {
    if (message instanceof Response || message.kind === "request") continue;
    const unavailable = await orServiceUnavailable(context, () => receive(session, message));
    if (unavailable) return unavailable;
  }
}

/** The JSON of the response to one request of a batch. */
async function memberJson(
  message: JsonRpcRequest,
  session: McpSession | undefined,
  incoming: Incoming,
): Promise<string> {
  const result = await handleInSession(message, session, { ...incoming, headers: JSON_ONLY });
  if (result instanceof Response) return result.text();
  // A challenge is a header of the whole response: the results of the others would be lost with it.
  const { scopesNeeded: scopes } = result;
  const sentence = `This request needs the scopes ${scopes.join(" ")}. Send it alone to receive a challenge for them.`;
  return errorResponse(200, { code: INVALID_REQUEST, message: sentence, data: { scopes } }, message.id).text();
}
