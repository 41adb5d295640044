// Sends requests over 16 connections that stay open, and looks at every answer.
import { Agent, type IncomingMessage, request } from "node:http";

const CONNECTIONS = 16;
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

/** One request, and what it must be answered with. */
export interface Shot {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether an answer with status 200 is the right one. */
  isRight(answer: string): boolean;
}

/** An answer that is not the right one: nothing that was measured then counts. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

/** Sends `count` shots and resolves when all are answered. Throws `WrongAnswer`. */
export async function fire(count: number, shotAt: (index: number) => Shot): Promise<void> {
  let next = 0;
  const connection = async () => {
    while (next < count) await send(shotAt(next++));
  };
  await Promise.all(Array.from({ length: Math.min(CONNECTIONS, count) }, connection));
}

/** Sends one shot. Returns the answer's body. Throws `WrongAnswer`. */
export async function send(shot: Shot): Promise<string> {
  const response = await post(shot);
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  const answer = Buffer.concat(pieces).toString();
  if (response.statusCode !== 200 || !shot.isRight(answer)) {
    throw new WrongAnswer(`${shot.path} was answered with ${response.statusCode}: ${answer.slice(0, 300)}`);
  }
  return answer;
}

/** The runtime closes a connection that was idle for some seconds, perhaps just now: a request that it did not read goes out again. */
function post(shot: Shot): Promise<IncomingMessage> {
  const { port, path, headers, body } = shot;
  const options = { agent, host: "127.0.0.1", port, path, method: "POST" };
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, headers: { ...headers, "content-length": Buffer.byteLength(body) } }, resolve);
    sent.once("error", (error: NodeJS.ErrnoException) => {
      if (sent.reusedSocket && error.code === "ECONNRESET") resolve(post(shot));
      else reject(error);
    });
    sent.end(body);
  });
}

/** Closes the connections. */
export function hangUp(): void {
  agent.destroy();
}
