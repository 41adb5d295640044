// Base64 with padding (RFC 4648 section 4) for megabytes. It encodes large pieces at a time: a
// string per byte is slow and takes much memory.
import { chunksOf } from "../limits/bounded-read.ts";

const PIECE = 0x8000;

/** The bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += PIECE) binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(binary);
}

/**
 * A stream as base64. Returns `null` if it has more than `limitBytes`, and throws if the last byte
 * takes longer than `timeoutMs`; the rest is then cancelled. At most one piece of the stream is in
 * memory as bytes.
 */
export async function readAsBase64(
  body: ReadableStream<Uint8Array>,
  limitBytes: number,
  timeoutMs: number,
): Promise<string | null> {
  let base64 = "";
  let size = 0;
  let rest = new Uint8Array();
  for await (const piece of chunksOf(body, timeoutMs)) {
    size += piece.byteLength;
    if (size > limitBytes) return null;
    const bytes = new Uint8Array(rest.length + piece.length);
    bytes.set(rest);
    bytes.set(piece, rest.length);
    // Three bytes are four characters: only whole groups can be encoded before the end is known.
    const whole = bytes.length - (bytes.length % 3);
    base64 += toBase64(bytes.subarray(0, whole));
    rest = bytes.slice(whole);
  }
  return base64 + toBase64(rest);
}
