// Request headers as the wire reads them: what a client can read (RFC 9110 section 12.5.1), and the values that repeat a part of the
// body (2026-07-28, basic/transports/streamable-http), which may come in base64.

/** What a client can read. Whoever says nothing, or anything, gets JSON. */
export function acceptedTypes(headers: Headers): { json: boolean; events: boolean } {
  const ranges = (headers.get("accept") ?? "")
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
export function trimmed(headers: Headers, name: string): string | null {
  return headers.get(name)?.trim() ?? null;
}

const BASE64_SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;
const SAFE = /^[\t\x20-\x7e]*$/;

/** A header's value with its base64 form undone; `null` where it is absent, malformed or has bytes that no header may have. */
export function decoded(headers: Headers, name: string): string | null {
  const value = trimmed(headers, name);
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
