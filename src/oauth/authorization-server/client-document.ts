// Client metadata documents (CIMD), fetched and validated before the library looks the client up:
// the library follows redirects, takes any media type and any content, and then fetches the
// document again by itself. A host that shows the two requests different documents, or redirects
// only the second, gets past this check. The second request is confined to public addresses by the
// compatibility flag `global_fetch_strictly_public`, and to the library's own 5 KB of valid JSON.
import * as v from "valibot";
import type { RequestContext } from "../../context.ts";
import { readUpTo } from "../../limits/bounded-read.ts";
import { consume } from "../../limits/rate-limits.ts";
import { isDocumentUrlAcceptable } from "./client-id.ts";
import { ownOrigins } from "./hosts.ts";
import { type RegistrationProblem, registrationProblem } from "./registration-rules.ts";

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
 * Time for which a usable document is not fetched again: one sign-in validates it several times.
 */
const FRESH_MS = 60_000;
const MAX_CACHED_DOCUMENTS = 500;

/** Time of the last successful validation in this isolate, by client id, oldest first. */
const validatedAtMs = new Map<string, number>();

/**
 * Validates the document of a client whose id `isClientIdAcceptable` allows. A registered client
 * has no document and is always `usable`. `timeoutMs` covers the response including its body.
 */
export async function validateClientDocument(
  context: RequestContext,
  clientId: string,
  timeoutMs = FETCH_TIMEOUT_MS,
): Promise<ClientDocumentValidation> {
  const host = URL.parse(clientId)?.host;
  if (host === undefined) return { state: "usable" };
  const knownAtMs = validatedAtMs.get(clientId);
  if (knownAtMs !== undefined && Date.now() - knownAtMs < FRESH_MS) return { state: "usable" };
  // Documents that were usable before do not count: naming other documents of a host must not keep
  // its real clients out.
  const wait = knownAtMs === undefined ? await consume(context, "document", host) : 0;
  if (wait > 0) return { state: "unread", status: 429, retryAfterSeconds: wait };

  const problem = await problemWithDocument(clientId, ownOrigins(context.config), timeoutMs);
  if (problem === null) {
    cacheValidation(clientId);
    return { state: "usable" };
  }
  // The host is as `URL` spells it and the reason is ours: no words of the document reach the log.
  const { traceId } = context.trace;
  console.warn(JSON.stringify({ event: "oauth.document_refused", host, reason: problem, traceId }));
  if (problem === "unreachable") return { state: "unread", status: 503, retryAfterSeconds: UNREACHABLE_RETRY_SECONDS };
  validatedAtMs.delete(clientId);
  return { state: "unusable" };
}

function cacheValidation(clientId: string): void {
  validatedAtMs.delete(clientId);
  validatedAtMs.set(clientId, Date.now());
  const [oldest] = validatedAtMs.keys();
  if (validatedAtMs.size > MAX_CACHED_DOCUMENTS && oldest !== undefined) validatedAtMs.delete(oldest);
}

type Problem =
  | ("unreachable" | "redirected" | "status" | "media_type" | "too_large")
  | ("malformed" | "client_id" | "shared_secret" | "jwks_uri" | "private_key" | RegistrationProblem["code"]);

async function problemWithDocument(
  clientId: string,
  own: readonly string[],
  timeoutMs: number,
): Promise<Problem | null> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(clientId, { redirect: "manual", headers: { Accept: "application/json" }, signal });
    const problem = problemWithResponse(response);
    if (problem !== null) {
      await response.body?.cancel();
      return problem;
    }
    const bytes = await readUpTo(response.body, MAX_DOCUMENT_BYTES);
    return bytes === null ? "too_large" : problemWithContent(parseJson(bytes), clientId, own);
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
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    return undefined;
  }
}

const Document = v.looseObject({
  client_id: v.string(),
  client_name: v.string(),
  token_endpoint_auth_method: v.optional(v.string()),
  jwks_uri: v.optional(v.string()),
  jwks: v.optional(v.object({ keys: v.array(v.record(v.string(), v.unknown())) })),
});
/** Members of private and symmetric keys only (RFC 7518 sections 6.2.2, 6.3.2 and 6.4). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

function problemWithContent(content: unknown, clientId: string, own: readonly string[]): Problem | null {
  const { success, output } = v.safeParse(Document, content);
  if (!success) return "malformed";
  const { client_id, token_endpoint_auth_method: method = "none", jwks_uri, jwks } = output;
  if (client_id !== clientId) return "client_id";
  const problem = registrationProblem(output, own);
  if (problem) return problem.code;
  // A document is public: a secret in it, or a method that uses one, proves nothing.
  if ([method, ...Object.keys(output)].some((word) => word.startsWith("client_secret"))) return "shared_secret";
  if (jwks_uri !== undefined && !isDocumentUrlAcceptable(jwks_uri, own)) return "jwks_uri";
  return jwks?.keys.some((key) => PRIVATE_MEMBERS.some((member) => member in key)) ? "private_key" : null;
}
