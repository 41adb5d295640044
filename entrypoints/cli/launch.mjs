// Starts every npm script: `node launch.mjs <command> [arguments]`. Plain JavaScript without new
// syntax, so that a Node that is too old for the commands can report it. The commands are
// TypeScript; Node strips their types.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

const COMMANDS = [
  "dev",
  "deploy",
  "catalog",
  "new",
  "keys",
  "rotate",
  "users",
  "audit",
  "connect",
  "test",
  "bench",
  "cost",
  "check",
  "setup",
  "smoke",
  "rollback",
  "place",
  "contracts",
  "clients",
];
// Keeps compiled code between runs, also for child processes: wrangler starts in two thirds of the
// time. Older Nodes have no such cache.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("../../node_modules/.cache/compiled", import.meta.url));
module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);

const [name, ...rest] = process.argv.slice(2);
const [major, minor] = process.versions.node.split(".").map(Number);

function fail(sentence) {
  console.error(sentence);
  process.exitCode = 1;
}

if (!COMMANDS.includes(name)) {
  fail(`Name a command: node entrypoints/cli/launch.mjs ${COMMANDS.join("|")} [arguments].`);
} else if (!existsSync(new URL("../../node_modules/wrangler/package.json", import.meta.url))) {
  fail("The dependencies are not installed: run `npm install` first.");
} else if (major < 22 || (major === 22 && minor < 6)) {
  fail(
    `Node ${process.versions.node} is too old: install Node 22.6 or newer (24 is best), or start this through npm on Linux, where \`npm install\` adds a newer one.`,
  );
} else if (process.features.typescript) {
  try {
    const { run } = await import(`./${name}.ts`);
    await run(rest);
  } catch (error) {
    if (error?.name === "DeclarationError") {
      const { problemOf } = await import("./check/declarations.ts");
      const { file, line, sentence } = problemOf(error);
      fail(`${file}:${line} ${sentence}`);
    } else if (error?.name === "CliError") fail(error.message);
    else throw error;
  }
} else {
  const flags = ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, ...process.argv.slice(1)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code) => process.exit(code ?? 1));
}
