// Single MCP requests, written by a test instead of a client.
import type { System } from "./system.ts";

export interface McpRequestOptions {
  /** The protocol revision; `null` sends no version header. Default: `null`. */
  readonly revision?: string | null;
  /** The client's capabilities, which a request of 2026-07-28 declares. Default: none. */
  readonly capabilities?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A JSON-RPC request. The default of `id` is 1. */
export interface McpRequest {
  readonly id?: string | number;
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/**
 * POST /mcp with one JSON-RPC request and as few headers as possible; `null` sends no credential. A
 * request of 2026-07-28 gets the `_meta` and the headers that this revision requires.
 */
export function postRequest(
  system: Pick<System, "fetch">,
  bearer: string | null,
  { id = 1, method, params = {} }: McpRequest,
  { revision = null, capabilities = {}, headers = {}, signal }: McpRequestOptions = {},
): Promise<Response> {
  const isModern = revision === "2026-07-28";
  const declared = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": capabilities,
  };
  const _meta = { ...(isModern && declared), ...(params._meta as object | undefined) };
  const name = String(params.taskId ?? params.name ?? params.uri ?? "");
  return system.fetch("/mcp", {
    method: "POST",
    ...(signal && { signal }),
    headers: {
      "content-type": "application/json",
      ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
      ...(revision !== null && { "mcp-protocol-version": revision }),
      ...(isModern && { "mcp-method": method, "mcp-name": name }),
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id,
      method,
      params: { ...params, ...(Object.keys(_meta).length > 0 && { _meta }) },
    }),
  });
}
