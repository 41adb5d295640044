// CORS for the MCP endpoint: browser clients, such as the MCP Inspector, from configured origins. A
// preflight request carries no token.

const METHODS = "POST, GET, DELETE, OPTIONS";
const HEADERS =
  "authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id, traceparent";
/** More than any tool has. */
const MAX_PARAMETERS = 32;
const EXPOSED = "WWW-Authenticate, Retry-After, Mcp-Session-Id, MCP-Protocol-Version";

/** Responds to OPTIONS. `origin` is an allowed one, or `null` if the request has none. */
export function preflight(request: Request, origin: string | null): Response {
  // Clients repeat tool arguments in headers of this family. Their names depend on the tool, so
  // each requested one is allowed.
  const requested = (request.headers.get("access-control-request-headers") ?? "").toLowerCase().split(",");
  const parameters = requested
    .map((name) => name.trim())
    .filter((name) => /^mcp-param-[a-z0-9-]{1,64}$/.test(name))
    .slice(0, MAX_PARAMETERS);
  const headers = new Headers({ vary: "Origin" });
  if (origin !== null) {
    headers.set("access-control-allow-origin", origin);
    headers.set("access-control-allow-methods", METHODS);
    headers.set("access-control-allow-headers", [HEADERS, ...parameters].join(", "));
    headers.set("access-control-max-age", "86400");
  }
  return new Response(null, { status: 204, headers });
}

/** Lets pages of `origin` read the response. */
export function allowCors(response: Response, origin: string | null): Response {
  if (origin === null) return response;
  const headers = new Headers(response.headers);
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", EXPOSED);
  headers.append("vary", "Origin");
  return new Response(response.body, { status: response.status, headers });
}
