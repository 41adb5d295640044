// The MCP endpoint behind its door: one POST, one message, one answer. Authorization has already happened.
import { eraOf, isModernVersion } from "./era.ts";
import type { Host, ScopeNeeded } from "./host.ts";
import { errorResponse, INVALID_REQUEST, readMessage } from "./json-rpc.ts";
import { answerLegacy } from "./legacy.ts";
import { answerModern } from "./modern.ts";

/** Answers one HTTP request to the endpoint, or says which scopes it would need. */
export async function answerMcp(request: Request, host: Host): Promise<Response | ScopeNeeded> {
  if (request.method !== "POST") {
    // GET would open a stream and DELETE end a session; there are neither.
    const refused = errorResponse(405, { code: INVALID_REQUEST, message: "Send messages with POST." });
    refused.headers.set("allow", "POST");
    return refused;
  }
  const message = await readMessage(request);
  if (message instanceof Response) return message;
  const header = request.headers.get("mcp-protocol-version")?.trim() ?? null;
  if (message.kind === "request") {
    const era = eraOf(message, header);
    if (era instanceof Response) return era;
    return era === "modern" ? answerModern(request, message, host) : answerLegacy(request, message, host);
  }
  if (message.kind === "response" && isModernVersion(header)) {
    return errorResponse(400, { code: INVALID_REQUEST, message: "Nothing was asked, so there is nothing to answer." });
  }
  return new Response(null, { status: 202 });
}
