// Discovery, as clients do it: the challenge (RFC 9728 section 5.1), the metadata of the resource
// (RFC 9728) and of its authorization server (RFC 8414), and registration (RFC 7591).
import type { Findings } from "./checks.ts";
import { jsonOf, type Reply, send } from "./http.ts";
import { Problem, Skip } from "./outcome.ts";

/** Contents of the documents, as far as the next checks need them. */
export interface Discovered {
  /** URL of the metadata that the challenge names. */
  readonly metadataUrl: URL;
  readonly resource?: string;
  readonly issuer?: string;
  readonly server?: AuthorizationServer;
  /** Scopes to ask for. */
  readonly scope?: string;
}

export interface AuthorizationServer {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly registrationEndpoint: string | undefined;
  readonly acceptsClientDocuments: boolean;
  readonly sendsIssuer: boolean;
}

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "connect-check", version: "1.0.0" } },
};

/** A message without a token gets 401 and the address of the metadata, or is served. */
export async function checkChallenge(findings: Findings): Promise<string> {
  const { url, token } = findings;
  const accept = "application/json, text/event-stream";
  const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { "content-type": "application/json", accept, ...bearer };
  const reply = await send(url, { method: "POST", headers, body: JSON.stringify(INITIALIZE) });
  if (isMessage(reply)) {
    findings.needsSignIn = false;
    return token === undefined ? "serves clients without a sign-in" : "serves the key or token";
  }
  if ([400, 404, 405].includes(reply.status)) await refuseOldTransport(url);
  if (reply.status !== 401) throw unexpectedReply(reply, url);
  if (token !== undefined)
    throw new Problem(
      `The key or token is refused (401): ${sentenceOf(reply.text)}`,
      "Check that it is complete, is for this endpoint, and has not been revoked.",
    );
  return readChallenge(findings, reply.headers.get("www-authenticate") ?? "");
}

/** True for a message of MCP; a server without `initialize` returns an error with 400 or 404. */
function isMessage({ status, text }: Reply): boolean {
  return [200, 400, 404].includes(status) && /"jsonrpc"\s*:\s*"2\.0"/.test(text);
}

/** The transport of revision 2024-11-05 begins with a stream that names an endpoint. */
async function refuseOldTransport(url: URL): Promise<void> {
  const reply = await send(url, { headers: { accept: "text/event-stream" } }).catch(() => null); // a silent stream
  if (reply?.status === 200 && /^event: endpoint/m.test(reply.text))
    throw new Problem(
      "It has the HTTP+SSE transport of 2024-11-05 only.",
      "Many clients have no such transport: serve Streamable HTTP.",
    );
}

function readChallenge(findings: Findings, challenge: string): string {
  const named = parameterOf(challenge, "resource_metadata");
  if (!/^bearer\b/i.test(challenge))
    throw new Problem(
      "401 without a Bearer challenge in WWW-Authenticate.",
      'Send `WWW-Authenticate: Bearer resource_metadata="…"` (RFC 9728 section 5.1).',
    );
  const scope = parameterOf(challenge, "scope");
  const metadataUrl = named === undefined ? wellKnown("oauth-protected-resource", findings.url) : URL.parse(named);
  if (metadataUrl === null || !/^https?:$/.test(metadataUrl.protocol))
    throw new Problem(`The challenge's resource_metadata is ${named}.`, "Name an https address there.");
  findings.discovered = { metadataUrl, ...(scope !== undefined && { scope }) };
  return named === undefined
    ? "401; the challenge names no metadata, so clients guess its address"
    : `401, metadata at ${metadataUrl}`;
}

