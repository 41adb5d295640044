// Bodies of requests: each route that reads one has a limit, and refuses a longer one that is
// announced without reading a byte of it.
import { createExecutionContext } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import gateway from "../../../entrypoints/gateway/index.ts";
import { chunksOf, readUpTo } from "../../../src/limits/bounded-read.ts";
import { withAddress } from "../../support/address.ts";
import { envWith, ORIGIN } from "../oauth/browser.ts";

/** A body that counts the chunks that are taken from it, and remembers if it was cancelled. */
function countedBody() {
  const taken = { chunks: 0, isCancelled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        taken.chunks += 1;
        controller.enqueue(new Uint8Array(64 * 1024).fill(97));
      },
      cancel: () => {
        taken.isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, taken };
}

const FORM = "application/x-www-form-urlencoded";

/** Each route that reads a body, with the media type that it takes. */
const ROUTES = [
  ["/mcp", "application/json"],
  ["/token", FORM],
  ["/register", "application/json"],
  ["/login", FORM],
  ["/signup", FORM],
  ["/authorize", FORM],
  ["/consent", FORM],
  ["/oauth/github", FORM],
  ["/oauth/google", FORM],
  ["/apps/revoke", FORM],
  ["/apps/revoke-all", FORM],
  ["/apps/keys", FORM],
  ["/apps/keys/revoke", FORM],
  ["/apps/token", FORM],
  ["/apps/delete", FORM],
  ["/apps/data", FORM],
  ["/logout", FORM],
] as const;

const env = envWith({
  validateApiKey: async () => ({
    ...{ valid: true, tenant_id: "t_body" as never, tier: "enterprise", scopes: ["read"], key_id: "k_body" },
  }),
});

/** The response to a POST with this body, whose length may be announced. */
function post(path: string, type: string, body: ReadableStream<Uint8Array>, announced: string | null) {
  const headers = withAddress({
    "content-type": type,
    origin: ORIGIN,
    authorization: `Bearer sb_live_${"x".repeat(24)}`,
    ...(announced !== null && { "content-length": announced }),
  });
  const init = { method: "POST", headers, body };
  const request = new Request<unknown, IncomingRequestCfProperties>(ORIGIN + path, init);
  return gateway.fetch(request, env, createExecutionContext());
}

describe("a body that is too long", () => {
  it.each(ROUTES)(
    "is 413 at %s: unread if its length is announced, else read only up to the limit",
    async (path, type) => {
      for (const announced of ["1500000", null]) {
        const { body, taken } = countedBody();
        const response = await post(path, type, body, announced);
        await response.body?.cancel();
        expect([response.status, taken.chunks === 0], `announced: ${announced}`).toEqual([413, announced !== null]);
        expect(taken.chunks).toBeLessThanOrEqual(18);
      }
    },
  );
});

describe("a body whose client hangs up", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each(ROUTES)("is 400 at %s, and no error in the log", async (path, type) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    for (const announced of ["5000", null]) {
      const chunks = [new Uint8Array(5).fill(97)];
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
        const chunk = chunks.pop();
        if (chunk) controller.enqueue(chunk);
        else controller.error(new Error("Network connection lost."));
      };
      const response = await post(path, type, new ReadableStream({ pull }, { highWaterMark: 0 }), announced);
      await response.body?.cancel();
      expect([response.status, log.mock.calls]).toEqual([400, []]);
    }
  });
});

describe("a stream", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is cancelled beyond its limit, and when its consumer stops early", async () => {
    const [long, unused] = [countedBody(), countedBody()];
    expect(await readUpTo(long.body, 100)).toBeNull();
    for await (const _ of chunksOf(unused.body)) break;
    expect([long.taken, unused.taken]).toEqual(Array(2).fill({ chunks: 1, isCancelled: true }));
  });

  it("is cancelled if it does not end in time", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const cancel = vi.fn();
    const read = readUpTo(new ReadableStream({ start: (to) => to.enqueue(new Uint8Array(3)), cancel }), 100, 5_000);
    const refused = expect(read).rejects.toThrow("did not arrive in time");
    await vi.advanceTimersByTimeAsync(5_000);
    await refused;
    expect(cancel).toHaveBeenCalledOnce();
  });
});
