// How tests reach `/mcp`: Node's own fetch, and a judge beside it who sees every message of an answer as it passes, and keeps what is
// wrong with it until the test ends (`system.ts`). What the client sends is not judged: tests send nonsense on purpose.

import { OAuthErrorResponseSchema } from "@modelcontextprotocol/core";
import {
  isFields,
  MODERN,
  REVISIONS,
  type Revision,
  wrongInError,
  wrongInNotification,
  wrongInRequest,
  wrongInResult,
} from "./message-validator.ts";

type RequestId = string | number;
type Fields = Readonly<Record<string, unknown>>;

const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
const SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId";
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";

/** Answers of the door, which may come before the message was read. */
const OF_THE_DOOR = [401, 402, 403, 405, 413, 415, 429, 500, 503];

let judged = 0;
let violations: string[] = [];
/** What `initialize` agreed on, by session. */
const agreed = new Map<string, Revision>();
/** Requests that their clients have called back since, which are then owed no answer (2025-11-25, basic/utilities/cancellation). */
const calledBack = new Set<string>();

/** How many messages have been judged so far. */
export function judgedMessages(): number {
  return judged;
}

/** What was wrong since the last time. */
export function takeViolations(): readonly string[] {
  const taken = violations;
  violations = [];
  return taken;
}

/** Node's own fetch. A stream passes chunk by chunk, as it comes and as it is read; other answers are read to their end. */
export async function judgedFetch(target: string | URL, init: RequestInit = {}): Promise<Response> {
  const sent = parsed(textOf(init.body));
  // Before it is sent: what it ends may end before it is answered.
  if (isFields(sent) && sent.method === "notifications/cancelled" && isFields(sent.params)) {
    calledBack.add(`${sent.params.requestId} ${new Headers(init.headers).get("authorization") ?? ""}`);
  }
  const response = await fetch(target, init);
  if (new URL(target).pathname !== "/mcp" || !["GET", "POST"].includes(init.method ?? "GET")) return response;
  const exchange = new Exchange(init, response);
  if (response.body === null || !exchange.isStream) {
    // Read here, so that it is judged although its test may look at the status only.
    const text = await response.text();
    exchange.read(text);
    exchange.end();
    return likewise(response, response.body && text);
  }
  const decoder = new TextDecoder();
  const passing = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      exchange.read(decoder.decode(chunk, { stream: true }));
    },
    // Not where the stream breaks or its reader leaves.
    flush: () => exchange.end(),
  });
  return likewise(response, response.body.pipeThrough(passing));
}

function likewise(response: Response, body: BodyInit | null): Response {
  const { status, statusText, headers, url } = response;
  return Object.defineProperty(new Response(body, { status, statusText, headers }), "url", { value: url });
}