function unexpectedReply({ status, headers, text }: Reply, url: URL): Problem {
  const location = headers.get("location");
  if (location !== null)
    return new Problem(
      `Redirects to ${location} (${status}).`,
      `If that is the endpoint, use --url ${URL.parse(location, url.href) ?? "with its address"}`,
    );
  const endpoint = /"mcp_endpoint":"([^"]+)"/.exec(text)?.[1];
  if (status === 404 || status === 405)
    return new Problem(
      `There is no MCP endpoint at this address (${status}).`,
      endpoint ? `Use --url ${endpoint}` : "Most endpoints have the path /mcp.",
    );
  if (status === 421) return new Problem("The server does not answer under this host name (421).", sentenceOf(text));
  const type = headers.get("content-type") ?? "no content type";
  if (status === 200)
    return new Problem(
      `Answers with ${type}, not with a message of MCP: ${sentenceOf(text)}`,
      "Use the address of an MCP endpoint: most have the path /mcp.",
    );
  return new Problem(
    `Status ${status}: ${sentenceOf(text)}`,
    status === 429 || status >= 500
      ? "Wait a moment and try again; then look at the server's log."
      : "Expected 401 with a challenge, or the answer to `initialize`.",
  );
}

/** The metadata names this endpoint as its resource, and an authorization server. */
export async function checkResource(findings: Findings): Promise<string> {
  const { url, discovered } = findings;
  if (!discovered) throw new Skip(findings.needsSignIn ? "needs the endpoint" : "no sign-in");
  const { metadataUrl } = discovered;
  const metadata = jsonOf(await expectOk(metadataUrl), `The metadata at ${metadataUrl}`);
  const { resource, authorization_servers: servers, scopes_supported: scopes } = metadata;
  if (typeof resource !== "string" || !isResourceOf(resource, url))
    throw new Problem(
      `The metadata is about ${String(resource)}, not about ${url}.`,
      "Clients refuse that (RFC 9728 section 3.3): use the address that the metadata names, or correct it.",
    );
  const issuer = Array.isArray(servers) ? servers[0] : undefined;
  if (typeof issuer !== "string" || !URL.canParse(issuer))
    throw new Problem(
      "The metadata names no authorization server.",
      "Add `authorization_servers` (RFC 9728 section 2).",
    );
  const all = Array.isArray(scopes) ? scopes.join(" ") : undefined;
  findings.discovered = {
    ...discovered,
    resource,
    issuer,
    ...(discovered.scope === undefined && all && { scope: all }),
  };
  return `${resource}, authorization server ${issuer}`;
}

/** The authorization server's own metadata: issuer, endpoints, PKCE. */
export async function checkServer(findings: Findings): Promise<string> {
  const { issuer } = findings.discovered ?? {};
  if (issuer === undefined) throw new Skip(findings.needsSignIn ? "needs the resource's metadata" : "no sign-in");
  const metadata = await serverMetadata(new URL(issuer));
  if (metadata.issuer !== issuer)
    throw new Problem(
      `The metadata's issuer is ${String(metadata.issuer)}, not ${issuer}.`,
      "They must be equal, character by character (RFC 8414 section 3.3).",
    );
  const methods = metadata.code_challenge_methods_supported;
  if (!Array.isArray(methods) || !methods.includes("S256"))
    throw new Problem(
      "PKCE with S256 is not announced.",
      'MCP clients refuse to sign in: announce `code_challenge_methods_supported: ["S256"]`.',
    );
  const server: AuthorizationServer = {
    issuer,
    authorizationEndpoint: endpointOf(metadata, "authorization_endpoint"),
    tokenEndpoint: endpointOf(metadata, "token_endpoint"),
    registrationEndpoint:
      metadata.registration_endpoint === undefined ? undefined : endpointOf(metadata, "registration_endpoint"),
    acceptsClientDocuments: metadata.client_id_metadata_document_supported === true,
    sendsIssuer: metadata.authorization_response_iss_parameter_supported === true,
  };
  findings.discovered = { ...findings.discovered, server } as Discovered; // the other parts are there with `issuer`
  const ways = [server.registrationEndpoint && "registration", server.acceptsClientDocuments && "client documents"];
  return `PKCE S256; clients by ${ways.filter(Boolean).join(" and ") || "an operator"}`;
}

