// Where a test's requests come from: limits are counted by address, and all tests share one machine. The local runtime takes the
// header as it is; in production Cloudflare sets it, whatever a client sends.

/** The header that says where a request came from. */
export const ADDRESS_HEADER = "CF-Connecting-IP";

/** An address that nobody has called from before. */
export function newAddress(): string {
  return `10.${crypto.getRandomValues(new Uint8Array(3)).join(".")}`;
}

/** The same headers, with an address of their own where they name none. */
export function withAddress(given: HeadersInit | undefined, address: string = newAddress()): Headers {
  const headers = new Headers(given);
  if (!headers.has(ADDRESS_HEADER)) headers.set(ADDRESS_HEADER, address);
  return headers;
}
