// Selects the protocol of a request from the request alone: first the version in its body, then
// the version header. Modern: 2026-07-28, stateless, each request carries its version and
// capabilities. Legacy: the revisions with a handshake.
import { shorten } from "../../contracts/rpc/well-formed.ts";
import {
  errorResponse,
  HEADER_MISMATCH,
  INVALID_PARAMS,
  type JsonRpcRequest,
  UNSUPPORTED_VERSION,
} from "./json-rpc.ts";

export const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
export const CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";

/** Revisions with an envelope in each request, newest first. */
export const MODERN_VERSIONS: readonly string[] = ["2026-07-28"];
/** Revisions that start with `initialize`, newest first. */
export const LEGACY_VERSIONS: readonly string[] = ["2025-11-25", "2025-06-18", "2025-03-26"];

/** The first revision with an envelope. Revisions are dates, so they compare as text. */
const FIRST_MODERN = "2026-07-28";
/** A requested version is repeated in the error. Those that exist have ten characters. */
const MAX_VERSION_LENGTH = 40;
const REVISION = /^\d{4}-\d{2}-\d{2}$/;

/** The era of a request, or an error response. `header`: `MCP-Protocol-Version`. */
export function eraOf({ id, method, params }: JsonRpcRequest, header: string | null): "modern" | "legacy" | Response {
  if (envelopeOf(params)?.[VERSION_KEY] !== undefined) return "modern";
  if (isModernVersion(header)) {
    return method === "initialize"
      ? errorResponse(400, { code: HEADER_MISMATCH, message: `Revision ${header} has no initialize method.` }, id)
      : errorResponse(
          400,
          { code: INVALID_PARAMS, message: `params._meta must contain "${VERSION_KEY}" and "${CAPABILITIES_KEY}".` },
          id,
        );
  }
  if (method === "initialize" || header === null || LEGACY_VERSIONS.includes(header)) return "legacy";
  return unsupportedVersion(header, id);
}

/** True for a revision with an envelope in each request, supported or not. */
export function isModernVersion(version: string | null): version is string {
  return version !== null && REVISION.test(version) && version >= FIRST_MODERN;
}

/** Lists the supported versions for the client to choose from (2026-07-28, basic/versioning). */
export function unsupportedVersion(requested: string, id: string | number): Response {
  const data = { supported: MODERN_VERSIONS, requested: shorten(requested, MAX_VERSION_LENGTH) };
  return errorResponse(
    400,
    { code: UNSUPPORTED_VERSION, message: "This server does not support the requested protocol version.", data },
    id,
  );
}

/** `params._meta`, if it is an object. */
export function envelopeOf(params: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const { _meta: meta } = params;
  return typeof meta === "object" && meta !== null && !Array.isArray(meta)
    ? (meta as Record<string, unknown>)
    : undefined;
}
