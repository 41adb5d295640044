// Answers on the port of `npm run dev` while the Workers do not run: 503, with the mistake.
import { createServer } from "node:http";

/** A server that is closed before the Workers take the port. */
export interface DownServer {
  close(): Promise<void>;
}

/** Serves `lines` on the port; without effect if another program has it. */
export async function serveWhileDown(port: number, lines: readonly string[]): Promise<DownServer> {
  const text = lines.join("\n");
  const server = createServer((request, response) => {
    const isBrowser = request.headers.accept?.includes("text/html") ?? false;
    const body = isBrowser
      ? pageOf(text)
      : `${JSON.stringify({ error: "temporarily_unavailable", error_description: text })}\n`;
    request.resume();
    response.writeHead(503, {
      "content-type": isBrowser ? "text/html; charset=utf-8" : "application/json",
      "cache-control": "no-store",
      "retry-after": "1",
      "content-security-policy": "default-src 'none'",
      "x-content-type-options": "nosniff",
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => {
    server.once("error", () => resolve());
    server.listen(port, "localhost", resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pageOf(text: string): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<!doctype html><title>The Workers do not run</title><h1>The Workers do not run</h1><pre>${escaped}</pre>`;
}
