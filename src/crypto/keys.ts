// Keys derived from the root secret: HKDF-SHA256 (RFC 5869), salt "gw/v1", the label as info. One
// label for one purpose: a cookie key opens no form, and the identity key of one backend is useless
// at another. The root secret itself signs and seals nothing.
import type { Audience } from "../../contracts/backends.ts";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import { type IdentityKey, importIdentityKey } from "../../contracts/rpc/identity-token.ts";

/**
 * The purpose of a key. `tx`: transactions of a browser; `session`: signed-in browsers; `browser`:
 * browsers in which an account has signed in before; `csrf`: forms; `social`: sign-in state at a
 * provider; `state`: state of multi round-trip requests; `task`: ids of tasks; `mcp-session`: ids
 * of MCP sessions; `audit`: checkpoints of the audit log; `assert:*`: identity tokens.
 */
export type KeyLabel =
  | "tx"
  | "session"
  | "browser"
  | "csrf"
  | "social"
  | "state"
  | "task"
  | "mcp-session"
  | "audit"
  | `assert:${Audience}`;

/** A root secret, ready to derive from. */
export interface RootKey {
  /**
   * Names the secret without revealing it: the first 8 hexadecimal digits of SHA-256("kid" |
   * secret).
   */
  readonly kid: string;
  readonly material: CryptoKey;
}

/** Imports a root secret. */
export async function importRootKey(secret: string): Promise<RootKey> {
  const text = new TextEncoder();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text.encode(`kid${secret}`)));
  const kid = Array.from(digest.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { kid, material: await crypto.subtle.importKey("raw", text.encode(secret), "HKDF", false, ["deriveBits"]) };
}

/** 32 bytes for `label`. */
export async function deriveBytes(root: RootKey, label: KeyLabel): Promise<Uint8Array<ArrayBuffer>> {
  const text = new TextEncoder();
  const parameters = { name: "HKDF", hash: "SHA-256", salt: text.encode("gw/v1"), info: text.encode(label) };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, root.material, 256));
}

/** The key that signs identity tokens for `audience`. */
export async function deriveIdentityKey(root: RootKey, audience: Audience): Promise<IdentityKey> {
  return importIdentityKey(root.kid, await deriveBytes(root, `assert:${audience}`));
}

/**
 * The `IDENTITY_KEYS` secret of a backend: its keys under each root secret, the current one first.
 */
export async function identityKeysSetting(secrets: readonly string[], audience: Audience): Promise<string> {
  const entries = secrets.map(async (secret) => {
    const root = await importRootKey(secret);
    return `${root.kid}:${toBase64url(await deriveBytes(root, `assert:${audience}`))}`;
  });
  return (await Promise.all(entries)).join(",");
}
