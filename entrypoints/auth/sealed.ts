// Small pieces of state that a browser keeps for us: encrypted, so that it cannot read or forge them, and good for a short time.
// Compact JWE (RFC 7516), direct A256GCM. One purpose, one key: what was sealed for one opens for no other.
import { EncryptJWT, jwtDecrypt } from "jose";
import * as v from "valibot";
import { deriveKey } from "./derived-key.ts";

type Purpose = "social-transaction" | "stand-in-code";

/** Seals `content` until `expiresAt`, seconds since the epoch. The result fits into a cookie or a URL. */
export async function seal(secret: string, purpose: Purpose, content: object, expiresAt: number): Promise<string> {
  const token = new EncryptJWT({ content })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setExpirationTime(expiresAt);
  return token.encrypt(await deriveKey(secret, purpose));
}

/** What was sealed, or `null`: not ours, for another purpose, of another shape, or too old. */
export async function unseal<S extends v.GenericSchema>(
  secret: string,
  purpose: Purpose,
  schema: S,
  sealed: string,
  nowSeconds: number,
): Promise<v.InferOutput<S> | null> {
  const options = {
    keyManagementAlgorithms: ["dir"],
    contentEncryptionAlgorithms: ["A256GCM"],
    currentDate: new Date(nowSeconds * 1000),
    requiredClaims: ["exp"],
  };
  // Every way to fail means the same: it is not ours any more, or never was.
  const opened = await jwtDecrypt(sealed, await deriveKey(secret, purpose), options).catch(() => null);
  const parsed = v.safeParse(schema, opened?.payload.content);
  return parsed.success ? parsed.output : null;
}
