// Which clients may register themselves (RFC 7591): limits on what is stored and shown, and no redirect to the gateway itself.
// Fields that nobody knows are let through, a client must not fail for one of them.
import * as v from "valibot";
import { cleanName, isLoopbackHost } from "./client-identity.ts";

/** Most bytes that a registration may have. */
export const REGISTRATION_LIMIT_BYTES = 16_384;

/** Ids that the library makes have 16 characters. */
const CLIENT_ID_LIMIT = 64;
const NAME_LIMIT = 80;
const STRING_LIMIT = 512;
const LIST_LIMIT = 20;
const REDIRECTS = v.pipe(v.array(v.pipe(v.string(), v.maxLength(1024))), v.minLength(1), v.maxLength(10));

/** A refusal in the words of RFC 7591 section 3.2.2. */
export interface RegistrationProblem {
  readonly code: "invalid_redirect_uri" | "invalid_client_metadata";
  readonly description: string;
}

/** What is wrong with a registration, or `undefined`. `ownOrigins` are those of the gateway and its auth Worker. */
export function registrationProblem(
  metadata: Readonly<Record<string, unknown>>,
  ownOrigins: readonly string[],
): RegistrationProblem | undefined {
  const redirects = problemWithRedirects(metadata.redirect_uris, ownOrigins);
  if (redirects !== undefined) return { code: "invalid_redirect_uri", description: redirects };
  const description = problemWithFields(metadata);
  return description === undefined ? undefined : { code: "invalid_client_metadata", description };
}

function problemWithRedirects(given: unknown, ownOrigins: readonly string[]): string | undefined {
  const { success, output } = v.safeParse(REDIRECTS, given);
  if (!success) return "redirect_uris must be a list of 1 to 10 URIs of at most 1,024 characters each.";
  const problem = output.map((uri) => problemWithRedirect(uri, ownOrigins)).find((found) => found !== undefined);
  return (
    problem ??
    (output.some(isReachable) ? undefined : "At least one redirect URI must use https, or http on a loopback host.")
  );
}

/** Private schemes (`cursor://`) may stand in the list: no request can use them, but refusing them would refuse the whole client. */
function problemWithRedirect(uri: string, ownOrigins: readonly string[]): string | undefined {
  const url = URL.parse(uri);
  if (!url) return "A redirect URI is not a URI.";
  if (/%[01][0-9a-f]/i.test(uri)) return "A redirect URI contains an encoded control character.";
  if (url.protocol !== "https:" && url.protocol !== "http:") return undefined;
  const isNobodys = url.hostname.includes("*") || (isIpAddress(url.hostname) && !isLoopbackHost(url.hostname));
  if (isNobodys) return "A redirect URI must name its host: no wildcard, no IP address.";
  if (ownOrigins.includes(url.origin)) return "A redirect URI must not lead back to this server.";
  return undefined;
}

function isReachable(uri: string): boolean {
  const url = URL.parse(uri);
  return url?.protocol === "https:" || (url?.protocol === "http:" && isLoopbackHost(url.hostname));
}

function problemWithFields({
  redirect_uris: _,
  client_name: name,
  ...others
}: Readonly<Record<string, unknown>>): string | undefined {
  if (name !== undefined && (typeof name !== "string" || cleanName(name) === "" || [...name].length > NAME_LIMIT)) {
    return `client_name must be readable text of 1 to ${NAME_LIMIT} characters.`;
  }
  const translated = Object.keys(others).filter((field) => field.includes("#"));
  const lists = [translated, ...Object.values(others).map((value) => [value].flat())];
  const isTooLong = lists.some(
    (list) => list.length > LIST_LIMIT || list.some((item) => typeof item === "string" && item.length > STRING_LIMIT),
  );
  return isTooLong
    ? `A field has more than ${STRING_LIMIT} characters, ${LIST_LIMIT} entries or ${LIST_LIMIT} translations.`
    : undefined;
}

/** `URL` has already brought every spelling of an IPv4 address to four numbers. */
function isIpAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * Whether a client id may be fetched as a metadata document (CIMD): https on the default port, at a named public host that is not
 * our own, at most 512 characters, and spelled as `URL` spells it, so that nobody reads another address in it. Keeps requests of
 * strangers from turning this server against other machines.
 */
export function isDocumentUrlAcceptable(clientId: string, ownOrigins: readonly string[]): boolean {
  const url = clientId.length <= 512 ? URL.parse(clientId) : null;
  if (url?.protocol !== "https:" || url.href !== clientId || clientId.includes("#")) return false;
  if (url.port !== "" || url.username !== "" || url.password !== "") return false;
  const { hostname } = url;
  const isPublicName = /\.[a-z][a-z0-9-]*$/.test(hostname) && !/\.(local|localhost|internal)$/.test(hostname);
  return isPublicName && !isIpAddress(hostname) && !ownOrigins.includes(url.origin);
}

/**
 * Whether a client id is worth looking up: short enough for a storage key, or a document's URL that may be fetched. The library
 * takes whatever `URL` reads as https for such a URL, so nothing else may hold a colon.
 */
export function isClientIdAcceptable(clientId: string, isCimdEnabled: boolean, ownOrigins: readonly string[]): boolean {
  if (clientId.includes(":")) return isCimdEnabled && isDocumentUrlAcceptable(clientId, ownOrigins);
  return clientId.length <= CLIENT_ID_LIMIT;
}
