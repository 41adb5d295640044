// `npm run contracts`: packs contracts/ as the npm package `@stackbilt/contracts`, which another
// repository installs to implement a backend or to call the gateway: JavaScript, types, valibot.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { CliError } from "./cli-error.ts";
import { readArguments } from "./options.ts";
import { ROOT } from "./root.ts";

const USAGE = `Usage: npm run contracts [-- --out FOLDER]

Packs contracts/ as a file that another repository installs. The folder is
dist/ by default, which git ignores.`;

/** Packs, and prints the file and the command that installs it. */
export async function run(args: readonly string[]): Promise<void> {
  const command = { args, usage: USAGE, options: { out: { type: "string" } } } as const;
  const out = readArguments(command, (values) => path.resolve(values.out ?? path.join(ROOT, "dist")));
  if (out === "help") return console.log(USAGE);
  const file = await packContracts(out);
  console.log(`Packed ${file}.\nInstall it in another repository: npm install ${file}`);
}

/** Writes the package into the folder `out`, which it makes, and returns the file's path. */
export async function packContracts(out: string): Promise<string> {
  const built = mkdtempSync(path.join(tmpdir(), "contracts-"));
  try {
    await compile(built);
    cpSync(path.join(ROOT, "LICENSE"), path.join(built, "LICENSE"));
    writeFileSync(path.join(built, "package.json"), manifest());
    mkdirSync(out, { recursive: true });
    const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", out];
    const { stdout } = await execute("npm", pack, { cwd: built });
    const [packed] = JSON.parse(stdout) as { filename: string }[]; // the format of npm pack --json
    return path.join(out, packed?.filename ?? "");
  } finally {
    rmSync(built, { recursive: true });
  }
}

/** The manifest without `private`, with which npm publishes to no registry at all. */
function manifest(): string {
  const source = JSON.parse(readFileSync(path.join(ROOT, "contracts/package.json"), "utf8")) as object; // a manifest
  return JSON.stringify({ ...source, private: undefined, publishConfig: { access: "restricted" } }, null, 2);
}

const execute = promisify(execFile);

/** Every contract as JavaScript with declarations, which import each other as `.js`. */
async function compile(built: string): Promise<void> {
  const flags = ["--composite", "false", "--incremental", "false", "--emitDeclarationOnly", "false"];
  const tsc = [path.join(ROOT, "node_modules/typescript/bin/tsc"), "-p", path.join(ROOT, "contracts")];
  const options = [...tsc, ...flags, "--rewriteRelativeImportExtensions", "--outDir", built];
  await execute(process.execPath, options).catch((error: { stdout: string }) => {
    throw new CliError(`The contracts do not compile:\n${error.stdout}`);
  });
  // The compiler rewrites the imports of JavaScript only.
  for (const file of readdirSync(built, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".d.ts"),
  )) {
    const text = readFileSync(path.join(built, file), "utf8");
    writeFileSync(path.join(built, file), text.replaceAll(/((?:from |import\()"\.[^"]+)\.ts"/g, '$1.js"'));
  }
}
