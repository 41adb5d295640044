// Several messages in one array, as revision 2025-03-26 has it (basic/index, "Batching") and no other. The answers come back as one
// array of JSON, in the order of their requests; what is asked meanwhile goes out on a stream of the session.
import { envelopeOf, VERSION_KEY } from "./era.ts";
import { errorResponse, INVALID_REQUEST, invalidRequest, jsonResponse, type Message, messageOf } from "./json-rpc.ts";
import { handleInSession } from "./legacy.ts";
import type { McpServer } from "./port.ts";
import type { McpContext } from "./request.ts";
import { type McpSession, orUnavailable, receive, sessionOf } from "./session.ts";

/** Their answers are held in memory together. */
const MOST_MESSAGES = 20;

/** Nothing in a batch can be streamed. */
const JSON_ONLY = new Headers({ accept: "application/json" });

const REMOVED = "Send one message at a time: batches were removed in revision 2025-06-18.";

/** Answers one batch. `version` is the `MCP-Protocol-Version` header. */
export async function handleBatch(
  headers: Headers,
  members: readonly unknown[],
  version: string | null,
  server: McpServer,
  context: McpContext,
): Promise<Response> {
  if (version !== null && version !== "2025-03-26") return invalidRequest(REMOVED);
  if (members.length === 0) return invalidRequest("A batch has at least one message.");
  if (members.length > MOST_MESSAGES) return invalidRequest(`A batch has at most ${MOST_MESSAGES} messages.`);
  const messages = members.map(messageOf);
  for (const message of messages) {
    if (message instanceof Response || message.kind === "response") continue;
    if (envelopeOf(message.params)?.[VERSION_KEY] !== undefined)
      return invalidRequest("A request with an envelope comes alone.");
    // 2025-03-26, basic/lifecycle: nothing else may be sent before it is answered.
    if (message.method === "initialize") return invalidRequest("initialize comes alone.");
  }
  const session = await sessionOf(headers, context);
  if (session instanceof Response) return session;
  if (session && session.version !== "2025-03-26") return invalidRequest(REMOVED);
  // First, so that nothing has been run where it cannot be heard.
  for (const message of messages) {
    if (!session || message instanceof Response || message.kind === "request") continue;
    const unheard = await orUnavailable(context, () => receive(session, message));
    if (unheard) return unheard;
  }
  const answers: Promise<string>[] = [];
  for (const message of messages) {
    if (message instanceof Response) answers.push(message.text());
    else if (message.kind === "request") answers.push(answer(session, message, version, server, context));
  }
  if (answers.length === 0) return new Response(null, { status: 202 });
  return jsonResponse(200, `[${(await Promise.all(answers)).join()}]`);
}

async function answer(
  session: McpSession | undefined,
  message: Message & { kind: "request" },
  version: string | null,
  server: McpServer,
  context: McpContext,
) {
  const answered = await handleInSession(session, JSON_ONLY, message, version, server, context);
  if (answered instanceof Response) return answered.text();
  // A challenge is a header and speaks for a whole response; the others' answers would be lost with it.
  const sentence = `This needs the scopes ${answered.scopesNeeded.join(" ")}. Send it alone to be asked for them.`;
  return errorResponse(
    200,
    { code: INVALID_REQUEST, message: sentence, data: { scopes: answered.scopesNeeded } },
    message.id,
  ).text();
}
