// The router of `npm run dev`. In production each Worker has its own host; in development they
// share one port, and so one origin. It selects a Worker by path and forwards requests and
// responses unchanged, including streams; a request without a trace gets one. It logs a line for
// each, which `npm run dev` prints. Never deployed.

interface Env {
  readonly GATEWAY: Fetcher;
  readonly AUTH: Fetcher;
  readonly IMAGES: Fetcher;
}

/** W3C Trace Context, section 3.2, version 00. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

export default {
  async fetch(request, env) {
    const startedAt = Date.now();
    // The local runtime invents a place, which the account page would show as the user's country.
    const traced = new Request(withTrace(request), { cf: {} });
    const { pathname } = new URL(request.url);
    const [worker, service] = serviceFor(pathname, env);
    const response = await service.fetch(traced);
    if (pathname !== "/health") logRequest(traced, worker, response.status, Date.now() - startedAt);
    return response;
  },
} satisfies ExportedHandler<Env>;

function logRequest({ method, url, headers }: Request, worker: string, status: number, ms: number): void {
  const [, traceId] = TRACEPARENT.exec(headers.get("traceparent") ?? "") ?? [];
  const [rpc] = /^[a-z]+(?:\/[a-z_]+)*$/i.exec(headers.get("mcp-method") ?? "") ?? [];
  const path = readablePath(new URL(url).pathname);
  console.log(JSON.stringify({ event: "request", worker, method, path, rpc, status, ms, traceId }));
}

function serviceFor(pathname: string, env: Env): [worker: string, service: Fetcher] {
  if (pathname === "/social-bridge" || pathname.startsWith("/social-bridge/")) return ["auth", env.AUTH];
  if (pathname.startsWith("/images/")) return ["img-forge", env.IMAGES];
  return ["gateway", env.GATEWAY];
}

/** `request` with a trace, so that its line here has the trace id of everything that it caused. */
function withTrace(request: Request): Request {
  if (TRACEPARENT.test(request.headers.get("traceparent") ?? "")) return request;
  const headers = new Headers(request.headers);
  const [traceId, parentId] = [randomHex(), randomHex().slice(0, 16)];
  headers.set("traceparent", `00-${traceId}-${parentId}-01`);
  return new Request(request, { headers });
}

function randomHex(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** A path without ids, which may open a picture or a session. Queries are never logged. */
function readablePath(pathname: string): string {
  return pathname.replace(/[^/]+/g, (part) => (/^[a-z._-]{1,40}$/.test(part) ? part : "…"));
}
