// Client ids that may be looked up. A URL is a metadata document to fetch (CIMD,
// draft-ietf-oauth-client-id-metadata-document); anything else is a key in storage.
import { isAtHostOf, isIpAddress } from "./hosts.ts";

/** Ids made by the library have 16 characters. */
const MAX_ID_LENGTH = 64;
const MAX_DOCUMENT_URL_LENGTH = 512;
/**
 * Last labels that are no public name: special-use names (RFC 6761, 6762, 7686, 8375 and 9476,
 * ICANN's `.internal`), and those that private networks use.
 */
const RESERVED =
  /\.(alt|arpa|corp|example|home|internal|intranet|invalid|lan|local|localdomain|localhost|mail|onion|private|test)$/;
/** Public names that lead to the address written in them, or to loopback. */
const ADDRESS_SERVICES =
  /(^|\.)(1u\.ms|backname\.io|lacolhost\.com|lcl\.host|local-ip\.(co|sh)|local\.gd|localdev\.me|localho\.st|localhost\.direct|localtest\.me|lvh\.me|nip\.io|plex\.direct|rbndr\.us|sslip\.io|traefik\.me|vcap\.me|xip\.io)$/;
/** An IPv4 address within a name, with dots or hyphens. */
const ADDRESS_IN_NAME = /(^|[.-])(\d{1,3}[.-]){3}\d{1,3}([.-]|$)/;

/**
 * True if `url` may be fetched as a metadata document: https on the default port, at a public host
 * name other than our own, and spelled as `URL` spells it, so that no parser reads another address
 * in it. Stops server-side request forgery: a stranger cannot aim this server at other machines.
 */
export function isDocumentUrlAcceptable(url: string, ownOrigins: readonly string[]): boolean {
  const parsed = url.length <= MAX_DOCUMENT_URL_LENGTH ? URL.parse(url) : null;
  if (parsed?.protocol !== "https:" || parsed.href !== url || url.includes("#")) return false;
  if (parsed.port !== "" || parsed.username !== "" || parsed.password !== "") return false;
  const { hostname } = parsed;
  const isPublicName = /\.[a-z][a-z0-9-]*$/.test(hostname) && !RESERVED.test(hostname);
  const hasAddress = isIpAddress(hostname) || ADDRESS_IN_NAME.test(hostname) || ADDRESS_SERVICES.test(hostname);
  return isPublicName && !hasAddress && !isAtHostOf(ownOrigins, parsed);
}

/**
 * True if `clientId` may be looked up: short enough for a storage key, or the URL of a document
 * that may be fetched. The library fetches anything that `URL` reads as https, so a colon is
 * allowed in a document URL only.
 */
export function isClientIdAcceptable(clientId: string, isCimdEnabled: boolean, ownOrigins: readonly string[]): boolean {
  if (clientId.includes(":")) return isCimdEnabled && isDocumentUrlAcceptable(clientId, ownOrigins);
  return clientId.length <= MAX_ID_LENGTH;
}
