// SHA-256 in the encoding that this Worker stores and compares, and random tokens.
import { toBase64url } from "../../contracts/rpc/encoding.ts";

/**
 * SHA-256 of the UTF-8 text, base64url; also the S256 challenge of a verifier (RFC 7636 section
 * 4.2).
 */
export async function sha256(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

/** 256 random bits, base64url: 43 characters. */
export function randomToken(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(32)));
}
