// Keys derived from the Worker's own secret: HKDF-SHA256 (RFC 5869) with the purpose as `info`.
// Each purpose has its own key, so that data sealed or signed for one is invalid for another.

/** The use of a key. */
type Purpose = "social-transaction" | "local-provider-code" | "access-token";

/** Derives the 32-byte key of `purpose`. */
export async function deriveKey(secret: string, purpose: Purpose): Promise<Uint8Array<ArrayBuffer>> {
  const utf8 = new TextEncoder();
  const material = await crypto.subtle.importKey("raw", utf8.encode(secret), "HKDF", false, ["deriveBits"]);
  const parameters = {
    name: "HKDF",
    hash: "SHA-256",
    salt: utf8.encode("stackbilt-auth/v1"),
    info: utf8.encode(purpose),
  };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, material, 256));
}
