// The MCP endpoint behind its door: one POST, one message or batch, one answer. Authorization has already happened.
import { handleBatch } from "./batch.ts";
import { eraOf, isModernVersion } from "./era.ts";
import { acceptedTypes, trimmed } from "./headers.ts";
import { errorResponse, INVALID_REQUEST, type Message, readMessage } from "./json-rpc.ts";
import { handleLegacy } from "./legacy.ts";
import { handleModern } from "./modern.ts";
import type { McpServer } from "./port.ts";
import type { HandlerResult, McpContext } from "./request.ts";
import { handleSessionRequest, orUnavailable, receive, sessionOf } from "./session.ts";
import { eventStream } from "./sse.ts";

/** Answers one HTTP request to the endpoint, or says which scopes it would need. */
export async function handleMcp(request: Request, server: McpServer, context: McpContext): Promise<HandlerResult> {
  if (request.method !== "POST") {
    const answered = await handleSessionRequest(request, context);
    if (answered) return answered;
    // Without a session GET has no stream to open, and DELETE nothing to end.
    const refused = errorResponse(405, { code: INVALID_REQUEST, message: "Send messages with POST." });
    refused.headers.set("allow", "POST");
    return refused;
  }
  const message = await readMessage(request);
  if (message instanceof Response) return message;
  const { headers } = request;
  const version = trimmed(headers, "mcp-protocol-version");
  if (message.kind === "batch") return handleBatch(headers, message.members, version, server, context);
  if (message.kind === "request")
    return readable(headers, await handleRequest(headers, message, version, server, context));
  if (message.kind === "response" && isModernVersion(version)) {
    return errorResponse(400, { code: INVALID_REQUEST, message: "Nothing was asked, so there is nothing to answer." });
  }
  if (isModernVersion(version)) return new Response(null, { status: 202 });
  const session = await sessionOf(headers, context);
  if (session instanceof Response) return session;
  const unheard = session && (await orUnavailable(context, () => receive(session, message)));
  return unheard ?? new Response(null, { status: 202 });
}

async function handleRequest(
  headers: Headers,
  message: Message & { kind: "request" },
  version: string | null,
  server: McpServer,
  context: McpContext,
): Promise<HandlerResult> {
  const era = eraOf(message, version);
  if (era instanceof Response) return era;
  return era === "modern"
    ? handleModern(headers, message, server, context)
    : handleLegacy(headers, message, version, server, context);
}

/** An answer of JSON as a stream of one event, for a client that can read nothing else. */
function readable(headers: Headers, answer: HandlerResult): HandlerResult {
  if (!(answer instanceof Response) || answer.status !== 200 || acceptedTypes(headers).json) return answer;
  return answer.headers.get("content-type") === "application/json" ? eventStream(() => answer.text()) : answer;
}
