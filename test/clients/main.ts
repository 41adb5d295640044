// `npm run test:clients`: starts the gateway, installs client programs from npm into a temporary
// folder, drives each from adding the server to signing out, and compares with `TRIED`.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { openDesk } from "./desk.ts";
import { PROGRAMS } from "./programs.ts";
import { TRIED, type TriedClient } from "./tried.ts";

const USAGE = `Usage: npm run test:clients [-- NAME…]

Drives real client programs against a gateway on this machine (Linux, with access to npm).
Without a name, all of them: ${Object.keys(PROGRAMS).join(", ")}`;

/** Packages that a program needs beside its own. */
const COMPANIONS: Readonly<Record<string, readonly string[]>> = { "AI SDK": ["ai@7.0.173"] };

interface Gateway {
  readonly url: string;
  stop(): Promise<void>;
}

async function main(names: readonly string[]): Promise<void> {
  const isMistake = names.some((name) => !(name in PROGRAMS) && name !== "--help");
  if (isMistake) process.exitCode = 1;
  if (isMistake || names.includes("--help")) return console.log(USAGE);
  const folder = mkdtempSync(path.join(tmpdir(), "clients-"));
  const gateway = await startGateway(folder);
  try {
    for (const client of TRIED.filter(({ name }) => names.includes(name) || (names.length === 0 && name in PROGRAMS)))
      await tryOut(client, gateway, path.join(folder, client.name.replaceAll(" ", "-")));
  } finally {
    await gateway.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Drives one program and prints one line. */
async function tryOut(client: TriedClient, { url }: Gateway, folder: string): Promise<void> {
  const { name, program, version } = client;
  const started = Date.now();
  let problems: readonly string[];
  try {
    const desk = await openDesk(folder, url, [`${program}@${version}`, ...(COMPANIONS[name] ?? [])]);
    problems = differences(client, (await PROGRAMS[name]?.(desk)) ?? null);
  } catch (error) {
    problems = [(error as Error).message];
  }
  const seconds = Math.round((Date.now() - started) / 1000);
  if (problems.length === 0) return console.log(`✓ ${name} ${version} (${seconds} s)`);
  console.log(`✗ ${name} ${version} (${seconds} s): ${problems.join("; ")}`);
  process.exitCode = 1;
}

function differences({ shown, signOut }: TriedClient, seen: Awaited<ReturnType<(typeof PROGRAMS)[string]>> | null) {
  if (seen === null) return ["there is no way to drive it"];
  const hasPicture = /iVBORw0KGgo/.test(seen.result); // the first bytes of a PNG, in base64
  const expectsPicture = /picture|all three/.test(shown);
  return [
    ...(seen.tools > 0 ? [] : ["it listed no tool"]),
    ...(seen.result.includes("size_bytes") ? [] : ["the value did not arrive"]),
    ...(hasPicture === expectsPicture ? [] : [`expected ${shown}, and ${hasPicture ? "a" : "no"} picture arrived`]),
    ...(seen.signOut === signOut || seen.signOut === "not tried"
      ? []
      : [`signing out ${seen.signOut}, expected: ${signOut}`]),
  ];
}

async function startGateway(folder: string): Promise<Gateway> {
  const dev = spawn(
    process.execPath,
    [path.join(ROOT, "entrypoints/cli/launch.mjs"), "dev", "--port", "0", "--persist-to", path.join(folder, "state")],
    { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = new Promise<void>((resolve) => dev.once("close", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let output = "";
    const read = (chunk: string) => {
      output += chunk;
      const found = /is ready.*?(http:\/\/localhost:\d+\/mcp)/s.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    dev.stdout.setEncoding("utf8").on("data", read);
    dev.stderr.setEncoding("utf8").on("data", read);
    void ended.then(() => reject(new Error(`The gateway did not start:\n${output}`)));
  });
  const stop = async () => {
    dev.kill("SIGINT");
    await ended;
  };
  return { url, stop };
}

await main(process.argv.slice(2));
