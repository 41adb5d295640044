// What a form must carry to prove that our own page made it, for this very step and action (CSRF): an HMAC of their names.
import { fromBase64url, toBase64url } from "../../contracts/rpc/encoding.ts";
import type { BrowserKeys } from "./browser-keys.ts";

/** 32 bytes as base64url: a random text, a SHA-256, an HMAC. */
export const TEXT_OF_32_BYTES = /^[A-Za-z0-9_-]{43}$/;

/** The proof for the form that these names stand for, under the current key. */
export async function proofFor({ csrf: [current] }: BrowserKeys, ...names: readonly string[]): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.sign("HMAC", current, messageOf(names))));
}

/** Whether `proof` was made for exactly these names, under the current or the previous key. Compared in constant time. */
export async function isProofFor({ csrf }: BrowserKeys, proof: string, ...names: readonly string[]): Promise<boolean> {
  if (!TEXT_OF_32_BYTES.test(proof)) return false;
  const given = fromBase64url(proof);
  const matches = await Promise.all(csrf.map((key) => crypto.subtle.verify("HMAC", key, given, messageOf(names))));
  return matches.includes(true);
}

function messageOf(names: readonly string[]): Uint8Array {
  return new TextEncoder().encode(names.join("|"));
}
