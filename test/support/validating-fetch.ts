// Node's own fetch, which validates each MCP message of a response as it passes. Violations are
// collected until the test ends (`system.ts`). Requests are not validated: tests send invalid ones.
import { OAuthErrorResponseSchema } from "@modelcontextprotocol/core";
import {
  isFields,
  MODERN,
  REVISIONS,
  type Revision,
  violationsInError,
  violationsInNotification,
  violationsInRequest,
  violationsInResult,
} from "./message-validator.ts";

type RequestId = string | number;
type Fields = Readonly<Record<string, unknown>>;

const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
const SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId";
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";

/** Statuses of refusals that may precede the reading of the message, so that they know no id. */
const BEFORE_READING = [401, 402, 403, 405, 413, 415, 429, 500, 503];

let validated = 0;
let violations: string[] = [];
/** The revision that `initialize` negotiated, by session. */
const negotiated = new Map<string, Revision>();
/**
 * Requests that their clients have cancelled, which need no response then (2025-11-25,
 * basic/utilities/cancellation).
 */
const cancelled = new Set<string>();

/** The number of messages that were validated so far. */
export function validatedMessages(): number {
  return validated;
}

/** The violations since the last call. */
export function takeViolations(): readonly string[] {
  const taken = violations;
  violations = [];
  return taken;
}

/**
 * Node's own fetch. A stream passes chunk by chunk, at the pace of its reader; any other body is
 * read to its end at once.
 */
export async function validatingFetch(target: string | URL, init: RequestInit = {}): Promise<Response> {
  const sent = parsed(textOf(init.body));
  // Before it is sent: the cancelled request may end before the response to this one.
  if (isFields(sent) && sent.method === "notifications/cancelled" && isFields(sent.params)) {
    cancelled.add(`${sent.params.requestId} ${new Headers(init.headers).get("authorization") ?? ""}`);
  }
  const response = await fetch(target, init);
  if (new URL(target).pathname !== "/mcp" || !["GET", "POST"].includes(init.method ?? "GET")) return response;
  const validator = new ResponseValidator(init, response);
  if (response.body === null || !validator.isStream) {
    // Read here, so that it is validated even if the test uses the status only.
    const text = await response.text();
    validator.read(text);
    validator.end();
    return withBody(response, response.body && text);
  }
  const decoder = new TextDecoder();
  const passing = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      validator.read(decoder.decode(chunk, { stream: true }));
    },
    // Not called if the stream breaks or its reader cancels it.
    flush: () => validator.end(),
  });
  return withBody(response, response.body.pipeThrough(passing));
}

function withBody(response: Response, body: BodyInit | null): Response {
  const { status, statusText, headers, url } = response;
  return Object.defineProperty(new Response(body, { status, statusText, headers }), "url", { value: url });
}

/** Validates the response to one HTTP request. */
class ResponseValidator {
  readonly #response: Response;
  readonly #isPost: boolean;
  readonly #isBatch: boolean;
  readonly #revision: Revision;
  /** The method of each JSON-RPC request that has no response yet. */
  readonly #open: Map<RequestId, string>;
  readonly #hasRequests: boolean;
  readonly #subscription: RequestId | undefined;
  readonly #type: string;
  readonly #bearer: string;
  #text = "";
  #seen = 0;

  constructor(init: RequestInit, response: Response) {
    const headers = new Headers(init.headers);
    const sent = parsed(textOf(init.body));
    const requests = [sent].flat().filter(isRequest);
    const [first] = requests;
    this.#response = response;
    this.#bearer = headers.get("authorization") ?? "";
    for (const { id } of requests) cancelled.delete(`${id} ${this.#bearer}`);
    this.#isPost = init.method === "POST";
    this.#isBatch = Array.isArray(sent);
    this.#open = new Map(requests.map(({ id, method }) => [id, method]));
    this.#hasRequests = requests.length > 0;
    this.#revision = revisionOf(first, headers);
    this.#subscription = first?.method === "subscriptions/listen" ? first.id : undefined;
    this.#type = (response.headers.get("content-type") ?? "").split(";", 1)[0] ?? "";
  }

  get isStream(): boolean {
    return this.#type === "text/event-stream";
  }

  /** Takes the next piece of the body. */
  read(text: string): void {
    this.#text += text;
    if (!this.isStream) return;
    const events = this.#text.split(/\r?\n\r?\n/);
    this.#text = events.pop() ?? "";
    for (const event of events) {
      const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (lines.length > 0) this.#validate(parsed(lines.map((line) => line.slice(5)).join("\n")));
    }
  }

