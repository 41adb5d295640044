// Stands before the gateway, because the suite cannot show a credential: it adds the bearer and an address, and nothing else. Host
// and Origin pass as they came, since the gateway judges them.
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import { ADDRESS_HEADER, newAddress } from "../support/address.ts";

export interface Proxy {
  /** What the gateway must take for its own origin. */
  readonly origin: string;
  /** Where requests go: an origin on this machine. */
  target: string;
  /** Shown to `/mcp`, where the request brings none. */
  bearer: string | null;
  stop(): void;
}

/** Listens at once; `target` is set when there is one. */
export async function startProxy(): Promise<Proxy> {
  const server = createServer((near, answer) => {
    const { port } = new URL(proxy.target);
    const headers = { [ADDRESS_HEADER.toLowerCase()]: newAddress(), ...near.headers };
    if (near.url === "/mcp" && proxy.bearer !== null) headers.authorization ??= `Bearer ${proxy.bearer}`;
    const far = request({ host: "127.0.0.1", port, path: near.url, method: near.method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      pipeline(reply, answer, () => undefined);
    });
    far.on("error", () => answer.destroy());
    answer.on("close", () => far.destroy());
    pipeline(near, far, () => undefined);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy: Proxy = { origin, target: origin, bearer: null, stop: () => server.close() };
  return proxy;
}
