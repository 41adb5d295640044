// A site elsewhere that records every request of a browser: a client's redirect URI, or an
// attacker's site. It listens on both loopback addresses at one port, so that it is same-site or
// cross-site with the gateway, as a test needs it.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, beforeEach } from "vitest";

/** One request of a browser. */
export interface Received {
  readonly url: URL;
  /** `null` if the browser sent no Referer. */
  readonly referer: string | null;
}

export interface Receiver {
  /** The site's origin under this name for it. */
  at(host: "127.0.0.1" | "localhost" | "[::1]"): string;
  /** The requests since the running test began, oldest first. */
  readonly received: readonly Received[];
  /** Responds with a page around this HTML at `path`, until the test ends. */
  show(path: string, body: string): void;
  /** Records a request that is intercepted in the browser. */
  record(url: string, headers: Readonly<Record<string, string>>): void;
}

/** True if this computer has the address `::1`. */
export const HAS_IPV6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

/** The site's default page. */
export const WELCOME = "<h1>Back in the app</h1>";

/** A whole page around `body`, with an inline icon, so that the browser does not request one. */
export function pageOf(body: string): string {
  return `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Elsewhere</title>${body}`;
}

/** A receiver for all tests of the calling file. */
export function useReceiver(): Receiver {
  let servers: readonly Server[] = [];
  let port = 0;
  let received: Received[] = [];
  const shown = new Map<string, string>();
  const record = (url: string, headers: Readonly<Record<string, string | string[] | undefined>>) => {
    received.push({ url: new URL(url), referer: headers.referer === undefined ? null : String(headers.referer) });
  };

  beforeAll(async () => {
    const createReceiver = () =>
      createServer((request, response) => {
        const url = `http://${request.headers.host}${request.url}`;
        record(url, request.headers);
        response.setHeader("content-type", "text/html; charset=utf-8");
        response.end(pageOf(shown.get(new URL(url).pathname) ?? WELCOME));
      });
    ({ servers, port } = await listenTogether(createReceiver));
  });
  beforeEach(() => {
    received = [];
    shown.clear();
  });
  afterAll(() => {
    for (const server of servers) server.close();
  });

  return {
    at: (host) => `http://${host}:${port}`,
    get received() {
      return received;
    },
    show: (path, body) => void shown.set(path, body),
    record,
  };
}

/** A server on each loopback address, all at the same port. */
async function listenTogether(
  create: () => Server,
): Promise<{ readonly servers: readonly Server[]; readonly port: number }> {
  for (let attempt = 1; ; attempt++) {
    const first = await listen(create(), 0, "127.0.0.1");
    const { port } = first.address() as AddressInfo; // of a server that listens on TCP
    if (!HAS_IPV6) return { servers: [first], port };
    try {
      return { servers: [first, await listen(create(), port, "::1")], port };
    } catch (error) {
      first.close();
      if (attempt === 10) throw error; // the port was in use, each time
    }
  }
}

function listen(server: Server, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, host, () => resolve(server));
  });
}
