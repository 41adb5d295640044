// Which protocol a request speaks, decided from the request alone: the body's own claim first, then the version header.
// Modern: 2026-07-28, stateless, every request carries its version and capabilities. Legacy: the revisions with a handshake.
import { errorResponse, HEADER_MISMATCH, INVALID_PARAMS, type Message, UNSUPPORTED_VERSION } from "./json-rpc.ts";

export const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
export const CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";

/** Served with a per-request envelope, newest first. */
export const MODERN_VERSIONS: readonly string[] = ["2026-07-28"];
/** Served after `initialize`, newest first. */
export const LEGACY_VERSIONS: readonly string[] = ["2025-11-25", "2025-06-18", "2025-03-26"];

/** The first revision whose requests carry an envelope. Revisions are dates, so they compare as text. */
const FIRST_MODERN = "2026-07-28";
const REVISION = /^\d{4}-\d{2}-\d{2}$/;

/** The era of a request, or the answer that says why it has none. `header` is the `MCP-Protocol-Version` header. */
export function eraOf(message: Message & { kind: "request" }, header: string | null): "modern" | "legacy" | Response {
  const { id, method, params } = message;
  if (envelopeOf(params)?.[VERSION_KEY] !== undefined) return "modern";
  if (isModernVersion(header)) {
    return method === "initialize"
      ? errorResponse(400, { code: HEADER_MISMATCH, message: `initialize does not belong to revision ${header}.` }, id)
      : errorResponse(
          400,
          { code: INVALID_PARAMS, message: `params._meta needs "${VERSION_KEY}" and "${CAPABILITIES_KEY}".` },
          id,
        );
  }
  if (method === "initialize" || header === null || LEGACY_VERSIONS.includes(header)) return "legacy";
  return unsupportedVersion(header, id);
}

/** Whether the version belongs to the revisions with a per-request envelope. */
export function isModernVersion(version: string | null): version is string {
  return version !== null && REVISION.test(version) && version >= FIRST_MODERN;
}

/** 2026-07-28, basic/versioning: names what is served, so that the client can choose. */
export function unsupportedVersion(requested: string, id: string | number): Response {
  const data = { supported: MODERN_VERSIONS, requested };
  return errorResponse(
    400,
    { code: UNSUPPORTED_VERSION, message: "This protocol version is not served here.", data },
    id,
  );
}

/** `params._meta`, where it is an object. */
export function envelopeOf(params: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const { _meta: meta } = params;
  return typeof meta === "object" && meta !== null && !Array.isArray(meta)
    ? (meta as Record<string, unknown>)
    : undefined;
}
