// A request to /token in the one spelling that the library reads. The library refuses spellings
// that RFC 6749 allows and that real clients send; none of them changes what is proven
// (docs/decisions/0015-tolerance-at-the-oauth-endpoints.md).
import { fromBase64url } from "../../../contracts/rpc/encoding.ts";
import { readParameters } from "./parameters.ts";
import { grantableScopes } from "./scopes.ts";

export interface TokenRequestForm {
  /** "Basic" credentials; `null` if the client sends none. */
  readonly authorization: string | null;
  readonly parameters: URLSearchParams;
  /** The id that the library will look up; empty if there is none, `null` if it cannot be told. */
  readonly clientId: string | null;
}

const PARAMETERS = [
  ...["client_id", "client_secret", "client_assertion", "client_assertion_type"],
  ...["grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource"],
  ...["token", "token_type_hint"],
];
/** "Basic" and the escaped URL of a document. */
const MAX_BASIC_LENGTH = 2_200;
const BASIC = /^basic[ \t]+(.*)$/i;
/** Parameters that become storage keys: user id, grant id and secret. */
const SECRETS = ["code", "refresh_token", "token"];
/** Longest code or token of ours: 114 characters. */
const MAX_SECRET_LENGTH = 256;

/** Reads a form-encoded body and the `Authorization` header, which counts only with "Basic". */
export function readTokenRequest(header: string | null, body: string): TokenRequestForm {
  const parameters = readParameters(new URLSearchParams(body), PARAMETERS);
  for (const name of SECRETS) {
    // None of ours. The library answers for a value that cannot exist, and none reaches storage.
    if ((parameters.get(name)?.length ?? 0) > MAX_SECRET_LENGTH) parameters.set(name, "-");
  }
  readScope(parameters);
  const [, encoded] = BASIC.exec(header ?? "") ?? [];
  if (header === null || encoded === undefined)
    return { authorization: null, parameters, clientId: identifiedClient(parameters) };
  return readBasic(header, encoded, parameters);
}

/**
 * A code exchange has no scope (RFC 6749 section 4.1.3), and a refresh asks for known ones, as at
 * /authorize: a client may repeat the unknown scopes of its authorization request.
 */
function readScope(parameters: URLSearchParams): void {
  const [scope, ...repeated] = parameters.getAll("scope");
  if (parameters.get("grant_type") !== "refresh_token") parameters.delete("scope");
  else if (scope !== undefined && repeated.length === 0)
    parameters.set("scope", grantableScopes(scope.split(" ")).join(" "));
}

function readBasic(header: string, encoded: string, parameters: URLSearchParams): TokenRequestForm {
  if (header.length > MAX_BASIC_LENGTH) return { authorization: header, parameters, clientId: null };
  const credentials = basicCredentials(encoded);
  // The library describes the problem.
  if (credentials === null) return { authorization: header, parameters, clientId: "" };
  const { clientId, secret } = credentials;
  // Another id stays, and is refused as a second authentication.
  if (parameters.getAll("client_id").every((repeated) => repeated === clientId)) {
    // Identifies the client only (RFC 6749 section 3.2.1). The official Python client repeats it.
    parameters.delete("client_id");
    // An empty password proves nothing: a public client that identifies itself.
    if (secret === "" && clientId !== "") {
      parameters.set("client_id", clientId);
      return { authorization: null, parameters, clientId };
    }
  }
  // A client with a document has no secret, so its document need not be fetched.
  return { authorization: header, parameters, clientId: clientId.includes(":") ? null : clientId };
}

/** `null` if they are malformed. RFC 6749 section 2.3.1: each part is form-encoded. */
function basicCredentials(encoded: string): { readonly clientId: string; readonly secret: string } | null {
  try {
    const text = atob(encoded.trim());
    const colon = text.indexOf(":");
    const [clientId = "", secret = ""] = [text.slice(0, colon), text.slice(colon + 1)].map(formDecoded);
    return colon < 0 ? null : { clientId, secret };
  } catch {
    return null;
  }
}

function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}

function identifiedClient(parameters: URLSearchParams): string | null {
  return parameters.get("client_id") ?? assertionIssuer(parameters.get("client_assertion"));
}

/** The issuer claimed by a client assertion (RFC 7523), unverified; `null` if it claims none. */
function assertionIssuer(assertion: string | null): string | null {
  if (assertion === null) return "";
  try {
    const claims: { readonly iss?: unknown } = JSON.parse(
      new TextDecoder().decode(fromBase64url(assertion.split(".")[1] ?? "")),
    );
    return typeof claims.iss === "string" ? claims.iss : null;
  } catch {
    return null;
  }
}
