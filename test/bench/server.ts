// One process of `workerd serve`, which `wrangler dev` also runs, and its processor time.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type ServiceName, systemConfig } from "./config.ts";

const START_TIMEOUT_MS = 30_000;

/** A running system. */
export interface Server {
  /** The port of each requested Worker, on 127.0.0.1. */
  readonly ports: ReadonlyMap<ServiceName, number>;
  /** User and system time of the process so far, in microseconds. */
  cpuUs(): number;
  /** The same, once the work after the responses is done. */
  idleCpuUs(): Promise<number>;
  /** The end of the Workers' error output. */
  errors(): string;
  stop(): Promise<void>;
}

/**
 * Starts `services` with the bundles in `folder`. The caller stops them.
 *
 * @param mainModule that of the gateway
 */
export async function startServer(
  folder: string,
  services: readonly ServiceName[],
  mainModule = "gateway/index.js",
): Promise<Server> {
  const objects = mkdtempSync(path.join(folder, "objects-"));
  const file = `${objects}.capnp`;
  writeFileSync(file, await systemConfig(services, objects, mainModule));
  const { default: workerd }: { readonly default: string } = createRequire(
    createRequire(import.meta.url).resolve("wrangler"),
  )("workerd");
  // Audit records also go to stdout, which is not read here; writing them is part of the cost.
  const child = spawn(workerd, ["serve", file, "--control-fd=3"], { stdio: ["ignore", "ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    errors = (errors + piece).slice(-4_000);
  });
  // Also if the benchmark ends early.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const stop = async () => {
    process.off("exit", kill);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    kill();
    await exited;
  };
  try {
    const ports = await listening(child.stdio[3] as Readable, services.length); // a pipe, by `stdio` above
    const cpuUs = () => cpuUsOf(child.pid ?? 0);
    return { ports, cpuUs, idleCpuUs: () => whenIdle(cpuUs), errors: () => errors, stop };
  } catch (error) {
    await stop();
    throw new Error(`The runtime did not start:\n${errors}`, { cause: error });
  }
}

/** The ports that the runtime reports on its control pipe. */
async function listening(control: Readable, count: number): Promise<ReadonlyMap<ServiceName, number>> {
  const ports = new Map<ServiceName, number>();
  const lines = createInterface({ input: control });
  const timer = setTimeout(() => lines.close(), START_TIMEOUT_MS);
  for await (const line of lines) {
    const { event, socket, port }: { event: string; socket: ServiceName; port: number } = JSON.parse(line);
    if (event === "listen") ports.set(socket, port);
    if (ports.size === count) break;
  }
  clearTimeout(timer);
  if (ports.size < count) throw new Error(`Only ${ports.size} of ${count} sockets are open.`);
  return ports;
}

/**
 * Linux: the first number of a thread's `schedstat` is its processor time in nanoseconds. `stat`
 * has hundredths of a second only.
 */
function cpuUsOf(pid: number): number {
  const folder = `/proc/${pid}/task`;
  const times = readdirSync(folder).map((thread) =>
    Number(readFileSync(`${folder}/${thread}/schedstat`, "utf8").split(" ", 1)[0]),
  );
  return times.reduce((sum, nanoseconds) => sum + nanoseconds / 1000, 0);
}

/** Waits until the process is idle: it sends records and collects garbage after the response. */
async function whenIdle(cpuUs: () => number): Promise<number> {
  let before = cpuUs();
  for (let polls = 0; polls < 40; polls++) {
    await sleep(5);
    const now = cpuUs();
    if (now - before < 100) return now;
    before = now;
  }
  return before;
}
