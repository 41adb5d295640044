// Sealed text: AES-256-GCM as `<kid>.<iv>.<ciphertext>`, bound to a context (additional data), so that what was sealed for one
// purpose opens no other. Made with the current key, read with the current or the previous one.
import { fromBase64url, toBase64url } from "../../contracts/rpc/encoding.ts";

export interface SealingKey {
  readonly kid: string;
  readonly key: CryptoKey;
}

/** The current key, then the one before the last rotation where there is one. */
export type KeyRing = readonly [SealingKey, ...SealingKey[]];

/** Imports 32 raw bytes. */
export async function importSealingKey(kid: string, raw: Uint8Array<ArrayBuffer>): Promise<SealingKey> {
  return { kid, key: await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]) };
}

/** Seals `plain` for `context` with the current key. */
export async function seal([{ kid, key }]: KeyRing, plain: string, context: string): Promise<string> {
  const text = new TextEncoder();
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: text.encode(context) },
    key,
    text.encode(plain),
  );
  return `${kid}.${toBase64url(iv)}.${toBase64url(new Uint8Array(sealed))}`;
}

/** What was sealed for exactly this `context`, or `null`: forged, damaged, for something else, or under a key no longer known. */
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
