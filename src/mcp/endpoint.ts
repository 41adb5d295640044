// The MCP endpoint behind its door: one POST, one message or batch, one answer. Authorization has already happened.
import { answerBatch } from "./batch.ts";
import { eraOf, isModernVersion } from "./era.ts";
import type { Answer, Circumstances } from "./exchange.ts";
import { acceptedTypes, trimmed } from "./headers.ts";
import type { Host } from "./host.ts";
import { errorResponse, INVALID_REQUEST, type Message, readMessage } from "./json-rpc.ts";
import { answerLegacy } from "./legacy.ts";
import { answerModern } from "./modern.ts";
import { answerForSession, hear, reach, sessionOf } from "./session.ts";
import { eventStream } from "./sse.ts";

/** Answers one HTTP request to the endpoint, or says which scopes it would need. */
export async function answerMcp(request: Request, host: Host, circumstances: Circumstances): Promise<Answer> {
  if (request.method !== "POST") {
    const answered = await answerForSession(request, circumstances);
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
  if (message.kind === "batch") return answerBatch(headers, message.members, version, host, circumstances);
  if (message.kind === "request")
    return readable(headers, await answerRequest(headers, message, version, host, circumstances));
  if (message.kind === "response" && isModernVersion(version)) {
    return errorResponse(400, { code: INVALID_REQUEST, message: "Nothing was asked, so there is nothing to answer." });
  }
  if (isModernVersion(version)) return new Response(null, { status: 202 });
  const session = await sessionOf(headers, circumstances);
  if (session instanceof Response) return session;
  const unheard = session && (await reach(circumstances, () => hear(session, message)));
  return unheard ?? new Response(null, { status: 202 });
}

async function answerRequest(
  headers: Headers,
  message: Message & { kind: "request" },
  version: string | null,
  host: Host,
  circumstances: Circumstances,
): Promise<Answer> {
  const era = eraOf(message, version);
  if (era instanceof Response) return era;
  return era === "modern"
    ? answerModern(headers, message, host, circumstances)
    : answerLegacy(headers, message, version, host, circumstances);
}

/** An answer of JSON as a stream of one event, for a client that can read nothing else. */
function readable(headers: Headers, answer: Answer): Answer {
  if (!(answer instanceof Response) || answer.status !== 200 || acceptedTypes(headers).json) return answer;
  return answer.headers.get("content-type") === "application/json" ? eventStream(() => answer.text()) : answer;
}
