// Answers that take time: when they become a stream, what the stream says meanwhile, and how the work hears that nobody waits.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProgressCallback, ProgressReply } from "../../../contracts/rpc/call-context.ts";
import type { CallToolResult } from "../../../src/mcp/port.ts";
import { envelope, eventsOf, MODERN, wire } from "./http.ts";

const BOTH = { accept: "application/json, text/event-stream" };
const done: CallToolResult = { content: [{ type: "text", text: "done" }] };

/** A wire with one tool that does `work`, and a call of it. */
function slow(work: (progress: ProgressCallback | undefined) => Promise<CallToolResult>) {
  const { open } = wire({ openTool: () => ({ state: "ready", run: work }) });
  return (meta: object = {}, headers: Record<string, string> = BOTH) =>
    open({ jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "slow", _meta: meta } }, headers);
}

/** A promise, and what settles it. */
function gate<T>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

const kind = (response: Response) => response.headers.get("content-type");

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a call without a progress token", () => {
  it("is JSON where it is soon done, and a stream after one second, with the same single answer", async () => {
    const quick = await slow(async () => done)();
    expect([kind(quick), await quick.json()]).toEqual(["application/json", { jsonrpc: "2.0", id: 7, result: done }]);

    const work = gate<CallToolResult>();
    const answer = slow(() => work.promise)();
    await vi.advanceTimersByTimeAsync(1_000);
    const response = await answer;
    expect(kind(response)).toBe("text/event-stream");
    expect([response.headers.get("cache-control"), response.headers.get("x-accel-buffering")]).toEqual([
      "no-cache, no-transform",
      "no",
    ]);
    const text = response.text();
    work.open(done);
    expect(eventsOf(await text)).toEqual([{ jsonrpc: "2.0", id: 7, result: done }]);
  });

  it("stays JSON, however long it takes, for a client that reads nothing else", async () => {
    for (const accept of ["application/json", "*/*"]) {
      const work = gate<CallToolResult>();
      const answer = slow(() => work.promise)({}, { accept });
      await vi.advanceTimersByTimeAsync(30_000);
      work.open(done);
      expect(kind(await answer)).toBe("application/json");
    }
  });

  it.each(["hangs up", "stops reading"])(
    "sends no progress, and still tells the work when its client %s",
    async (way) => {
      const work = gate<CallToolResult>();
      const report = gate<ProgressCallback>();
      const answer = slow((progress) => {
        if (progress) report.open(progress);
        return work.promise;
      })();
      const progress = await report.promise;
      expect(await progress({ progress: 1 })).toBe("continue");
      await vi.advanceTimersByTimeAsync(1_000);
      const reader = (await answer).body?.getReader();
      const second = progress({ progress: 2 });
      expect(new TextDecoder().decode((await reader?.read())?.value), "a comment").toMatch(/^:[^\n]*\n\n$/);
      expect(await second).toBe("continue");
      if (way === "hangs up") await reader?.cancel();
      const third = progress({ progress: 3 });
      if (way === "stops reading") await vi.advanceTimersByTimeAsync(2_000);
      expect(await third).toBe("cancel");
      work.open(done);
    },
  );
});

