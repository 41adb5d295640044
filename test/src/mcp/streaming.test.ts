// Responses that take time: when they become a stream, what the stream carries, and how the work
// learns that its client has left.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProgressCallback, ProgressReply } from "../../../contracts/rpc/call-context.ts";
import type { ReadyCall } from "../../../src/mcp/port.ts";
import type { CallToolResult } from "../../../src/mcp/schema.ts";
import { ACCEPT, endpointOf, envelope, MODERN, messagesIn } from "./http.ts";

const BOTH = { accept: ACCEPT };
const done: CallToolResult = { content: [{ type: "text", text: "done" }] };

/** Calls a tool that does `work`. */
function callerOf(work: (progress: ProgressCallback | undefined) => Promise<CallToolResult>) {
  const { send } = endpointOf({ prepareCall: () => ({ state: "ready", run: work }) });
  return (meta: object = {}, headers: Record<string, string> = BOTH) =>
    send({ jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "slow", _meta: meta } }, headers);
}

const contentType = (response: Response) => response.headers.get("content-type");

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a call without a progress token", () => {
  it("a call without a progress token is JSON within one second, and a stream after that", async () => {
    const quick = await callerOf(async () => done)();
    expect([contentType(quick), await quick.json()]).toEqual([
      "application/json",
      { jsonrpc: "2.0", id: 7, result: done },
    ]);

    const work = Promise.withResolvers<CallToolResult>();
    const pending = callerOf(() => work.promise)();
    await vi.advanceTimersByTimeAsync(1_000);
    const response = await pending;
    expect(contentType(response)).toBe("text/event-stream");
    expect([response.headers.get("cache-control"), response.headers.get("x-accel-buffering")]).toEqual([
      "no-cache, no-transform",
      "no",
    ]);
    const text = response.text();
    work.resolve(done);
    expect(messagesIn(await text)).toEqual([{ jsonrpc: "2.0", id: 7, result: done }]);
  });

  it("a call is JSON, however long it takes, for a client that accepts only JSON", async () => {
    for (const accept of ["application/json", "*/*"]) {
      const work = Promise.withResolvers<CallToolResult>();
      const pending = callerOf(() => work.promise)({}, { accept });
      await vi.advanceTimersByTimeAsync(30_000);
      work.resolve(done);
      expect(contentType(await pending)).toBe("application/json");
    }
  });

  it.each(["hangs up", "stops reading"])(
    "a call without a progress token sends no progress, and is cancelled when its client %s",
    async (way) => {
      const work = Promise.withResolvers<CallToolResult>();
      const report = Promise.withResolvers<ProgressCallback>();
      const pending = callerOf((progress) => {
        if (progress) report.resolve(progress);
        return work.promise;
      })();
      const progress = await report.promise;
      expect(await progress({ progress: 1 })).toBe("continue");
      await vi.advanceTimersByTimeAsync(1_000);
      const reader = (await pending).body?.getReader();
      const second = progress({ progress: 2 });
      expect(new TextDecoder().decode((await reader?.read())?.value), "a comment").toMatch(/^:[^\n]*\n\n$/);
      expect(await second).toBe("continue");
      if (way === "hangs up") await reader?.cancel();
      const third = progress({ progress: 3 });
      if (way === "stops reading") await vi.advanceTimersByTimeAsync(2_000);
      expect(await third).toBe("cancel");
      work.resolve(done);
    },
  );
});

