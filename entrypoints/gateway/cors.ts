// CORS for the MCP endpoint: browser clients, such as the MCP Inspector, from configured origins. A preflight carries no token.

const METHODS = "POST, GET, DELETE, OPTIONS";
const HEADERS =
  "authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id, traceparent";
const EXPOSED = "WWW-Authenticate, Retry-After, Mcp-Session-Id, MCP-Protocol-Version";

/** Answers OPTIONS. `origin` has been found in the list, or is absent. */
export function preflight(request: Request, origin: string | null): Response {
  // Clients repeat tool arguments in headers of this family; their names depend on the tool, so they are granted as asked for.
  const asked = (request.headers.get("access-control-request-headers") ?? "").toLowerCase().split(",");
  const parameters = asked.map((name) => name.trim()).filter((name) => /^mcp-param-[a-z0-9-]{1,64}$/.test(name));
  const headers = new Headers({ vary: "Origin" });
  if (origin !== null) {
    headers.set("access-control-allow-origin", origin);
    headers.set("access-control-allow-methods", METHODS);
    headers.set("access-control-allow-headers", [HEADERS, ...parameters].join(", "));
    headers.set("access-control-max-age", "86400");
  }
  return new Response(null, { status: 204, headers });
}

/** Lets the page behind `origin` read the answer. */
export function allowCors(answer: Response, origin: string | null): Response {
  if (origin === null) return answer;
  const headers = new Headers(answer.headers);
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", EXPOSED);
  headers.append("vary", "Origin");
  return new Response(answer.body, { status: answer.status, headers });
}
