// The router of `npm run dev`. In production each Worker has its own host; in development they
// share one port, and so one origin. It selects a Worker by path and forwards requests and
// responses unchanged, including streams. Never deployed.

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
