// The front door of `npm run dev`: in production each Worker has its own host, here they share one port and so one origin.
// It only chooses a Worker: requests and answers pass through untouched, streams included. Never deployed.

interface Env {
  readonly GATEWAY: Fetcher;
  readonly AUTH: Fetcher;
  readonly IMAGES: Fetcher;
}

export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/social-bridge" || pathname.startsWith("/social-bridge/")) return env.AUTH.fetch(request);
    if (pathname.startsWith("/images/")) return env.IMAGES.fetch(request);
    return env.GATEWAY.fetch(request);
  },
} satisfies ExportedHandler<Env>;