describe("a call with a progress token", () => {
  it("a call with a progress token is a stream at once, in both eras", async () => {
    const work = Promise.withResolvers<CallToolResult>();
    const call = callerOf(() => work.promise);
    const modern = { "mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "slow" };
    const responses = [
      await call({ progressToken: 0 }),
      await call({ ...envelope, progressToken: "p" }, { ...BOTH, ...modern }),
    ];
    expect(responses.map(contentType)).toEqual(["text/event-stream", "text/event-stream"]);
    work.resolve(done);
    for (const response of responses) expect(messagesIn(await response.text())).toHaveLength(1);
  });

  it("a stream carries a burst of ten reports, then ten a second, always increasing, then one response", async () => {
    const replies: ProgressReply[] = [];
    const response = await callerOf(async (progress) => {
      for (let step = 1; step <= 100; step++) replies.push((await progress?.({ progress: step })) ?? "cancel");
      await vi.advanceTimersByTimeAsync(1_000);
      for (let step = 101; step <= 200; step++) replies.push((await progress?.({ progress: step })) ?? "cancel");
      replies.push((await progress?.({ progress: 5 })) ?? "cancel");
      return done;
    })({ progressToken: "p" });
    const events = messagesIn(await response.text());
    const progressed = events.slice(0, -1).map(({ params }) => (params as { progress: number }).progress);
    expect(progressed).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110]);
    expect(events.at(-1)).toEqual({ jsonrpc: "2.0", id: 7, result: done });
    expect(new Set(replies)).toEqual(new Set(["continue"]));
  });

  it("a call is cancelled at its next report after the client disconnects", async () => {
    const work = Promise.withResolvers<CallToolResult>();
    const report = Promise.withResolvers<ProgressCallback>();
    const response = await callerOf((progress) => {
      if (progress) report.resolve(progress);
      return work.promise;
    })({ progressToken: "p" });
    const progress = await report.promise;
    const reader = response.body?.getReader();
    const first = progress({ progress: 1 });
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('"progress":1');
    expect(await first).toBe("continue");
    await reader?.cancel();
    expect(await progress({ progress: 2 })).toBe("cancel");
    work.resolve(done);
  });

  it("a call is cancelled when its client stops reading for two seconds", async () => {
    const work = Promise.withResolvers<CallToolResult>();
    const report = Promise.withResolvers<ProgressCallback>();
    const response = await callerOf((progress) => {
      if (progress) report.resolve(progress);
      return work.promise;
    })({ progressToken: "p" });
    const progress = await report.promise;
    const replies = Promise.all([1, 2, 3].map(async (step) => progress({ progress: step })));
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await replies).at(-1)).toBe("cancel");
    work.resolve(done);
    expect(messagesIn(await response.text()).at(-1), "the response, when it reads again").toEqual({
      jsonrpc: "2.0",
      id: 7,
      result: done,
    });
  });
});

describe("an event stream", () => {
  it("an event stream sends a comment after every 15 seconds of silence", async () => {
    const work = Promise.withResolvers<CallToolResult>();
    const report = Promise.withResolvers<ProgressCallback>();
    const response = await callerOf((progress) => {
      if (progress) report.resolve(progress);
      return work.promise;
    })({ progressToken: "p" });
    const text = response.text();
    const progress = await report.promise;
    await vi.advanceTimersByTimeAsync(14_000);
    await Promise.all([1, 2].map(async (step) => progress({ progress: step })));
    await vi.advanceTimersByTimeAsync(14_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.advanceTimersByTimeAsync(15_000);
    work.resolve(done);
    const parts = (await text).split("\n\n").map((part) => (part.startsWith(":") ? "comment" : part.slice(0, 5)));
    expect(parts).toEqual(["event", "event", "comment", "comment", "event", ""]);
    expect(vi.getTimerCount(), "no heartbeat is left").toBe(0);
  });
});

describe("every call", () => {
  it("a call sends nothing after its response, also for a late report", async () => {
    const report = Promise.withResolvers<ProgressCallback>();
    const response = await callerOf(async (progress) => {
      if (progress) report.resolve(progress);
      return done;
    })({ progressToken: "p" });
    const progress = await report.promise;
    await vi.advanceTimersByTimeAsync(0);
    expect(await progress({ progress: 1 })).toBe("cancel");
    expect(messagesIn(await response.text())).toEqual([{ jsonrpc: "2.0", id: 7, result: done }]);
  });

  it("a call has one response, also if its work throws or never ends", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const failed = {
      jsonrpc: "2.0",
      id: 7,
      error: { code: -32603, message: expect.stringMatching(/Trace id: a{32}$/) },
    };
    const thrown = callerOf(async () => {
      throw new Error("hunter2");
    });
    const asJson = await thrown();
    expect([asJson.status, await asJson.json()]).toEqual([200, failed]);
    expect(messagesIn(await (await thrown({ progressToken: 1 })).text())).toEqual([failed]);

    const endless = callerOf(() => new Promise(() => undefined));
    const text = (await endless({ progressToken: 1 })).text();
    const json = endless({}, { accept: "application/json" });
    for (let waited = 0; waited < 90; waited += 15) await vi.advanceTimersByTimeAsync(15_000);
    expect(messagesIn(await text)).toEqual([failed]);
    expect(await (await json).json()).toEqual(failed);
    const events = log.mock.calls.map(([line]) => (JSON.parse(String(line)) as { event: string }).event);
    expect(events).toEqual(["mcp.crashed", "mcp.crashed", "mcp.timeout", "mcp.timeout"]);
    expect(JSON.stringify(log.mock.calls)).not.toContain("hunter2");
    log.mockRestore();
  });
});

