// Encodings that both sides of a service binding must agree on: base64url (RFC 4648 section 5), canonical JSON (RFC 8785) and
// SHA-256 digests of them.

const utf8 = new TextEncoder();

/** SHA-256, base64url, of the input's canonical JSON. */
export function digestInput(input: unknown): Promise<string> {
  return digestText(canonicalJson(input));
}

/** SHA-256, base64url, of a text in UTF-8. */
export async function digestText(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(text))));
}

/** RFC 8785: keys sorted by UTF-16 code units, numbers and strings as ECMAScript writes them. Keys set to `undefined` are absent. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** As many arguments as one call can surely take. */
const PIECE = 8_192;

/** Unpadded base64url, RFC 4648 section 5. */
export function toBase64url(bytes: Uint8Array): string {
  let binary = "";
  // Not by spreading, which walks an iterator.
  for (let at = 0; at < bytes.length; at += PIECE)
    binary += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + PIECE));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Throws a `DOMException` on anything that is not base64url. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
