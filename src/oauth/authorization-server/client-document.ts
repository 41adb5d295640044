// Client metadata documents (CIMD, draft-ietf-oauth-client-id-metadata-document): fetched within
// limits and validated. The library fetches a document again by itself, follows redirects, and
// takes any media type; `confineLibraryFetch` gives it what was validated here instead.
import * as v from "valibot";
import { logWarning } from "../../../contracts/log.ts";
import { wellFormed } from "../../../contracts/rpc/well-formed.ts";
import type { RequestContext } from "../../context.ts";
import { readUpTo } from "../../limits/bounded-read.ts";
import { consume } from "../../limits/rate-limits.ts";
import { isDocumentUrlAcceptable } from "./client-id.ts";
import { ownOrigins } from "./hosts.ts";
import {
  type ClientMetadata,
  type RegistrationProblem,
  registrationProblem,
  usedMetadata,
} from "./registration-rules.ts";

/**
 * `unusable`: the document cannot identify a client. `unread`: it could not be fetched now, try
 * again.
 */
export type ClientDocumentValidation =
  | { readonly state: "usable" }
  | { readonly state: "unusable" }
  | { readonly state: "unread"; readonly status: 429 | 503; readonly retryAfterSeconds: number };

const MAX_DOCUMENT_BYTES = 5_120;
const FETCH_TIMEOUT_MS = 5_000;
const UNREACHABLE_RETRY_SECONDS = 30;
/**
 * Time for which a usable document is not fetched again at /token and by the library. Where the
 * user is asked, or an approval stands for the user, each request fetches it.
 */
const FRESH_MS = 60_000;
const MAX_CACHED_DOCUMENTS = 500;

const AUTH = "token_endpoint_auth";
const FIELDS = [
  ...["client_id", "client_name", "redirect_uris", "grant_types", "response_types", "jwks", "jwks_uri"],
  ...[`${AUTH}_method`, `${AUTH}_methods_supported`, `${AUTH}_signing_alg`, `${AUTH}_signing_alg_values_supported`],
];

interface UsableDocument {
  readonly metadata: ClientMetadata;
  readonly validatedAtMs: number;
}

/** Usable documents of this isolate by client id, the oldest first. */
const usableDocuments = new Map<string, UsableDocument>();

/** The network, for tests to replace: the global `fetch` is the library's. */
export const network = { fetch: globalThis.fetch.bind(globalThis) };

/** A request that names a client. */
export interface ClientRequest {
  readonly clientId: string;
  /** The address that the request comes from, as rate limits count it. */
  readonly address: string;
}

interface Freshness {
  /** Age up to which a document is not fetched again, in milliseconds. */
  readonly maxAgeMs?: number;
  /** Time for the response including its body. */
  readonly timeoutMs?: number;
}

/**
 * Validates the document of a client whose id `isClientIdAcceptable` allows. A registered client
 * has no document and is always `usable`.
 */
export async function validateClientDocument(
  context: RequestContext,
  { clientId, address }: ClientRequest,
  { maxAgeMs = FRESH_MS, timeoutMs = FETCH_TIMEOUT_MS }: Freshness = {},
): Promise<ClientDocumentValidation> {
  const host = URL.parse(clientId)?.host;
  if (host === undefined) return { state: "usable" };
  const known = usableDocuments.get(clientId);
  if (known && isYounger(known, maxAgeMs)) return { state: "usable" };
  // Documents that were usable before do not count.
  const wait = known === undefined ? await consume(context, "document", `${address} ${host}`) : 0;
  if (wait > 0) return { state: "unread", status: 429, retryAfterSeconds: wait };

  const read = await readDocument(clientId, ownOrigins(context.config), timeoutMs);
  if (typeof read !== "string") return { state: "usable" };
  // The host is as `URL` spells it and the reason is ours: no words of the document reach the log.
  const { traceId } = context.trace;
  logWarning("oauth.document_refused", { host, reason: read, traceId });
  return read === "unreachable"
    ? { state: "unread", status: 503, retryAfterSeconds: UNREACHABLE_RETRY_SECONDS }
    : { state: "unusable" };
}

/**
 * Makes the global `fetch`, which only the library uses, answer with validated documents. Of the
 * network it reaches the key sets that such a document names, and follows no redirect. Documents
 * that this isolate has not validated within a minute, as in the object of a grant, are validated
 * first.
 */
