// Base64 with padding (RFC 4648 section 4), for megabytes: built from large pieces, since a string a byte is slow and big.

const PIECE = 0x8000;

/** The bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += PIECE) binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(binary);
}

/**
 * A stream as base64, or `null` where there are more than `limitBytes`; then the rest is left unread. No more than one piece of it is
 * in memory as bytes.
 */
export async function readAsBase64(body: ReadableStream<Uint8Array>, limitBytes: number): Promise<string | null> {
  let base64 = "";
  let size = 0;
  let rest = new Uint8Array();
  for await (const piece of body) {
    size += piece.byteLength;
    if (size > limitBytes) return null;
    const bytes = new Uint8Array(rest.length + piece.length);
    bytes.set(rest);
    bytes.set(piece, rest.length);
    // Three bytes are four characters: only whole groups can be written before the end is known.
    const whole = bytes.length - (bytes.length % 3);
    base64 += toBase64(bytes.subarray(0, whole));
    rest = bytes.slice(whole);
  }
  return base64 + toBase64(rest);
}
