// Revisions 2025-11-25 and 2025-06-18: `initialize` first, then requests. No session id is issued, so every request is served
// without state, by whichever isolate it reaches.

import { LEGACY_VERSIONS } from "./era.ts";
import type { Host, Offer, ScopeNeeded } from "./host.ts";
import { errorResponse, INVALID_PARAMS, jsonResponse, METHOD_NOT_FOUND, type Message, resultJson } from "./json-rpc.ts";
import { callTool, listTools } from "./tools.ts";

/** Answers one request of the legacy era. */
export async function answerLegacy(
  request: Request,
  message: Message & { kind: "request" },
  { offer, openTool }: Host,
): Promise<Response | ScopeNeeded> {
  const { id, method, params } = message;
  switch (method) {
    case "initialize":
      return typeof params.protocolVersion === "string"
        ? jsonResponse(200, resultJson(id, JSON.stringify(handshake(offer, params.protocolVersion))))
        : errorResponse(200, { code: INVALID_PARAMS, message: "params.protocolVersion is the newest revision you speak, a string." }, id);
    case "ping":
      return jsonResponse(200, resultJson(id, "{}"));
    case "tools/list":
      return listTools(id, params, readyList(offer));
    case "tools/call":
      return callTool(request, id, params, openTool, (result) => result);
    default:
      return errorResponse(200, { code: METHOD_NOT_FOUND, message: "This method is not served here." }, id);
  }
}

/** The version asked for where it is served, else the newest of this era (2025-11-25, basic/lifecycle). */
function handshake(offer: Offer, requested: string): object {
  return {
    protocolVersion: LEGACY_VERSIONS.includes(requested) ? requested : LEGACY_VERSIONS[0],
    capabilities: { tools: {} },
    serverInfo: offer.info,
    instructions: offer.instructions,
  };
}

const readyLists = new WeakMap<Offer, string>();

function readyList(offer: Offer): string {
  const known = readyLists.get(offer);
  if (known !== undefined) return known;
  const list = JSON.stringify({ tools: offer.tools });
  readyLists.set(offer, list);
  return list;
}
