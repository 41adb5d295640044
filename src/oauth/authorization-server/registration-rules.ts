// Rules for the metadata of a client (RFC 7591): what of it is used, limits on what is stored and
// shown, and no redirect to the gateway itself. The rest is ignored, because a client must not fail
// for a field that means nothing here.
import * as v from "valibot";
import { cleanName } from "./client-name.ts";
import { isAtHostOf, isIpAddress, isLoopbackHost } from "./hosts.ts";

/** Largest body of a registration. A software statement can be long. */
export const MAX_REGISTRATION_BYTES = 16_384;

const MAX_NAME_LENGTH = 80;
const MAX_REDIRECTS = 20;
/** Characters of all redirect URIs together, which bounds what one registration stores. */
const MAX_REDIRECTS_LENGTH = 4_096;
const REDIRECTS = v.pipe(
  v.array(v.pipe(v.string(), v.maxLength(1024))),
  v.minLength(1),
  v.maxLength(MAX_REDIRECTS),
  v.check((uris) => uris.join("").length <= MAX_REDIRECTS_LENGTH),
);

export type ClientMetadata = Readonly<Record<string, unknown>>;

/** A refusal with a code of RFC 7591 section 3.2.2. */
export interface RegistrationProblem {
  readonly code: "invalid_redirect_uri" | "invalid_client_metadata";
  readonly description: string;
}

/**
 * The metadata among `fields`, as this server registers it (RFC 7591 section 2: a server may
 * replace values): empty values are as if absent, except redirect URIs; a long name is cut; grant
 * and response types that are not served are left out.
 */
export function usedMetadata(sent: ClientMetadata, fields: readonly string[]): ClientMetadata {
  const used = fields.map((name) => [name, usedValue(name, sent[name])] as const);
  return Object.fromEntries(used.filter(([name, value]) => name === "redirect_uris" || !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

const SERVED: Readonly<Record<string, readonly string[]>> = {
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
};

function usedValue(name: string, value: unknown): unknown {
  if (name === "client_name" && typeof value === "string") return [...value].slice(0, MAX_NAME_LENGTH).join("");
  const served = Array.isArray(value) ? SERVED[name]?.filter((item) => value.includes(item)) : undefined;
  // A client that wants nothing of what is served is told so.
  return served === undefined || served.length === 0 ? value : served;
}

/** The first problem with used metadata; `undefined` if it is acceptable. */
export function registrationProblem(
  metadata: ClientMetadata,
  ownOrigins: readonly string[],
): RegistrationProblem | undefined {
  const redirects = problemWithRedirects(metadata.redirect_uris, ownOrigins);
  if (redirects !== undefined) return { code: "invalid_redirect_uri", description: redirects };
  const { client_name: name } = metadata;
  if (name === undefined || (typeof name === "string" && cleanName(name) !== "")) return undefined;
  return { code: "invalid_client_metadata", description: "client_name must be readable text." };
}

function problemWithRedirects(given: unknown, ownOrigins: readonly string[]): string | undefined {
  const { success, output } = v.safeParse(REDIRECTS, given);
  if (!success)
    return `redirect_uris must be a list of 1 to ${MAX_REDIRECTS} URIs with at most 1,024 characters each and 4,096 together.`;
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
