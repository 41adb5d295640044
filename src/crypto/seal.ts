// Sealed text: AES-256-GCM as `<kid>.<iv>.<ciphertext>`, bound to a context (additional data), so
// that text sealed for one purpose cannot be used for another. Sealed with the current key, opened
// with the current or the previous one.
import { fromBase64url, toBase64url } from "../../contracts/rpc/encoding.ts";

export interface SealingKey {
  readonly kid: string;
  readonly key: CryptoKey;
}

/** The current key, then the one before the last rotation if there is one. */
export type KeyRing = readonly [SealingKey, ...SealingKey[]];

/** Imports 32 raw bytes. */
export async function importSealingKey(kid: string, raw: Uint8Array<ArrayBuffer>): Promise<SealingKey> {
  return { kid, key: await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]) };
}

/** Seals `plain` for `context` with the current key. */
export async function seal([{ kid, key }]: KeyRing, plain: string, context: string): Promise<string> {
  const text = new TextEncoder();
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const parameters = { name: "AES-GCM", iv, additionalData: text.encode(context) };
  const sealed = await crypto.subtle.encrypt(parameters, key, text.encode(plain));
  return `${kid}.${toBase64url(iv)}.${toBase64url(new Uint8Array(sealed))}`;
}

/**
 * The text sealed for exactly this `context`. `null` if forged, damaged, sealed for another context
 * or with an unknown key.
 */
export async function unseal(keys: KeyRing, sealed: string, context: string): Promise<string | null> {
  const [, kid, iv, body] = /^([0-9a-f]{8})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,})$/.exec(sealed) ?? [];
  const known = keys.find((key) => key.kid === kid);
  if (!known || !iv || !body) return null;
  try {
    const parameters = { name: "AES-GCM", iv: fromBase64url(iv), additionalData: new TextEncoder().encode(context) };
    return new TextDecoder().decode(await crypto.subtle.decrypt(parameters, known.key, fromBase64url(body)));
  } catch {
    return null;
  }
}
