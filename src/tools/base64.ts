// Base64 with padding (RFC 4648 section 4), for megabytes: built from large pieces, since a string a byte is slow and big.

const PIECE = 0x8000;

/** The bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += PIECE) binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(binary);
}
