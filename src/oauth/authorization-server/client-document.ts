// A client's metadata document (CIMD), fetched and judged before the library is asked about the client: the library follows
// redirects, takes any media type, believes what it is sent, and then fetches the document again by itself. A host that shows the
// two of them different documents, or redirects only the second, gets past this; where the library can be led then is kept to
// public addresses by the compatibility flag `global_fetch_strictly_public`, and what it takes is still its own 5 KB of valid JSON.
import * as v from "valibot";
import { readUpTo } from "../../limits/bounded-read.ts";
import { consume } from "../../limits/rate-limits.ts";
import { type BrowserRequest, ownOrigins } from "../browser/browser-request.ts";
import { refuse, tooMany } from "../browser/error-pages.ts";
import { isDocumentUrlAcceptable, type RegistrationProblem, registrationProblem } from "./registration.ts";

/** `broken`: not a document that a client can be known by. `unread`: nothing is known of it at the moment. */
export type ClientDocumentValidation =
  | { readonly state: "usable" }
  | { readonly state: "broken" }
  | { readonly state: "unread"; readonly status: 429 | 503; readonly retryAfterSeconds: number };

const DOCUMENT_LIMIT_BYTES = 5_120;
const FETCH_TIMEOUT_MS = 5_000;
const UNREACHABLE_RETRY_SECONDS = 30;
/** For how long a document that was good is taken to be so: one sign-in asks several times. */
const FRESH_MS = 60_000;
const REMEMBERED_LIMIT = 500;

/** Documents that were good when this isolate last fetched them, and when that was, the oldest first. */
const goodAtMs = new Map<string, number>();

/**
 * Whether a client, whose id must be one that `isClientIdAcceptable`, can be known by its document. A client that registered has none,
 * and is always `usable`. `timeoutMs` is for the document's whole way here.
 */
export async function validateClientDocument(
  visit: BrowserRequest,
  clientId: string,
  timeoutMs = FETCH_TIMEOUT_MS,
): Promise<ClientDocumentValidation> {
  const { env, config, trace } = visit;
  const host = URL.parse(clientId)?.host;
  if (host === undefined) return { state: "usable" };
  const knownAtMs = goodAtMs.get(clientId);
  if (knownAtMs !== undefined && Date.now() - knownAtMs < FRESH_MS) return { state: "usable" };
  // Not for documents that were good before: nobody can keep a client out by naming others of its host.
  const wait = knownAtMs === undefined ? await consume(env, trace, "document", host) : 0;
  if (wait > 0) return { state: "unread", status: 429, retryAfterSeconds: wait };

  const problem = await problemWithDocument(clientId, ownOrigins(config), timeoutMs);
  if (problem === null) {
    remember(clientId);
    return { state: "usable" };
  }
  // The host is as `URL` spells it, and the reason one of ours: nothing of the document's own words is logged.
  console.warn(JSON.stringify({ event: "oauth.document_refused", host, reason: problem, traceId: trace.traceId }));
  if (problem === "unreachable") return { state: "unread", status: 503, retryAfterSeconds: UNREACHABLE_RETRY_SECONDS };
  goodAtMs.delete(clientId);
  return { state: "broken" };
}

/** The page for a client that cannot be known by its document; `null` where it can. */
export async function documentRefusal(visit: BrowserRequest, clientId: string): Promise<Response | null> {
  const verdict = await validateClientDocument(visit, clientId);
  if (verdict.state === "usable") return null;
  return verdict.state === "unread" && verdict.status === 429
    ? tooMany(visit, verdict.retryAfterSeconds)
    : uncheckedApp(visit);
}

/** A page without a word of the app's. */
export function uncheckedApp(visit: BrowserRequest): Response {
  const text =
    "Its description could not be read, or describes another app. Wait a moment, then start again from your app.";
  return refuse(visit, 400, "This app could not be checked", text);
}

function remember(clientId: string): void {
  goodAtMs.delete(clientId);
  goodAtMs.set(clientId, Date.now());
  const [oldest] = goodAtMs.keys();
  if (goodAtMs.size > REMEMBERED_LIMIT && oldest !== undefined) goodAtMs.delete(oldest);
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
    const bytes = await readUpTo(response.body, DOCUMENT_LIMIT_BYTES);
    return bytes === null ? "too_large" : problemWithContent(parsed(bytes), clientId, own);
  } catch {
    // Whatever a stranger's server makes `fetch` throw is in its words, not ours.
    return "unreachable";
  }
}

function problemWithResponse({ status, headers }: Response): Problem | null {
  if (status >= 500 || status === 429) return "unreachable";
  if (status >= 300 && status < 400) return "redirected";
  if (status !== 200) return "status";
  return /^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(headers.get("Content-Type") ?? "") ? null : "media_type";
}

/** `undefined` for what is not JSON in UTF-8. */
function parsed(bytes: Uint8Array): unknown {
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
/** Members that only private and symmetric keys have (RFC 7518 sections 6.2.2, 6.3.2 and 6.4). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

function problemWithContent(content: unknown, clientId: string, own: readonly string[]): Problem | null {
  const { success, output } = v.safeParse(Document, content);
  if (!success) return "malformed";
  const { client_id, token_endpoint_auth_method: method = "none", jwks_uri, jwks } = output;
  if (client_id !== clientId) return "client_id";
  const problem = registrationProblem(output, own);
  if (problem) return problem.code;
  // A document is public: a secret in it, or a method that takes one, proves nothing.
  if ([method, ...Object.keys(output)].some((word) => word.startsWith("client_secret"))) return "shared_secret";
  if (jwks_uri !== undefined && !isDocumentUrlAcceptable(jwks_uri, own)) return "jwks_uri";
  return jwks?.keys.some((key) => PRIVATE_MEMBERS.some((member) => member in key)) ? "private_key" : null;
}
