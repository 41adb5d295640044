// SHA-256 as this Worker stores and compares it.
import { toBase64url } from "../../contracts/rpc/encoding.ts";

/** SHA-256 of the text's UTF-8 bytes, base64url: also the S256 challenge of a PKCE verifier (RFC 7636 section 4.2). */
export async function sha256(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

/** 256 random bits, base64url: 43 characters. */
export function randomToken(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(32)));
}
