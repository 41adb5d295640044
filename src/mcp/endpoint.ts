// The MCP endpoint (Streamable HTTP): one message or batch in each POST. The entrypoint has already
// authorized the request.
import { handleBatch } from "./batch.ts";
import { eraOf, isModernVersion } from "./era.ts";
import { acceptedTypes, headerValue } from "./headers.ts";
import {
  errorResponse,
  INVALID_REQUEST,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  readMessage,
} from "./json-rpc.ts";
import { handleLegacy } from "./legacy.ts";
import { handleModern } from "./modern.ts";
import type { McpServer } from "./port.ts";
import type { HandlerResult, Incoming, McpContext } from "./request.ts";
import { handleSessionRequest, orServiceUnavailable, receive, sessionOf } from "./session-requests.ts";
import { eventStream } from "./sse.ts";

/** Handles one HTTP request to the endpoint. Returns its response, or the scopes that it needs. */
export async function handleMcp(request: Request, server: McpServer, context: McpContext): Promise<HandlerResult> {
  if (request.method !== "POST") return (await handleSessionRequest(request, context)) ?? methodNotAllowed();
  const message = await readMessage(request);
  if (message instanceof Response) return message;
  const { headers } = request;
  const incoming: Incoming = { headers, version: headerValue(headers, "mcp-protocol-version"), server, context };
  switch (message.kind) {
    case "batch":
      return handleBatch(message.members, incoming);
    case "request":
      return acceptable(headers, await handleRequest(message, incoming));
    default:
      return handleOneWay(message, incoming);
  }
}

/** Without a session, GET has no stream to open and DELETE nothing to end. */
function methodNotAllowed(): Response {
  const response = errorResponse(405, { code: INVALID_REQUEST, message: "Send messages with POST." });
  response.headers.set("allow", "POST");
  return response;
}

async function handleRequest(message: JsonRpcRequest, incoming: Incoming): Promise<HandlerResult> {
  const era = eraOf(message, incoming.version);
  if (era instanceof Response) return era;
  return era === "modern" ? handleModern(message, incoming) : handleLegacy(message, incoming);
}

/** Handles a message that has no JSON-RPC response. */
async function handleOneWay(
  message: JsonRpcNotification | JsonRpcResponse,
  { headers, version, context }: Incoming,
): Promise<Response> {
  if (isModernVersion(version)) {
    return message.kind === "response"
      ? errorResponse(400, { code: INVALID_REQUEST, message: "This server sends no requests to respond to." })
      : new Response(null, { status: 202 });
  }
  const session = await sessionOf(headers, context);
  if (session instanceof Response) return session;
  const unavailable = session && (await orServiceUnavailable(context, () => receive(session, message)));
  return unavailable ?? new Response(null, { status: 202 });
}

/** Sends a JSON response as an event stream of one message if the client accepts nothing else. */
function acceptable(headers: Headers, result: HandlerResult): HandlerResult {
  if (!(result instanceof Response) || result.status !== 200 || acceptedTypes(headers).json) return result;
  return result.headers.get("content-type") === "application/json" ? eventStream(() => result.text()) : result;
}
