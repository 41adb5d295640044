// Questions about a host. All take `URL.hostname`, which has already brought every spelling of an
// address to one form.
import { domainToUnicode } from "node:url";
import type { Config } from "../../config.ts";

/** Origins of the gateway and its auth Worker: no client may have a response sent there. */
export function ownOrigins({ issuer, authBaseUrl }: Config): readonly string[] {
  return [issuer, authBaseUrl];
}

/** True for `localhost`, 127.0.0.0/8 and `[::1]`. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** True for IPv4 in its canonical form of four numbers, and for IPv6. */
export function isIpAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * The host with its punycode labels (RFC 3492) decoded, as an address bar may show it. `null` if it
 * has none. For display only: every decision uses the ASCII form.
 */
export function unicodeHost(hostname: string): string | null {
  const decoded = domainToUnicode(hostname);
  return decoded === "" || decoded === hostname ? null : decoded;
}
