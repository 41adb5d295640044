// A site elsewhere that writes down every request a browser makes to it: an app that is come back to, or somebody who means no good.
// It listens on both loopback addresses at one port, so that it is on one site with the gateway, or on another, as a test needs it.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, beforeEach } from "vitest";

/** One request of a browser. */
export interface Received {
  readonly url: URL;
  /** `null` where the browser said nothing of where it came from. */
  readonly referer: string | null;
}

export interface Receiver {
  /** The site's origin under this name for it. */
  at(host: "127.0.0.1" | "localhost" | "[::1]"): string;
  /** What came in during the running test, oldest first. */
  readonly received: readonly Received[];
  /** Shows this HTML, inside a page, at `path`, until the test is over. */
  show(path: string, body: string): void;
  /** Writes down a request that somebody else answers. */
  note(url: string, headers: Readonly<Record<string, string>>): void;
}

/** Whether this computer has the address `::1`. */
export const HAS_IPV6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

/** What the site shows where nothing else was asked for. */
export const WELCOME = "<h1>Back in the app</h1>";

/** A whole page around `body`, with no icon to ask for. */
export function pageOf(body: string): string {
  return `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Elsewhere</title>${body}`;
}

/** A receiver for all tests of the calling file. */
export function useReceiver(): Receiver {
  let servers: readonly Server[] = [];
  let port = 0;
  let received: Received[] = [];
  const shown = new Map<string, string>();
  const note = (url: string, headers: Readonly<Record<string, string | string[] | undefined>>) => {
    received.push({ url: new URL(url), referer: headers.referer === undefined ? null : String(headers.referer) });
  };

  beforeAll(async () => {
    const answer = () =>
      createServer((request, response) => {
        const url = `http://${request.headers.host}${request.url}`;
        note(url, request.headers);
        response.setHeader("content-type", "text/html; charset=utf-8");
        response.end(pageOf(shown.get(new URL(url).pathname) ?? WELCOME));
      });
    ({ servers, port } = await listenTogether(answer));
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
    note,
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
      if (attempt === 10) throw error; // the port was somebody's, each time
    }
  }
}

function listen(server: Server, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, host, () => resolve(server));
  });
}
