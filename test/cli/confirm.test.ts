// The question before a step that replaces something, on a terminal.
import { PassThrough } from "node:stream";
import { afterEach, expect, it, vi } from "vitest";
import { confirm } from "../../entrypoints/cli/confirm.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** The outcome of the question after `typed`; an error is its message. */
async function outcomeOf(typed: string): Promise<unknown> {
  const [keyboard, screen] = [new PassThrough(), new PassThrough()];
  vi.spyOn(process, "stdin", "get").mockReturnValue(Object.assign(keyboard, { isTTY: true }) as never); // as far as readline uses it
  vi.spyOn(process, "stdout", "get").mockReturnValue(Object.assign(screen, { isTTY: true }) as never); // as above
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  const answered = confirm("Deploy?");
  keyboard.write(typed);
  return answered.catch((error: Error) => error.message);
}

it.each(["y\n", "Y\n", " yes \n"])("continues after %j", async (typed) => {
  expect(await outcomeOf(typed)).toBeUndefined();
});

it.each(["\n", "n\n", "yep\n", "\u0003", "\u0004"])("changes nothing after %j", async (typed) => {
  expect(await outcomeOf(typed)).toBe("Nothing was changed.");
});
