// `npm test`: all tests that need only npm. `--browser` runs the tests that drive Chromium instead;
// `--watch` stays and repeats the tests that a change affects. All other arguments go to vitest: a
// file name, `-t "a name"`, `--project e2e`.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { CliError } from "./cli-error.ts";
import { ROOT } from "./workers.ts";
import { LOCAL } from "./wrangler.ts";

/** Ends with the exit code of vitest. */
export async function run(args: readonly string[]): Promise<void> {
  const isBrowser = args.includes("--browser");
  const isWatch = args.includes("--watch");
  const rest = args.filter((arg) => arg !== "--browser" && arg !== "--watch");
  const isChosen = rest.some((arg) => arg.startsWith("--project"));
  const chromium = isBrowser ? { CHROMIUM_PATH: findChromium() } : {};
  const vitest = spawn(
    process.execPath,
    [
      path.join(ROOT, "node_modules/vitest/vitest.mjs"),
      isWatch ? "watch" : "run",
      ...["--config", "test/vitest.config.ts", "--root", "."],
      ...(isBrowser ? ["--project", "browser"] : isChosen ? [] : ["--project", "!browser"]),
      ...rest,
    ],
    { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...LOCAL, ...chromium } },
  );
  // Ctrl-C reaches vitest directly; this process waits for its end.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => vitest.kill(signal));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    vitest.once("error", reject);
    vitest.once("exit", (code) => resolve(code ?? 1));
  });
}

/** `CHROMIUM_PATH`, or the first Chromium or Chrome on the PATH. */
function findChromium(): string {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const candidates = process.env.CHROMIUM_PATH
    ? [process.env.CHROMIUM_PATH]
    : folders.flatMap((folder) => names.map((name) => path.join(folder, name)));
  const found = candidates.find((file) => existsSync(file));
  if (found === undefined) {
    throw new CliError(
      "These tests need Chromium: install it (on Debian `apt-get install -y chromium`) or set CHROMIUM_PATH to its executable.",
    );
  }
  return found;
}
