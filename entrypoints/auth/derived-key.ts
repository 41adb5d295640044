// Keys derived from the Worker's own secret: HKDF-SHA256 (RFC 5869), the purpose as info. One purpose, one key: what was sealed or
// signed for one is nothing for another.

/** What a key is for. */
type Purpose = "social-transaction" | "stand-in-code" | "access-token";

/** 32 bytes for `purpose`. */
export async function deriveKey(secret: string, purpose: Purpose): Promise<Uint8Array<ArrayBuffer>> {
  const text = new TextEncoder();
  const material = await crypto.subtle.importKey("raw", text.encode(secret), "HKDF", false, ["deriveBits"]);
  const parameters = {
    name: "HKDF",
    hash: "SHA-256",
    salt: text.encode("stackbilt-auth/v1"),
    info: text.encode(purpose),
  };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, material, 256));
}
