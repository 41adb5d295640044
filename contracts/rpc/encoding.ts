// Encodings that both sides of a service binding share: base64url (RFC 4648 section 5), canonical
// JSON (RFC 8785) and SHA-256 digests.

const utf8 = new TextEncoder();

/** SHA-256, base64url, of the input's canonical JSON. */
export function digestInput(input: unknown): Promise<string> {
  return digestText(canonicalJson(input));
}

/** SHA-256, base64url, of a text in UTF-8. */
export async function digestText(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(text))));
}

/**
 * Canonical JSON (RFC 8785): keys sorted by UTF-16 code units, numbers and strings as ECMAScript
 * serializes them. A key whose value is `undefined` is omitted.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** Number of arguments that any function call accepts. */
const PIECE = 8_192;

/** A method of newer engines (ECMAScript 2026). Each call encodes four times. */
interface MayEncode {
  toBase64?(options: { readonly alphabet: "base64url"; readonly omitPadding: true }): string;
}

/** Unpadded base64url, RFC 4648 section 5. */
export function toBase64url(bytes: Uint8Array & MayEncode): string {
  return bytes.toBase64?.({ alphabet: "base64url", omitPadding: true }) ?? encoded(bytes);
}

/** The same, for Node 24 and older. */
function encoded(bytes: Uint8Array): string {
  let binary = "";
  // `apply` takes the array itself; a spread would run its iterator.
  for (let at = 0; at < bytes.length; at += PIECE)
    binary += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + PIECE));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * The bytes of a text in canonical form. Throws for any other spelling of the same bytes (padding,
 * white space, the other alphabet, unused bits that are set; RFC 4648 section 3.5), because two
 * texts that mean one token must not both be accepted.
 */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  if (toBase64url(bytes) !== text) throw new RangeError("The text is not canonical base64url.");
  return bytes;
}
