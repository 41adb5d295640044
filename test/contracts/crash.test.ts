// The loggable part of a thrown value.
import { afterEach, describe, expect, it, vi } from "vitest";
import { Defect, describeCrash } from "../../contracts/rpc/crash.ts";

afterEach(() => vi.unstubAllGlobals());

const thrown = () => new Error("the password is hunter2", { cause: new TypeError("deeper") });

describe("a thrown error", () => {
  it("is logged without its message, unless it is of the runtime or a constant of this repository", () => {
    const logged = describeCrash(thrown());
    expect(logged).toEqual({ error: "Error", at: expect.stringContaining("crash.test.ts") });
    expect(describeCrash(new Defect("a constant"))).toMatchObject({ message: "a constant" });
    expect(describeCrash(new TypeError("x is not a function"))).toMatchObject({ message: "x is not a function" });
    expect(describeCrash("the password is hunter2")).toEqual({ error: "string" });
  });

  it.each([undefined, false, true])("is logged so where the constant of npm run dev is %s", (value) => {
    vi.stubGlobal("LOCAL_DEVELOPMENT", value);
    expect(JSON.stringify(describeCrash(thrown()))).not.toMatch(/hunter2|stack/);
  });

  it("is logged in full, with its causes, by npm run dev", () => {
    vi.stubGlobal("LOCAL_DEVELOPMENT", "gateway");
    const { stack } = describeCrash(thrown());
    expect(stack).toMatch(/^Error: the password is hunter2\n\s+at .*\nCaused by: TypeError: deeper\n/s);
    expect(describeCrash("text")).toEqual({ error: "string", stack: "text" });
  });
});
