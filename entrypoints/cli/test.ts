// `npm test`: all fast tests that need only npm. `--slow` runs those that take long instead, and
// `--browser` those that drive Chromium. `--watch` starts with the tests of what has changed, and
// repeats those that a change affects. All other arguments go to vitest: a folder or a file,
// `-t "a name"`.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CliError } from "./cli-error.ts";
import { ROOT } from "./workers.ts";
import { LOCAL } from "./wrangler.ts";

/** Projects that run only when they are asked for, by the flag that asks. */
const EXTRA: Readonly<Record<string, readonly string[]>> = {
  "--browser": ["browser"],
  "--slow": ["slow", "conformance"],
};

/** A file system in memory, on Linux. */
const MEMORY = "/dev/shm";
/** Several times what `npm test` keeps there. */
const MEMORY_MIN_BYTES = 2 ** 30;

/** Ends with the exit code of vitest. */
export async function run(args: readonly string[]): Promise<void> {
  const rest = args.filter((arg) => arg !== "--watch" && !(arg in EXTRA));
  const needsChromium = args.some((arg) => arg === "--browser" || arg.includes("test/browser/"));
  const chromium = needsChromium ? { CHROMIUM_PATH: findChromium() } : {};
  const watch = rest.length === 0 ? ["watch", "--changed"] : ["watch"];
  const temporary = mkdtempSync(path.join(temporaryRoot(), "stackbilt-test-"));
  const env = { ...process.env, ...LOCAL, ...chromium, TMPDIR: temporary };
  const vitest = spawn(
    process.execPath,
    [
      path.join(ROOT, "node_modules/vitest/vitest.mjs"),
      ...(args.includes("--watch") ? watch : ["run"]),
      ...["--config", "test/vitest.config.ts", "--root", "."],
      ...projectsOf(args).flatMap((name) => ["--project", name]),
      ...rest,
    ],
    { cwd: ROOT, stdio: "inherit", env },
  );
  // Ctrl-C reaches vitest directly; this process waits for its end.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => vitest.kill(signal));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    vitest.once("error", reject);
    vitest.once("exit", (code) => resolve(code ?? 1));
  }).finally(() => rmSync(temporary, { recursive: true, force: true, maxRetries: 5 }));
}

/**
 * The folder for the stored data of Workers. In memory, a test suite takes a fifth less processor
 * time than on a disk.
 */
function temporaryRoot(): string {
  if (!existsSync(MEMORY)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize < MEMORY_MIN_BYTES ? tmpdir() : MEMORY;
}

/** The filters of projects: an extra one runs by its flag, by `--project`, or by a file in it. */
function projectsOf(args: readonly string[]): readonly string[] {
  if (args.some((arg) => arg.startsWith("--project"))) return [];
  const flagged = args.flatMap((arg) => EXTRA[arg] ?? []);
  const unnamed = Object.values(EXTRA)
    .flat()
    .filter((name) => !args.some((arg) => arg.includes(`test/${name}`)));
  return flagged.length > 0 ? flagged : unnamed.map((name) => `!${name}`);
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
