// Requests of the checks. A failure of the connection is a `Problem` that says where.
import { Problem, Unreachable } from "./outcome.ts";

const TIMEOUT_MS = 15_000;
/** The most that is read of a document, in characters. */
const MAX_LENGTH = 1_000_000;
/** The first event of a stream that has data. */
const FIRST_MESSAGE = /^data:.*\S.*[\r\n]/m;

const CERTIFICATE = [
  "its certificate is from an authority that Node does not trust",
  "Clients refuse it. If the authority is yours, name its file in NODE_EXTRA_CA_CERTS, also for them.",
] as const;
const CLOSED = ["the connection was closed", "Look at the server's log, and try https:// if it is http://."] as const;
const NETWORK = "Check the address and the network.";
/** Reasons and remedies, by the code of a failure of Node's fetch. */
const CAUSES: Readonly<Record<string, readonly [reason: string, remedy: string]>> = {
  ECONNREFUSED: ["no server listens there", "Start the server, or give its address with --url."],
  ENOTFOUND: ["the name has no address", NETWORK],
  EAI_AGAIN: ["the name cannot be looked up", NETWORK],
  UND_ERR_CONNECT_TIMEOUT: ["no answer", NETWORK],
  UND_ERR_SOCKET: CLOSED,
  ECONNRESET: CLOSED,
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  CERT_HAS_EXPIRED: ["its certificate has expired", "Renew the certificate: clients refuse it."],
  ERR_TLS_CERT_ALTNAME_INVALID: ["its certificate is for another host", "Use the name that is in the certificate."],
  ERR_SSL_WRONG_VERSION_NUMBER: ["it does not speak TLS", "Use http:// instead of https://."],
};
/** Fetch sends a request with 421 again, and Node's without the body: the reply is lost. */
const MISDIRECTED = "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH";

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends a request and reads its response, of a stream the first message. Follows no redirect. */
export async function send(url: string | URL, init: RequestInit = {}): Promise<Reply> {
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS), ...init });
    return { status: response.status, headers: response.headers, text: await readText(response) };
  } catch (error) {
    const { message, cause } = error as { message: string; cause?: { code?: string; message: string } }; // of Node's fetch
    const code = cause?.code ?? "";
    if (code === MISDIRECTED && init.body) return send(url);
    const isLate = (error as Error).name === "TimeoutError";
    const [reason, remedy] = isLate
      ? [`no complete answer within ${TIMEOUT_MS / 1000} s`, "Is it an MCP endpoint? Look at the server's log."]
      : (CAUSES[code] ?? [code || (cause?.message ?? message), NETWORK]);
    throw new Unreachable(`${new URL(url).origin} cannot be reached: ${reason}.`, remedy);
  }
}

/** An object that an endpoint returned as JSON. */
export function jsonOf({ status, text }: Reply, what: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw new Problem(
    `${what} is no JSON object (status ${status}): ${text.slice(0, 80) || "empty"}`,
    "The server has to return a JSON object there.",
  );
}

async function readText(response: Response): Promise<string> {
  const isStream = response.headers.get("content-type")?.includes("text/event-stream");
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_LENGTH || (isStream && FIRST_MESSAGE.test(text))) break;
  }
  return text;
}
