// `npm run dev` as a process of its own, and a sibling's `wrangler dev` beside it.
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { vi } from "vitest";
import { LOCAL } from "../../entrypoints/cli/wrangler.ts";
import { linkTo, newAccount, type Page, User } from "./user.ts";

/** A process that runs until it is stopped. */
export interface Running {
  readonly child: ChildProcess;
  /** All that it has printed so far. */
  readonly output: () => string;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

/** Starts `npm run dev` in `folder`, a copy of the repository. The caller stops it. */
export function startDev(folder: string, ...args: string[]): Running {
  return track(
    spawn(process.execPath, ["entrypoints/cli/launch.mjs", "dev", ...args], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
}

/** The process with its output, which is collected from now on. */
function track(child: ChildProcess): Running {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, output: () => output, ended };
}

/** The part of the output that `pattern` captures, once it is printed. */
function printed({ output }: Running, pattern: RegExp): Promise<string> {
  return vi.waitFor(
    () => {
      const [, found] = pattern.exec(output()) ?? [];
      if (found === undefined) throw new Error(`Not printed yet: ${pattern}\n${output()}`);
      return found;
    },
    { timeout: 230_000, interval: 100 },
  );
}

/** Waits for the summary of `npm run dev` and returns its origin. */
export function originOf(running: Running): Promise<string> {
  return printed(running, /is ready.*?(http:\/\/localhost:\d+)\/mcp/s);
}

/** The exit code after Ctrl-C. */
export function stop({ child, ended }: Running): Promise<number | null> {
  child.kill("SIGINT");
  return ended;
}

/** A sibling's process, and the address that it serves. */
export interface RunningSibling {
  readonly address: string;
  readonly stop: () => Promise<void>;
}

/** Starts the example of a sibling with the line that `npm run dev` prints, as a shell reads it. */
export async function startSibling(folder: string, line: string): Promise<RunningSibling> {
  const running = track(
    spawn("sh", ["-c", `${line} --port 0 --inspector-port 0`], {
      cwd: path.join(folder, "docs/examples/sibling"),
      env: { ...process.env, ...LOCAL, FORCE_COLOR: "0" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // the shell, npx and wrangler are stopped together
    }),
  );
  const end = async () => {
    process.kill(-(running.child.pid ?? 0), "SIGINT");
    await running.ended;
  };
  try {
    return { address: await printed(running, /Ready on (http:\S+)/), stop: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** A new user in a browser, with the account page open and an API key made there. */
export async function newKeyOwner(origin: string): Promise<{ readonly user: User; readonly apiKey: string }> {
  const user = new User();
  const login = await user.open(`${origin}/apps`);
  const account = await user.submit(await user.open(linkTo(login, "/signup")), "/signup", { ...newAccount() });
  const choices = { name: "sibling", environment: "live", scope: "generate", days: "30" };
  return { user, apiKey: keyIn(await user.submit(account, "/apps/keys", choices)) };
}

function keyIn({ html }: Page): string {
  return /sb_live_[\w-]+/.exec(html)?.[0] ?? "";
}
