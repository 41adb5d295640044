// Client addresses for tests: limits are counted by address, and all tests share one machine. The
// local runtime trusts this header; in production Cloudflare overwrites what a client sends.

/** The header that holds the client's address. */
export const ADDRESS_HEADER = "CF-Connecting-IP";

/** An address that no other test uses. */
export function newAddress(): string {
  return `10.${crypto.getRandomValues(new Uint8Array(3)).join(".")}`;
}

/** A copy of the headers, with `address` unless they name one. */
export function withAddress(given: HeadersInit | undefined, address: string = newAddress()): Headers {
  const headers = new Headers(given);
  if (!headers.has(ADDRESS_HEADER)) headers.set(ADDRESS_HEADER, address);
  return headers;
}