/** One HTTP request and all that comes back. */
class Exchange {
  readonly #response: Response;
  readonly #isPost: boolean;
  readonly #isBatch: boolean;
  readonly #revision: Revision;
  /** The method of each request that has no answer yet. */
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
    for (const { id } of requests) calledBack.delete(`${id} ${this.#bearer}`);
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
      if (lines.length > 0) this.#judge(parsed(lines.map((line) => line.slice(5)).join("\n")));
    }
  }

  /** The whole body was read. */
  end(): void {
    const { ok, status } = this.#response;
    const rest = this.#text.trim();
    if (this.#type === "application/json" && !(ok && rest === "")) this.#judgeJson(parsed(rest));
    else if (this.isStream && rest !== "") this.#violation("the stream ends within an event", rest);
    else if (ok && rest !== "") this.#violation("an answer is JSON or a stream of events", this.#type);
    const owed = [...this.#open].filter(([id]) => !calledBack.has(`${id} ${this.#bearer}`)).map(([, method]) => method);
    if (ok && this.#isPost && owed.length > 0) this.#violation(`no answer to ${owed.join(", ")}`, { status });
  }

  #judgeJson(body: unknown): void {
    if (this.#response.ok || Array.isArray(body) || (isFields(body) && "jsonrpc" in body)) this.#judge(body);
    // A refusal in the words of OAuth (RFC 6749 section 5.2).
    else if (!OAuthErrorResponseSchema.safeParse(body).success)
      this.#violation("a refusal is an error of JSON-RPC or of OAuth", body);
    else judged++;
  }

  #judge(body: unknown): void {
    if (!Array.isArray(body)) this.#judgeOne(body);
    else if (this.#isBatch) for (const message of body) this.#judgeOne(message);
    else this.#violation("a batch answers no single request", body);
  }

  #judgeOne(message: unknown): void {
    judged++;
    const isLate = this.#hasRequests && this.#open.size === 0;
    const method = isFields(message) ? this.#open.get(message.id as RequestId) : undefined;
    for (const wrong of isFields(message) ? this.#wrongIn(message) : ["is no message"])
      this.#violation(wrong, message, method);
    if (isLate) this.#violation("comes after the answer", message);
    this.#seen++;
  }

  #wrongIn(message: Fields): readonly string[] {
    if ("method" in message)
      return "id" in message ? this.#wrongInRequest(message) : this.#wrongInNotification(message);
    const { id } = message;
    const method = this.#open.get(id as RequestId);
    this.#open.delete(id as RequestId);
    if ("error" in message) {
      const mayOmit = !this.#hasRequests || OF_THE_DOOR.includes(this.#response.status);
      const isForeign = this.#hasRequests && method === undefined && !(id === undefined && mayOmit);
      return [...wrongInError(this.#revision, message), ...(isForeign ? ["message.id: is not the request's"] : [])];
    }
    if (method === undefined) return ["message.id: is no open request's"];
    if (method !== "initialize") return wrongInResult(this.#revision, method, message);
    const revision = known(isFields(message.result) ? message.result.protocolVersion : undefined);
    const session = this.#response.headers.get("mcp-session-id");
    if (session !== null && revision) agreed.set(session, revision);
    return revision && revision !== MODERN
      ? wrongInResult(revision, method, message)
      : ["result.protocolVersion: has no handshake"];
  }

  #wrongInRequest(message: Fields): readonly string[] {
    return [
      ...wrongInRequest(this.#revision, message),
      ...(this.isStream ? [] : ["message: a question comes on a stream only"]),
    ];
  }

  #wrongInNotification(message: Fields): readonly string[] {
    const wrong = wrongInNotification(this.#revision, message);
    if (this.#subscription === undefined) return wrong;
    const { _meta } = isFields(message.params) ? message.params : {};
    if (!isFields(_meta) || _meta[SUBSCRIPTION_KEY] !== this.#subscription)
      wrong.push("params._meta: lacks the subscription's id");
    if ((this.#seen === 0) !== (message.method === ACKNOWLEDGED))
      wrong.push("message.method: the acknowledgement comes first, and once");
    return wrong;
  }

  #violation(what: string, about: unknown, method = this.#open.values().next().value ?? ""): void {
    const { status } = this.#response;
    violations.push(`${method || "a message"} (${this.#revision}, HTTP ${status}): ${what}\n    ${shortened(about)}`);
  }
}

/** The revision of a request, from its own claim, its header, or its session. */
function revisionOf(request: Fields | undefined, headers: Headers): Revision {
  const meta = isFields(request?.params) ? request.params._meta : undefined;
  if (isFields(meta) && meta[VERSION_KEY] !== undefined) return MODERN;
  const header = headers.get("mcp-protocol-version");
  if (header !== null) return known(header) ?? (header > MODERN ? MODERN : "unnamed");
  return agreed.get(headers.get("mcp-session-id") ?? "") ?? "unnamed";
}

function known(version: unknown): Revision | undefined {
  return REVISIONS.includes(version as string) ? (version as Revision) : undefined;
}

/** `undefined` for what is no text in UTF-8. */
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

/** `undefined` for what is no JSON. */
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

/** Enough of a message to know it again: what is long may be a picture, and may be secret. */
function shortened(message: unknown): string {
  const short = (_: string, value: unknown) =>
    typeof value === "string" && value.length > 40 ? `(${value.length} characters)` : value;
  return (JSON.stringify(message, short) ?? "nothing that can be read").slice(0, 400);
}
