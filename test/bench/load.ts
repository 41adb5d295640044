// Sends requests over 16 keep-alive connections, and checks each response.
import { Agent, type IncomingMessage, request } from "node:http";

const CONNECTIONS = 16;
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

/** One request, with the check of its response. */
export interface BenchRequest {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** True if `body` is the right one for a response with status 200. */
  isExpected(body: string): boolean;
}

/** A wrong response, which makes the measurements invalid. */
export class UnexpectedResponse extends Error {
  override readonly name = "UnexpectedResponse";
}

/** Sends `count` requests. Resolves when all have a response. Throws `UnexpectedResponse`. */
export async function sendAll(count: number, requestAt: (index: number) => BenchRequest): Promise<void> {
  let next = 0;
  const connection = async () => {
    while (next < count) await send(requestAt(next++));
  };
  await Promise.all(Array.from({ length: Math.min(CONNECTIONS, count) }, connection));
}

/** Sends one request. Returns the body of the response. Throws `UnexpectedResponse`. */
export async function send(planned: BenchRequest): Promise<string> {
  const response = await post(planned);
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  const body = Buffer.concat(pieces).toString();
  if (response.statusCode !== 200 || !planned.isExpected(body)) {
    throw new UnexpectedResponse(`${planned.path} responded with ${response.statusCode}: ${body.slice(0, 300)}`);
  }
  return body;
}

/**
 * Sends a request again if the runtime has just closed its idle connection, before reading the
 * request.
 */
function post(planned: BenchRequest): Promise<IncomingMessage> {
  const { port, path, headers, body } = planned;
  const options = { agent, host: "127.0.0.1", port, path, method: "POST" };
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, headers: { ...headers, "content-length": Buffer.byteLength(body) } }, resolve);
    sent.once("error", (error: NodeJS.ErrnoException) => {
      if (sent.reusedSocket && error.code === "ECONNRESET") resolve(post(planned));
      else reject(error);
    });
    sent.end(body);
  });
}

/** Closes all connections. */
export function closeConnections(): void {
  agent.destroy();
}