  /** Checks what can be checked at the end of the body only. */
  end(): void {
    const { ok, status } = this.#response;
    const rest = this.#text.trim();
    if (this.#type === "application/json" && !(ok && rest === "")) this.#validateJson(parsed(rest));
    else if (this.isStream && rest !== "") this.#violation("the stream ends within an event", rest);
    else if (ok && rest !== "") this.#violation("the body is neither JSON nor an event stream", this.#type);
    const missing = [...this.#open]
      .filter(([id]) => !cancelled.has(`${id} ${this.#bearer}`))
      .map(([, method]) => method);
    if (ok && this.#isPost && missing.length > 0) this.#violation(`no response to ${missing.join(", ")}`, { status });
  }

  #validateJson(body: unknown): void {
    if (this.#response.ok || Array.isArray(body) || (isFields(body) && "jsonrpc" in body)) this.#validate(body);
    // An OAuth error (RFC 6749 section 5.2).
    else if (!OAuthErrorResponseSchema.safeParse(body).success)
      this.#violation("the error is neither one of JSON-RPC nor one of OAuth", body);
    else validated++;
  }

  #validate(body: unknown): void {
    if (!Array.isArray(body)) this.#validateMessage(body);
    else if (this.#isBatch) for (const message of body) this.#validateMessage(message);
    else this.#violation("a batch is no response to a single request", body);
  }

  #validateMessage(message: unknown): void {
    validated++;
    const isLate = this.#hasRequests && this.#open.size === 0;
    const method = isFields(message) ? this.#open.get(message.id as RequestId) : undefined;
    for (const violation of isFields(message) ? this.#violationsIn(message) : ["is no message"])
      this.#violation(violation, message, method);
    if (isLate) this.#violation("is sent after the response", message);
    this.#seen++;
  }

  #violationsIn(message: Fields): readonly string[] {
    if ("method" in message)
      return "id" in message ? this.#violationsInRequest(message) : this.#violationsInNotification(message);
    const { id } = message;
    const method = this.#open.get(id as RequestId);
    this.#open.delete(id as RequestId);
    if ("error" in message) {
      const mayOmit = !this.#hasRequests || BEFORE_READING.includes(this.#response.status);
      const isForeign = this.#hasRequests && method === undefined && !(id === undefined && mayOmit);
      return [
        ...violationsInError(this.#revision, message),
        ...(isForeign ? ["message.id: is not the request's"] : []),
      ];
    }
    if (method === undefined) return ["message.id: is no open request's"];
    if (method !== "initialize") return violationsInResult(this.#revision, method, message);
    const revision = known(isFields(message.result) ? message.result.protocolVersion : undefined);
    const session = this.#response.headers.get("mcp-session-id");
    if (session !== null && revision) negotiated.set(session, revision);
    return revision && revision !== MODERN
      ? violationsInResult(revision, method, message)
      : ["result.protocolVersion: has no handshake"];
  }

  #violationsInRequest(message: Fields): readonly string[] {
    return [
      ...violationsInRequest(this.#revision, message),
      ...(this.isStream ? [] : ["message: the server sends requests on a stream only"]),
    ];
  }

  #violationsInNotification(message: Fields): readonly string[] {
    const found = violationsInNotification(this.#revision, message);
    if (this.#subscription === undefined) return found;
    const { _meta } = isFields(message.params) ? message.params : {};
    if (!isFields(_meta) || _meta[SUBSCRIPTION_KEY] !== this.#subscription)
      found.push("params._meta: lacks the subscription's id");
    if ((this.#seen === 0) !== (message.method === ACKNOWLEDGED))
      found.push("message.method: the acknowledgement is sent first, and once");
    return found;
  }

  #violation(what: string, subject: unknown, method = this.#open.values().next().value ?? ""): void {
    const { status } = this.#response;
    violations.push(`${method || "a message"} (${this.#revision}, HTTP ${status}): ${what}\n    ${shortened(subject)}`);
  }
}

/** The revision of a request, from its `_meta`, its header or its session. */
function revisionOf(request: Fields | undefined, headers: Headers): Revision {
  const meta = isFields(request?.params) ? request.params._meta : undefined;
  if (isFields(meta) && meta[VERSION_KEY] !== undefined) return MODERN;
  const header = headers.get("mcp-protocol-version");
  if (header !== null) return known(header) ?? (header > MODERN ? MODERN : "unnamed");
  return negotiated.get(headers.get("mcp-session-id") ?? "") ?? "unnamed";
}

function known(version: unknown): Revision | undefined {
  return REVISIONS.includes(version as string) ? (version as Revision) : undefined;
}

/** `undefined` for a body that is not UTF-8. */
function textOf(body: RequestInit["body"]): string | undefined {
  if (typeof body === "string") return body;
  try {
    return body instanceof Uint8Array
      ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body)
      : undefined;
  } catch {
    return undefined;
  }
}

/** `undefined` for a text that is not JSON. */
function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRequest(message: unknown): message is Fields & { id: RequestId; method: string } {
  if (!isFields(message) || message.jsonrpc !== "2.0" || typeof message.method !== "string") return false;
  const { id, params } = message;
  return (typeof id === "string" || Number.isSafeInteger(id)) && (params === undefined || isFields(params));
}

/** Enough of a message to recognise it. Long strings are left out: pictures, and secrets. */
function shortened(message: unknown): string {
  const short = (_: string, value: unknown) =>
    typeof value === "string" && value.length > 40 ? `(${value.length} characters)` : value;
  return (JSON.stringify(message, short) ?? "an unreadable body").slice(0, 400);
}
