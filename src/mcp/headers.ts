// Request headers: content negotiation (RFC 9110 section 12.5.1), and the headers that repeat a
// part of the body, possibly in base64 (2026-07-28, basic/transports/streamable-http).

interface AcceptedTypes {
  readonly json: boolean;
  readonly events: boolean;
}

/** The header that every client must send (2026-07-28, basic/transports/streamable-http). */
const USUAL = "application/json, text/event-stream";
const BOTH: AcceptedTypes = { json: true, events: true };

/** The media types that a client accepts. JSON is the default, also for unknown types. */
export function acceptedTypes(headers: Headers): AcceptedTypes {
  const accept = headers.get("accept") ?? "";
  return accept === USUAL ? BOTH : typesIn(accept);
}

function typesIn(accept: string): AcceptedTypes {
  const ranges = accept
    .toLowerCase()
    .split(",")
    .filter((range) => !/;\s*q=0(?:\.0*)?\s*(?:;|$)/.test(range))
    .map((range) => range.split(";", 1)[0]?.trim());
  const events = ranges.includes("text/event-stream");
  return {
    json: !events || ["application/json", "application/*", "*/*"].some((range) => ranges.includes(range)),
    events,
  };
}

/** A header's value without optional white space (RFC 9110 section 5.5). */
export function headerValue(headers: Headers, name: string): string | null {
  return headers.get(name)?.trim() ?? null;
}

const BASE64_SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;
const SAFE = /^[\t\x20-\x7e]*$/;

/**
 * A header's value, decoded from base64 if it is encoded. `null` if the header is absent or
 * malformed, or has a character that no header may have.
 */
export function decodedHeader(headers: Headers, name: string): string | null {
  const value = headerValue(headers, name);
  if (value === null || !SAFE.test(value)) return null;
  if (!value.startsWith("=?base64?") || !value.endsWith("?=")) return value;
  const encoded = BASE64_SENTINEL.exec(value)?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) return null;
  try {
    const bytes = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