describe("a call that changes something", () => {
  /** The call, its signal that the answer is lost, and the end of its work. */
  function changingCall() {
    const work = Promise.withResolvers<CallToolResult>();
    const lost = Promise.withResolvers<AbortSignal>();
    const run: ReadyCall["run"] = (_progress, _log, signal) => {
      if (signal) lost.resolve(signal);
      return work.promise;
    };
    const { send } = endpointOf({ prepareCall: () => ({ state: "ready", isChange: true, run }) });
    const message = { jsonrpc: "2.0", id: 7, method: "tools/call" };
    const call = (accept: string, meta: object = {}) =>
      send({ ...message, params: { name: "slow", _meta: meta } }, { accept });
    return { call, lost: lost.promise, end: () => work.resolve(done) };
  }

  it.each([
    ["application/json", "application/json", "no-store, no-transform"],
    [ACCEPT, "application/json", "no-store, no-transform"],
    ["text/event-stream", "text/event-stream", "no-cache, no-transform"],
  ])("has a stream at once whose heartbeats slow down, for a client that accepts %s", async (accept, type, cache) => {
    const { call, lost, end } = changingCall();
    const response = await call(accept);
    expect([contentType(response), response.headers.get("cache-control")]).toEqual([type, cache]);
    const text = response.text();
    const signal = await lost;
    await vi.advanceTimersByTimeAsync(60_000);
    end();
    const body = await text;
    const beats = body.split(type === "application/json" ? " " : ": still working").length - 1;
    expect(beats).toBeGreaterThan(50);
    expect(beats).toBeLessThan(100);
    const [message] = type === "application/json" ? [JSON.parse(body)] : messagesIn(body);
    expect(message).toEqual({ jsonrpc: "2.0", id: 7, result: done });
    expect([signal.aborted, vi.getTimerCount()]).toEqual([false, 0]);
  });

  it("is cancelled at its next report after its client left, unless the client accepts only JSON", async () => {
    for (const [accept, reply] of [
      [ACCEPT, "cancel"],
      ["text/event-stream", "cancel"],
      ["application/json", undefined],
    ] as const) {
      const report = Promise.withResolvers<ProgressCallback | undefined>();
      const work = Promise.withResolvers<CallToolResult>();
      const run: ReadyCall["run"] = (progress) => {
        report.resolve(progress);
        return work.promise;
      };
      const { send } = endpointOf({ prepareCall: () => ({ state: "ready", isChange: true, run }) });
      const response = await send(
        { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "slow" } },
        { accept },
      );
      const progress = await report.promise;
      await response.body?.cancel();
      await vi.advanceTimersByTimeAsync(100);
      expect(await progress?.({ progress: 1 })).toBe(reply);
      work.resolve(done);
    }
  });

  it("sends a client that expects progress no heartbeat before it, for a second", async () => {
    const { call, lost, end } = changingCall();
    const reader = (await call(ACCEPT, { progressToken: 1 })).body?.getReader();
    await lost;
    let isRead = false;
    const first = reader?.read().finally(() => {
      isRead = true;
    });
    await vi.advanceTimersByTimeAsync(990);
    expect(isRead).toBe(false);
    await vi.advanceTimersByTimeAsync(20);
    expect(new TextDecoder().decode((await first)?.value)).toBe(": still working\n\n");
    end();
  });

  it.each(["application/json", ACCEPT, "text/event-stream"])(
    "knows that its answer is lost, for a client that accepts %s",
    async (accept) => {
      for (const isEnded of [false, true]) {
        const { call, lost, end } = changingCall();
        const response = await call(accept);
        const signal = await lost;
        if (isEnded) end();
        await vi.advanceTimersByTimeAsync(0);
        expect(signal.aborted).toBe(false);
        await response.body?.cancel();
        await vi.advanceTimersByTimeAsync(100);
        expect(signal.aborted).toBe(true);
        end();
      }
    },
  );

  it("does not count as lost for a client that is slow to read its answer", async () => {
    const { call, lost, end } = changingCall();
    const response = await call("application/json");
    const signal = await lost;
    end();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(JSON.parse(await response.text())).toMatchObject({ result: done });
    expect(signal.aborted).toBe(false);
  });
});