/** A client that registers itself, as most do. */
export async function register(findings: Findings): Promise<string> {
  const { server, scope } = findings.discovered ?? {};
  if (!server) throw new Skip(findings.needsSignIn ? "needs the authorization server" : "no sign-in");
  if (findings.clientId !== undefined) {
    findings.registeredId = findings.clientId;
    return `the given client; it has to allow ${findings.listener.redirectUri}, on any port`;
  }
  if (server.registrationEndpoint === undefined) {
    if (server.acceptsClientDocuments) throw new Skip("clients by document only: give one with --client-id");
    throw new Problem(
      "Clients cannot register themselves.",
      "Announce `registration_endpoint` or client documents, or give --client-id.",
    );
  }
  const reply = await send(server.registrationEndpoint, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "connect-check",
      redirect_uris: [findings.listener.redirectUri],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
      ...(scope !== undefined && { scope }),
    }),
  });
  if (reply.status !== 201 && reply.status !== 200)
    throw new Problem(
      `Registration was refused (${reply.status}): ${sentenceOf(reply.text)}`,
      "Clients of a terminal register a loopback redirect URI and no secret: allow that.",
    );
  const { client_id: clientId } = jsonOf(reply, "The registration");
  if (typeof clientId !== "string")
    throw new Problem("The registration has no `client_id`.", "Return one (RFC 7591 section 3.2.1).");
  findings.registeredId = clientId;
  return "a public client with a loopback redirect URI";
}

/** RFC 8414 section 3.1, then OpenID Connect discovery, as clients try them. */
async function serverMetadata(issuer: URL): Promise<Readonly<Record<string, unknown>>> {
  const path = issuer.pathname.replace(/\/$/, "");
  const addresses = [
    new URL(`/.well-known/oauth-authorization-server${path}`, issuer),
    new URL(`/.well-known/openid-configuration${path}`, issuer),
    new URL(`${path}/.well-known/openid-configuration`, issuer),
  ];
  for (const address of addresses) {
    const reply = await send(address);
    if (reply.status === 200) return jsonOf(reply, `The metadata at ${address}`);
  }
  throw new Problem(`No metadata at ${addresses.join(", ")}.`, "Serve it at the first address (RFC 8414 section 3).");
}

function endpointOf(metadata: Readonly<Record<string, unknown>>, name: string): string {
  const value = metadata[name];
  if (typeof value !== "string" || !URL.canParse(value))
    throw new Problem(`The metadata has no ${name}.`, `Add \`${name}\` (RFC 8414 section 2).`);
  const { protocol, hostname } = new URL(value);
  if (protocol !== "https:" && !(protocol === "http:" && isLoopback(hostname)))
    throw new Problem(`${name} is not https: ${value}`, "Clients refuse it: serve it over https.");
  return value;
}

export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** The first sentence that an error body has for a reader. */
export function sentenceOf(text: string): string {
  try {
    const { error_description, error, message } = JSON.parse(text) as Record<string, unknown>;
    const nested = (error as { message?: unknown } | undefined)?.message; // JSON-RPC
    const found = [error_description, message, nested, error].find((value) => typeof value === "string");
    if (typeof found === "string") return found;
  } catch {
    // Not JSON.
  }
  return (
    text
      .replace(/<(script|style)\b.*?<\/\1>|<[^>]*>/gis, " ")
      .replace(/\s+/g, " ")
      .trim()
      .slice(0, 200) || "no explanation"
  );
}

/** The same origin, and a path that the endpoint's begins with. */
function isResourceOf(resource: string, url: URL): boolean {
  if (!URL.canParse(resource)) return false;
  const { origin, pathname } = new URL(resource);
  return origin === url.origin && `${url.pathname}/`.startsWith(pathname.replace(/\/?$/, "/"));
}

function wellKnown(name: string, url: URL): URL {
  return new URL(`/.well-known/${name}${url.pathname === "/" ? "" : url.pathname}`, url);
}

function parameterOf(challenge: string, name: string): string | undefined {
  const [, quoted, plain] = new RegExp(`\\b${name}=(?:"([^"]*)"|([^\\s,]+))`).exec(challenge) ?? [];
  return quoted ?? plain;
}

async function expectOk(url: URL): Promise<Reply> {
  const reply = await send(url);
  if (reply.status === 200) return reply;
  throw new Problem(`${url} returns ${reply.status}.`, "Serve the metadata there (RFC 9728 section 3).");
}
