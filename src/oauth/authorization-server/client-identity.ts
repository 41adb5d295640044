// The client as far as it can be known: the name that it chose, the domain that it has proven, and
// the address that responses go to. The address is what counts; the name proves nothing.
import type { ClientInfo } from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { cleanName } from "./client-name.ts";
import { hostnameOf, isLoopbackHost, unicodeHost } from "./hosts.ts";

export const ClientIdentity = v.object({
  /** Cleaned for display. */
  name: v.string(),
  /**
   * Host of the client's metadata document, proven by fetching it; `null` for a client that
   * registered itself.
   */
  domain: v.nullable(v.string()),
});
export type ClientIdentity = Readonly<v.InferOutput<typeof ClientIdentity>>;

/** The place that a redirect URI leads to. */
export interface Destination {
  /** Host in ASCII (punycode), with a port unless it is the scheme's own. */
  readonly host: string;
  /** True on the user's own computer. */
  readonly isLoopback: boolean;
  /**
   * The host name decoded from punycode: its letters can look like others. `null` for a plain ASCII
   * host.
   */
  readonly unicodeHost: string | null;
}

/** The identity of `client`. Only a client id that is a metadata document's URL proves a domain. */
export function identify(client: ClientInfo): ClientIdentity {
  const url = client.clientId.startsWith("https://") ? URL.parse(client.clientId) : null;
  return { name: cleanName(client.clientName ?? "") || "Unnamed application", domain: url?.hostname ?? null };
}

/** The destination of `redirectUri`, which the library has validated. */
export function destinationOf(redirectUri: string): Destination {
  const url = new URL(redirectUri);
  const hostname = hostnameOf(url);
  const host = url.port === "" ? hostname : `${hostname}:${url.port}`;
  return { host, isLoopback: isLoopbackHost(hostname), unicodeHost: unicodeHost(hostname) };
}

/**
 * True if an error may redirect the browser to `redirectUri` without a click (RFC 9700 section
 * 4.11.2): a loopback host, or the host that the client's own metadata document proves. Any other
 * address would make this an open redirector.
 */
export function isRedirectTrusted({ domain }: ClientIdentity, redirectUri: string): boolean {
  const hostname = hostnameOf(new URL(redirectUri));
  return isLoopbackHost(hostname) || (domain !== null && hostname === domain);
}
