// Rules for clients that register themselves (RFC 7591): limits on what is stored and shown, and no
// redirect to the gateway itself. Unknown fields pass, because a client must not fail for one.
import * as v from "valibot";
import { cleanName } from "./client-name.ts";
import { isAtHostOf, isIpAddress, isLoopbackHost } from "./hosts.ts";

/** Largest body of a registration. */
export const MAX_REGISTRATION_BYTES = 16_384;

const MAX_NAME_LENGTH = 80;
const MAX_STRING_LENGTH = 512;
const MAX_ENTRIES = 20;
const REDIRECTS = v.pipe(v.array(v.pipe(v.string(), v.maxLength(1024))), v.minLength(1), v.maxLength(10));

/** A refusal with a code of RFC 7591 section 3.2.2. */
export interface RegistrationProblem {
  readonly code: "invalid_redirect_uri" | "invalid_client_metadata";
  readonly description: string;
}

/** The first problem with a registration; `undefined` if it is acceptable. */
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
  if (problem !== undefined) return problem;
  return output.some(isUsable) ? undefined : "At least one redirect URI must use https, or http on a loopback host.";
}

/**
 * A private-use scheme (`cursor://`) may be listed. No request can use it, but refusing it would
 * refuse the whole client.
 */
function problemWithRedirect(uri: string, ownOrigins: readonly string[]): string | undefined {
  const url = URL.parse(uri);
  if (!url) return "A redirect URI is not a URI.";
  if (/%[01][0-9a-f]/i.test(uri)) return "A redirect URI contains an encoded control character.";
  if (url.protocol !== "https:" && url.protocol !== "http:") return undefined;
  const isUnnamed = url.hostname.includes("*") || (isIpAddress(url.hostname) && !isLoopbackHost(url.hostname));
  if (isUnnamed) return "A redirect URI must name its host: no wildcard, no IP address.";
  if (isAtHostOf(ownOrigins, url)) return "A redirect URI must not lead back to this server.";
  return undefined;
}

function isUsable(uri: string): boolean {
  const url = URL.parse(uri);
  return url?.protocol === "https:" || (url?.protocol === "http:" && isLoopbackHost(url.hostname));
}

function problemWithFields({
  redirect_uris: _,
  client_name: name,
  ...others
}: Readonly<Record<string, unknown>>): string | undefined {
  if (name !== undefined && !isNameUsable(name))
    return `client_name must be readable text of 1 to ${MAX_NAME_LENGTH} characters.`;
  const translated = Object.keys(others).filter((field) => field.includes("#"));
  const lists = [translated, ...Object.values(others).map((value) => [value].flat())];
  return lists.some(isTooLong)
    ? `A field has more than ${MAX_STRING_LENGTH} characters, ${MAX_ENTRIES} entries or ${MAX_ENTRIES} translations.`
    : undefined;
}

function isNameUsable(name: unknown): boolean {
  return typeof name === "string" && cleanName(name) !== "" && [...name].length <= MAX_NAME_LENGTH;
}

function isTooLong(list: readonly unknown[]): boolean {
  return list.length > MAX_ENTRIES || list.some((item) => typeof item === "string" && item.length > MAX_STRING_LENGTH);
}