describe("a call with a progress token", () => {
  it("is a stream at once, in both eras", async () => {
    const work = gate<CallToolResult>();
    const call = slow(() => work.promise);
    const modern = { "mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "slow" };
    const responses = [
      await call({ progressToken: 0 }),
      await call({ ...envelope, progressToken: "p" }, { ...BOTH, ...modern }),
    ];
    expect(responses.map(kind)).toEqual(["text/event-stream", "text/event-stream"]);
    work.open(done);
    for (const response of responses) expect(eventsOf(await response.text())).toHaveLength(1);
  });

  it("passes on a burst of ten reports, then ten a second, always growing, and then the one answer", async () => {
    const verdicts: ProgressReply[] = [];
    const response = await slow(async (progress) => {
      for (let step = 1; step <= 100; step++) verdicts.push((await progress?.({ progress: step })) ?? "cancel");
      await vi.advanceTimersByTimeAsync(1_000);
      for (let step = 101; step <= 200; step++) verdicts.push((await progress?.({ progress: step })) ?? "cancel");
      verdicts.push((await progress?.({ progress: 5 })) ?? "cancel");
      return done;
    })({ progressToken: "p" });
    const events = eventsOf(await response.text());
    const progressed = events.slice(0, -1).map(({ params }) => (params as { progress: number }).progress);
    expect(progressed).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110]);
    expect(events.at(-1)).toEqual({ jsonrpc: "2.0", id: 7, result: done });
    expect(new Set(verdicts)).toEqual(new Set(["continue"]));
  });

  it("is cancelled when the client leaves: the next report is answered so, at once", async () => {
    const work = gate<CallToolResult>();
    const report = gate<ProgressCallback>();
    const response = await slow((progress) => {
      if (progress) report.open(progress);
      return work.promise;
    })({ progressToken: "p" });
    const progress = await report.promise;
    const reader = response.body?.getReader();
    const first = progress({ progress: 1 });
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('"progress":1');
    expect(await first).toBe("continue");
    await reader?.cancel();
    expect(await progress({ progress: 2 })).toBe("cancel");
    work.open(done);
  });

  it("is cancelled when the client stops reading for two seconds", async () => {
    const work = gate<CallToolResult>();
    const report = gate<ProgressCallback>();
    const response = await slow((progress) => {
      if (progress) report.open(progress);
      return work.promise;
    })({ progressToken: "p" });
    const progress = await report.promise;
    const verdicts = Promise.all([1, 2, 3].map(async (step) => progress({ progress: step })));
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await verdicts).at(-1)).toBe("cancel");
    work.open(done);
    expect(eventsOf(await response.text()).at(-1), "what it reads when it goes on").toEqual({
      jsonrpc: "2.0",
      id: 7,
      result: done,
    });
  });
});

describe("a stream", () => {
  it("says every 15 seconds of silence that it is alive, in a comment that no client takes for a message", async () => {
    const work = gate<CallToolResult>();
    const report = gate<ProgressCallback>();
    const response = await slow((progress) => {
      if (progress) report.open(progress);
      return work.promise;
    })({ progressToken: "p" });
    const text = response.text();
    const progress = await report.promise;
    await vi.advanceTimersByTimeAsync(14_000);
    await Promise.all([1, 2].map(async (step) => progress({ progress: step })));
    await vi.advanceTimersByTimeAsync(14_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.advanceTimersByTimeAsync(15_000);
    work.open(done);
    const parts = (await text).split("\n\n").map((part) => (part.startsWith(":") ? "alive" : part.slice(0, 5)));
    expect(parts).toEqual(["event", "event", "alive", "alive", "event", ""]);
    expect(vi.getTimerCount(), "nothing beats on").toBe(0);
  });
});

describe("every call", () => {
  it("says nothing after its answer, whatever its work reports late", async () => {
    const report = gate<ProgressCallback>();
    const response = await slow(async (progress) => {
      if (progress) report.open(progress);
      return done;
    })({ progressToken: "p" });
    const progress = await report.promise;
    await vi.advanceTimersByTimeAsync(0);
    expect(await progress({ progress: 1 })).toBe("cancel");
    expect(eventsOf(await response.text())).toEqual([{ jsonrpc: "2.0", id: 7, result: done }]);
  });

  it("has one answer in the end, also when its work throws or never ends", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const failed = {
      jsonrpc: "2.0",
      id: 7,
      error: { code: -32603, message: expect.stringMatching(/Trace id: a{32}$/) },
    };
    const thrown = slow(async () => {
      throw new Error("hunter2");
    });
    const asJson = await thrown();
    expect([asJson.status, await asJson.json()]).toEqual([200, failed]);
    expect(eventsOf(await (await thrown({ progressToken: 1 })).text())).toEqual([failed]);

    const endless = slow(() => new Promise(() => undefined));
    const text = (await endless({ progressToken: 1 })).text();
    const json = endless({}, { accept: "application/json" });
    for (let waited = 0; waited < 90; waited += 15) await vi.advanceTimersByTimeAsync(15_000);
    expect(eventsOf(await text)).toEqual([failed]);
    expect(await (await json).json()).toEqual(failed);
    const events = log.mock.calls.map(([line]) => (JSON.parse(String(line)) as { event: string }).event);
    expect(events).toEqual(["mcp.crashed", "mcp.crashed", "mcp.late", "mcp.late"]);
    expect(JSON.stringify(log.mock.calls)).not.toContain("hunter2");
    log.mockRestore();
  });
});
