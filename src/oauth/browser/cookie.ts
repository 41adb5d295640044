// `Set-Cookie` values of the pages. Lax, because a Strict cookie would be missing on the way back
// from an identity provider.

export function setCookie(name: string, value: string, maxAgeSeconds: number): string {
  return `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}`;
}

/** Deletes the cookie in the browser. */
export function clearCookie(name: string): string {
  return setCookie(name, "", 0);
}
