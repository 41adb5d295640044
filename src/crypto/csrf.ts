// Proof that our own page made a form, for exactly this step and action (CSRF): an HMAC-SHA256 of
// their names.
import { fromBase64url, toBase64url } from "../../contracts/rpc/encoding.ts";
import type { Config } from "../config.ts";
import { csrfKeysOf } from "./key-ring.ts";

/** 32 bytes as base64url: a random text, a SHA-256, an HMAC. */
export const TEXT_OF_32_BYTES = /^[A-Za-z0-9_-]{43}$/;
/** The same in canonical form: the last letter has four bits of the bytes, and two that are 0. */
const PROOF = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** The proof for the form that `names` identify, made with the current key. */
export async function proofFor(config: Config, ...names: readonly string[]): Promise<string> {
  const [current] = await csrfKeysOf(config);
  return toBase64url(new Uint8Array(await crypto.subtle.sign("HMAC", current, messageOf(names))));
}

/**
 * True if `proof` was made for exactly these names, with the current or the previous key. Compared
 * in constant time.
 */
export async function isProofFor(config: Config, proof: string, ...names: readonly string[]): Promise<boolean> {
  if (!PROOF.test(proof)) return false;
  const given = fromBase64url(proof);
  const keys = await csrfKeysOf(config);
  const matches = await Promise.all(keys.map((key) => crypto.subtle.verify("HMAC", key, given, messageOf(names))));
  return matches.includes(true);
}

function messageOf(names: readonly string[]): Uint8Array {
  return new TextEncoder().encode(names.join("|"));
}