export function confineLibraryFetch(own: readonly string[]): void {
  globalThis.fetch = async function libraryFetch(target, init) {
    const url = String(target instanceof Request ? target.url : target);
    const isKeySet = [...usableDocuments.values()].some(({ metadata }) => metadata.jwks_uri === url);
    if (isKeySet) return network.fetch(url, { ...init, redirect: "manual" });
    if (!isDocumentUrlAcceptable(url, own)) return new Response(null, { status: 403 });
    const known = usableDocuments.get(url);
    const read = known && isYounger(known, FRESH_MS) ? known.metadata : await readDocument(url, own, FETCH_TIMEOUT_MS);
    return typeof read === "string" ? new Response(null, { status: 502 }) : Response.json(read);
  };
}

function isYounger({ validatedAtMs }: UsableDocument, ageMs: number): boolean {
  return Date.now() - validatedAtMs < ageMs;
}

/** Has the library's next look-up of this client fetch its document again. */
export function expireClientDocument(clientId: string): void {
  const known = usableDocuments.get(clientId);
  if (known) usableDocuments.set(clientId, { ...known, validatedAtMs: 0 });
}

type Problem =
  | ("unreachable" | "redirected" | "status" | "media_type" | "too_large")
  | ("malformed" | "client_id" | "shared_secret" | "jwks_uri" | "private_key" | RegistrationProblem["code"]);

/** The metadata that is used of a document, which is then cached; or the problem with it. */
async function readDocument(
  clientId: string,
  own: readonly string[],
  timeoutMs: number,
): Promise<ClientMetadata | Problem> {
  const read = await fetchDocument(clientId, own, timeoutMs);
  if (read === "unreachable") return read;
  usableDocuments.delete(clientId);
  if (typeof read === "string") return read;
  usableDocuments.set(clientId, { metadata: read, validatedAtMs: Date.now() });
  const [oldest] = usableDocuments.keys();
  if (usableDocuments.size > MAX_CACHED_DOCUMENTS && oldest !== undefined) usableDocuments.delete(oldest);
  return read;
}

async function fetchDocument(
  clientId: string,
  own: readonly string[],
  timeoutMs: number,
): Promise<ClientMetadata | Problem> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = { Accept: "application/json", "User-Agent": "stackbilt-mcp-gateway" };
    const response = await network.fetch(clientId, { redirect: "manual", headers, signal });
    const problem = problemWithResponse(response);
    if (problem !== null) {
      await response.body?.cancel();
      return problem;
    }
    const bytes = await readUpTo(response.body, MAX_DOCUMENT_BYTES);
    return bytes === null ? "too_large" : metadataIn(parseJson(bytes), clientId, own);
  } catch {
    // The error's words can be those of a stranger's server.
    return "unreachable";
  }
}

function problemWithResponse({ status, headers }: Response): Problem | null {
  if (status >= 500 || status === 429) return "unreachable";
  if (status >= 300 && status < 400) return "redirected";
  if (status !== 200) return "status";
  return /^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(headers.get("Content-Type") ?? "") ? null : "media_type";
}

/** `undefined` if `bytes` are not JSON in UTF-8. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return wellFormed(JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes)));
  } catch {
    return undefined;
  }
}

const Content = v.record(v.string(), v.unknown());
const Document = v.looseObject({
  client_id: v.string(),
  client_name: v.string(),
  token_endpoint_auth_method: v.optional(v.string()),
  jwks_uri: v.optional(v.string()),
  jwks: v.optional(v.object({ keys: v.array(v.record(v.string(), v.unknown())) })),
});
/** Members of private and symmetric keys only (RFC 7518 sections 6.2.2, 6.3.2 and 6.4). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

function metadataIn(content: unknown, clientId: string, own: readonly string[]): ClientMetadata | Problem {
  const fields = v.safeParse(Content, content);
  if (!fields.success) return "malformed";
  const document = v.safeParse(Document, usedMetadata(fields.output, FIELDS));
  if (!document.success) return "malformed";
  const { client_id, token_endpoint_auth_method: method = "none", jwks_uri, jwks } = document.output;
  if (client_id !== clientId) return "client_id";
  const problem = registrationProblem(document.output, own);
  if (problem) return problem.code;
  // A document is public: a secret in it, or a method that uses one, proves nothing.
  if ([method, ...Object.keys(fields.output)].some((word) => word.startsWith("client_secret"))) return "shared_secret";
  if (jwks_uri !== undefined && !isDocumentUrlAcceptable(jwks_uri, own)) return "jwks_uri";
  const hasPrivateKey = jwks?.keys.some((key) => PRIVATE_MEMBERS.some((member) => member in key));
  return hasPrivateKey ? "private_key" : document.output;
}
