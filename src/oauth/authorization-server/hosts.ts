// Questions about a host. All take what `URL` has read, which has already brought every spelling of
// an address to one form but the trailing dot of DNS (RFC 1034 section 3.1).
import type { Config } from "../../config.ts";

/** Origins of the gateway and its auth Worker: no client may have a response sent there. */
export function ownOrigins({ issuer, authBaseUrl }: Config): readonly string[] {
  return [issuer, authBaseUrl];
}

/** The host name without a trailing dot: with it, it names the same host. */
export function hostnameOf({ hostname }: URL): string {
  return hostname.replace(/\.+$/, "");
}

/**
 * True if `url` leads to one of `origins`, in any spelling, by any scheme, and on any port. On
 * loopback each port is another program, so there the port counts.
 */
export function isAtHostOf(origins: readonly string[], url: URL): boolean {
  const hostname = hostnameOf(url);
  return origins
    .map((origin) => new URL(origin))
    .some((own) =>
      isLoopbackHost(own.hostname) ? isLoopbackHost(hostname) && url.port === own.port : hostname === own.hostname,
    );
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
 * has none. For display only: every decision uses the ASCII form. An import of `node:url` would
 * delay the start of every isolate.
 */
export function unicodeHost(hostname: string): string | null {
  const decoded = process.getBuiltinModule("node:url").domainToUnicode(hostname);
  return decoded === "" || decoded === hostname ? null : decoded;
}
