// Limits of a batch (2025-03-26) as a whole: its responses are in memory at once, in an isolate
// that other users share.
import { afterEach, describe, expect, it, vi } from "vitest";
import { emptyFeatures, endpointOf } from "./http.ts";

const template = { uriTemplate: "x://{id}", name: "x", title: "X", description: "An x.", mimeType: "text/plain" };
const read = (id: number) => ({ jsonrpc: "2.0", id, method: "resources/read", params: { uri: `x://${id}` } });
const twenty = Array.from({ length: 20 }, (_, at) => read(at));

/** An endpoint whose resources have `length` characters. `reads`: those that ran. */
function endpointReading(length: number, beforeEach?: () => void) {
  const reads = { ran: 0, running: 0, mostAtOnce: 0 };
  const { post } = endpointOf({
    features: { ...emptyFeatures, templates: [template] },
    async readResource(uri) {
      reads.ran += 1;
      reads.mostAtOnce = Math.max(reads.mostAtOnce, ++reads.running);
      beforeEach?.();
      await Promise.resolve();
      reads.running -= 1;
      return { state: "read", contents: [{ uri, mimeType: "text/plain", text: "x".repeat(length) }], ttlMs: 0 };
    },
  });
  return { post, reads };
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a batch", () => {
  it("runs its requests one after another, and responds to all in their order", async () => {
    const { post, reads } = endpointReading(10);
    const { body } = await post(twenty);
    expect([(body as { id: number }[]).map(({ id }) => id), reads.mostAtOnce]).toEqual([twenty.map(({ id }) => id), 1]);
  });

  it("runs no further request once its responses have 2 MiB: twenty reads of 2 MB do not make 40", async () => {
    const { post, reads } = endpointReading(2_000_000);
    const { body, status } = await post(twenty);
    expect([status, reads.ran]).toEqual([200, 2]);
    expect(JSON.stringify(body).length).toBeLessThan(4_100_000);
    expect((body as object[]).at(2)).toEqual({
      ...{ jsonrpc: "2.0", id: 2 },
      error: { code: -32600, message: expect.stringContaining("did not run") },
    });
  });

  it("runs no further request after two minutes", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { post, reads } = endpointReading(1, () => void vi.setSystemTime(Date.now() + 61_000));
    await post(twenty);
    expect(reads.ran).toBe(2);
  });
});
