// Short-lived state that a browser carries for this Worker: encrypted, so that the browser can
// neither read nor forge it. Compact JWE (RFC 7516) with direct A256GCM. Each purpose has its own
// key, so that a value sealed for one purpose does not open for another.
import { EncryptJWT, jwtDecrypt } from "jose";
import * as v from "valibot";
import { deriveKey } from "./derived-key.ts";

/** The Worker's secret, and the purpose that its key is derived for. */
export interface SealKey {
  readonly secret: string;
  readonly purpose: "social-transaction" | "local-provider-code";
}

/**
 * Seals `content` until `expiresAt`, in seconds since the Unix epoch. The result fits into a cookie
 * or a URL.
 */
export async function seal(key: SealKey, content: object, expiresAt: number): Promise<string> {
  const token = new EncryptJWT({ content })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setExpirationTime(expiresAt);
  return token.encrypt(await deriveKey(key.secret, key.purpose));
}

/**
 * Returns the sealed content, or `null` if it is forged, expired, of another purpose or of another
 * shape.
 */
export async function unseal<S extends v.GenericSchema>(
  key: SealKey,
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
  // All failures mean the same: this Worker did not seal the value, or it has expired.
  const opened = await jwtDecrypt(sealed, await deriveKey(key.secret, key.purpose), options).catch(() => null);
  const parsed = v.safeParse(schema, opened?.payload.content);
  return parsed.success ? parsed.output : null;
}
