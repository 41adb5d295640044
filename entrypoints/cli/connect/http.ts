// Requests of the checks. A failure of the connection is a `Problem` that says where.
import { Problem } from "./outcome.ts";

const TIMEOUT_MS = 15_000;
/** The most that is read of a document. */
const MAX_BYTES = 1_000_000;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends a request and reads its response. Follows no redirect. */
export async function send(url: string | URL, init: RequestInit = {}): Promise<Reply> {
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS), ...init });
    return { status: response.status, headers: response.headers, text: await readText(response) };
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code; // of Node's fetch
    const reason = (error as Error).name === "TimeoutError" ? `no answer within ${TIMEOUT_MS / 1000} s` : cause;
    throw new Problem(
      `${new URL(url).origin} cannot be reached (${reason ?? (error as Error).message}).`,
      cause === "ECONNREFUSED"
        ? "Start the server, or give its address with --url."
        : "Check the address and the network.",
    );
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
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (response.headers.get("content-type")?.includes("text/event-stream")) {
    await response.body?.cancel();
    return "";
  }
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > MAX_BYTES) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}
