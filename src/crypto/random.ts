// Unguessable text.
import { toBase64url } from "../../contracts/rpc/encoding.ts";

/** `bytes` random bytes as base64url. */
export function randomText(bytes: number): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(bytes)));
}
