// Deadlines that share a timer.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadlines, TIMED_OUT, withDeadline } from "../../contracts/rpc/deadlines.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.restoreAllMocks(); // first: it would put a fake timer back
  vi.useRealTimers();
});

const never = () => new Promise<never>(() => undefined);

describe("the deadlines of one request", () => {
  it("take one timer while the outer one is the earliest, and none once the work is done", async () => {
    const set = vi.spyOn(globalThis, "setTimeout");
    const deadlines = new Deadlines();
    const inner = () => deadlines.within(async () => "value", 10_000);
    expect(await deadlines.within(() => deadlines.within(inner, 90_000), 1_000)).toBe("value");
    expect(set).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("each end their own work, whichever was begun first", async () => {
    const deadlines = new Deadlines();
    const ended: string[] = [];
    const wait = async (name: string, ms: number) => {
      if ((await deadlines.within(never, ms)) === TIMED_OUT) ended.push(`${name} at ${Date.now() - start}`);
    };
    const start = Date.now();
    const all = [wait("middle", 2_000), wait("last", 3_000), wait("first", 1_000), wait("also middle", 2_000)];
    await vi.advanceTimersByTimeAsync(3_000);
    await Promise.all(all);
    expect(ended).toEqual(["first at 1000", "middle at 2000", "also middle at 2000", "last at 3000"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("pass on what the work throws, also at once", async () => {
    const deadlines = new Deadlines();
    const fail = () => {
      throw new Error("at once");
    };
    await expect(deadlines.within(fail, 1_000)).rejects.toThrow("at once");
    await expect(deadlines.within(() => Promise.reject(new Error("later")), 1_000)).rejects.toThrow("later");
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("a reply after the deadline is discarded, and an error then is no unhandled one", async () => {
  const late = Promise.withResolvers<string>();
  const broken = Promise.withResolvers<string>();
  const discard = vi.fn<(reply: unknown) => void>();
  const both = Promise.all([
    withDeadline(() => late.promise, 1_000, discard),
    withDeadline(() => broken.promise, 1_000, discard),
  ]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await both).toEqual([TIMED_OUT, TIMED_OUT]);
  late.resolve("late");
  broken.reject(new Error("late"));
  await vi.advanceTimersByTimeAsync(0);
  expect(discard.mock.calls).toEqual([["late"]]);
});
