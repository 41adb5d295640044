// The client that a request to /token names, read as the library reads it: credentials before
// parameters, and an empty parameter as none.
import { fromBase64url } from "../../../contracts/rpc/encoding.ts";

/** "Basic" and two short credentials. */
const MAX_AUTHORIZATION_LENGTH = 400;
const BASIC = /^basic[ \t]+(.*)$/i;

/**
 * The client id that the library will look up; empty if there is none. `null` if it cannot be told,
 * or if "Basic" credentials contain an escape: ids made here need none, and an escape could hide
 * the URL of a document, which no client with a secret has.
 */
export function requestedClientId(authorization: string, parameters: URLSearchParams): string | null {
  if (authorization.length > MAX_AUTHORIZATION_LENGTH) return null;
  const [, credentials] = BASIC.exec(authorization) ?? [];
  if (credentials !== undefined) return basicClientId(credentials);
  return firstValue(parameters, "client_id") ?? assertionIssuer(firstValue(parameters, "client_assertion"));
}

/**
 * The same parameters without a `client_id` that repeats the id of "Basic" credentials, as the
 * official Python client sends it. It identifies the client (RFC 6749 section 3.2.1), but the
 * library counts it as a second way to authenticate. Another id stays, and is refused.
 */
export function withoutRepeatedClientId(authorization: string, parameters: URLSearchParams): URLSearchParams {
  const [, credentials] = BASIC.exec(authorization) ?? [];
  const clientId = credentials === undefined ? null : basicClientId(credentials);
  return new URLSearchParams([...parameters].filter(([name, value]) => name !== "client_id" || value !== clientId));
}

function firstValue(parameters: URLSearchParams, name: string): string | undefined {
  return parameters.getAll(name).find((value) => value !== "");
}

function basicClientId(credentials: string): string | null {
  try {
    const [clientId = ""] = atob(credentials).split(":");
    return clientId.includes("%") ? null : clientId;
  } catch {
    return ""; // The library describes the problem.
  }
}

/** The issuer claimed by a client assertion (RFC 7523), unverified; `null` if it claims none. */
function assertionIssuer(assertion: string | undefined): string | null {
  if (assertion === undefined) return "";
  try {
    const claims: { readonly iss?: unknown } = JSON.parse(
      new TextDecoder().decode(fromBase64url(assertion.split(".")[1] ?? "")),
    );
    return typeof claims.iss === "string" ? claims.iss : null;
  } catch {
    return null;
  }
}
