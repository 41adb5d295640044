// Scopes that a grant can have, and the rules for granting them.

/** In the order in which people read them. `offline_access` only asks for a refresh token. */
export const GRANT_SCOPES = ["read", "generate", "offline_access"] as const;
export type GrantScope = (typeof GRANT_SCOPES)[number];

/**
 * The most that a client can get: the known scopes among `requested`. `read` is always included,
 * because every other scope needs it.
 */
export function grantableScopes(requested: readonly string[]): readonly GrantScope[] {
  return GRANT_SCOPES.filter((scope) => scope === "read" || requested.includes(scope));
}

/** The scopes that the user granted: never more than requested. Only `generate` is optional. */
export function grantedScopes(requested: readonly string[], ticked: readonly string[]): readonly GrantScope[] {
  return grantableScopes(requested).filter((scope) => scope !== "generate" || ticked.includes(scope));
}
