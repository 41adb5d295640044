// A proxy in front of the gateway, because the suite cannot send a credential: it adds a bearer and
// a client address only. Host and Origin pass unchanged, because the gateway validates them.
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import { ADDRESS_HEADER, newAddress } from "../support/address.ts";

export interface Proxy {
  /** The origin that the gateway must be configured with. */
  readonly origin: string;
  /** The gateway's origin on this machine. */
  target: string;
  /** Sent to `/mcp` if the request has no credential. */
  bearer: string | null;
  stop(): void;
}

/** Starts a proxy. Its `target` can be set later. */
export async function startProxy(): Promise<Proxy> {
  const server = createServer((near, response) => {
    const { port } = new URL(proxy.target);
    const headers = { [ADDRESS_HEADER.toLowerCase()]: newAddress(), ...near.headers };
    if (near.url === "/mcp" && proxy.bearer !== null) headers.authorization ??= `Bearer ${proxy.bearer}`;
    const far = request({ host: "127.0.0.1", port, path: near.url, method: near.method, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      pipeline(reply, response, () => undefined);
    });
    far.on("error", () => response.destroy());
    response.on("close", () => far.destroy());
    pipeline(near, far, () => undefined);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy: Proxy = { origin, target: origin, bearer: null, stop: () => server.close() };
  return proxy;
}
