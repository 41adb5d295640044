// `npm run dev`: the whole system on this machine, behind one port. Starts every Worker in one
// `wrangler dev` and keeps them running: a mistake is shown once, and the system continues with the
// next save. Stops everything on Ctrl-C. Listens on loopback only. Imports no code of the Workers,
// which may be broken.
import { rmSync } from "node:fs";
import path from "node:path";
import { serveWhileDown } from "./dev/down-server.ts";
import { LOG_CHOICES, type LogChoice } from "./dev/log-lines.ts";
import { makePlan } from "./dev/make-plan.ts";
import type { DevWorker, Mistake } from "./dev/mistakes.ts";
import { SourceMaps } from "./dev/source-maps.ts";
import { lockState, refuseSecond } from "./dev/state-lock.ts";
import { DevSystem, DOWN, registryOf } from "./dev/system.ts";
import { Terminal } from "./dev/terminal.ts";
import { changedFiles, nextChange, type Snapshot, snapshot } from "./dev/watch.ts";
import { readArguments } from "./options.ts";
import { choosePort } from "./port.ts";
import { ROOT } from "./root.ts";
import { stopAll } from "./wrangler.ts";

const DEFAULT_PORT = 8790;
const DEFAULT_INSPECTOR_PORT = 9229;
/** Files that are read when the Workers start. */
const NEEDS_START = /(?:^|[\\/])(?:wrangler\.toml|\.dev\.vars)$|\.sql$/;
/** Workers that end within this time, without a change, may do so again. */
const EARLY_MS = 60_000;

const USAGE = `Usage: npm run dev [-- options]

  --port N           serve on http://localhost:N (default ${DEFAULT_PORT}; 0 takes any free port)
  --fresh            start empty: delete local users, grants and the backends' data
  --persist-to DIR   store the state in DIR (default .wrangler/state)
  --logs WHAT        all (default): requests, tool calls, audit records, events
                     requests: requests, warnings and errors; off: errors only
                     json: one JSON object a line, everything
  --quiet            the same as --logs off
  --inspect [PORT]   open the debugger on PORT (default ${DEFAULT_INSPECTOR_PORT})
  --help             show this

A mistake in the code, a wrangler.toml, a .dev.vars or a migration is shown once. The system
continues with the next save, on the same port and with the same state. Ctrl-C stops everything. NO_COLOR=1 removes colours.`;

interface Options {
  readonly isFresh: boolean;
  readonly port: number;
  /** Absolute. */
  readonly stateFolder: string;
  readonly logs: LogChoice;
  /** `null` without the debugger. */
  readonly inspectorPort: number | null;
}

/** Runs until it is stopped, then ends the process. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  refuseSecond(options.stateFolder, options.port);
  const port = await choosePort(options.port);
  const inspectorPort = options.inspectorPort === null ? null : await choosePort(options.inspectorPort);
  lockState(options.stateFolder, port);
  const supervisor = new Supervisor({ ...options, port, inspectorPort });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void supervisor.stop());
  await supervisor.run();
}

/** Keeps the Workers running. */
class Supervisor {
  readonly #options: Options;
  readonly #maps = new SourceMaps(ROOT);
  readonly #terminal: Terminal;
  #workers: readonly DevWorker[] = [];
  #isStopping = false;
  #hasStarted = false;
  #isFresh: boolean;
  /** The files of which the Workers are made. */
  #files: Snapshot = snapshot();

  /** @param options with the port that is served */
  constructor(options: Options) {
    this.#options = options;
    this.#isFresh = options.isFresh;
    const hasColours = Boolean(process.stdout.isTTY) && !process.env.NO_COLOR && options.logs !== "json";
    this.#terminal = new Terminal({ choice: options.logs, hasColours, root: ROOT, maps: this.#maps });
  }

  /** Starts the Workers again: after their end at once, after a mistake with the next change. */
  async run(): Promise<void> {
    let earlyEnds = 0;
    while (!this.#isStopping) {
      const before = this.#files;
      this.#files = snapshot();
      const startedAt = performance.now();
      const mistakes = await this.#attempt();
      if (this.#isStopping) return;
      const isEarly = changedFiles(before, this.#files).length === 0 && performance.now() - startedAt < EARLY_MS;
      earlyEnds = isEarly ? earlyEnds + 1 : 0;
      // Workers that ended are started once more: they may have ended before the last correction.
      if (mistakes.length > 0) await this.#waitForChange(mistakes);
      else if (earlyEnds > 2) await this.#waitForChange([{ sentence: "The Workers keep stopping.", places: [] }]);
    }
  }

  /** Ends the Workers and this process. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    await stopAll();
    for (const { config } of this.#workers) rmSync(path.join(ROOT, config), { force: true });
    process.exit(0);
  }

  /** Runs the Workers to their end. Returns the mistakes because of which they did not start. */
  async #attempt(): Promise<readonly Mistake[]> {
    const { port, stateFolder, inspectorPort } = this.#options;
    const startedAt = performance.now();
    const plan = await makePlan({ port, stateFolder, isFresh: this.#isFresh });
    if ("sentence" in plan) return [plan];
    this.#workers = plan.workers;
    this.#terminal.workers = plan.workers;
    this.#isFresh = false;
    // The plan writes missing secrets, which is no change of the developer.
    this.#files = new Map([...this.#files, ...[...snapshot()].filter(([file]) => path.basename(file) === ".dev.vars")]);
    if (this.#isStopping) return [];
    this.#terminal.say("Starting the Workers.");
    const { terminal, maps } = { terminal: this.#terminal, maps: this.#maps };
    const system = new DevSystem({
      workers: plan.workers,
      port,
      inspectorPort,
      stateFolder,
      maps,
      terminal,
      files: this.#files,
    });
    const started = await system.start();
    if (!("ended" in started)) return started;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    this.#terminal.say(
      this.#hasStarted ? `The gateway is ready again (${seconds} s).` : summary(this.#options, seconds),
    );
    this.#hasStarted = true;
    if (started.isServing) this.#terminal.showWarnings(plan.warnings);
    if (await this.#runUntilEnd(started.ended)) return [];
    if (system.mistakes.length > 0) this.#files = snapshot();
    return system.mistakes;
  }

  /** Runs until the Workers end, or a file changes that wrangler does not watch: `true`. */
  async #runUntilEnd(ended: Promise<void>): Promise<boolean> {
    const stopped = new AbortController();
    let hasChanged = false;
    const end = ended.then(() => stopped.abort());
    let known = this.#files;
    while (!stopped.signal.aborted && !this.#isStopping) {
      const changed = await nextChange(known, stopped.signal).catch(() => []);
      if (stopped.signal.aborted) break;
      known = snapshot();
      const reason = changed.find((file) => NEEDS_START.test(file));
      if (reason === undefined) continue;
      hasChanged = true;
      this.#terminal.say(`${reason} has changed.`);
      await stopAll();
    }
    await end;
    return hasChanged;
  }

  async #waitForChange(mistakes: readonly Mistake[]): Promise<void> {
    this.#terminal.showMistakes(mistakes, DOWN);
    const server = await serveWhileDown(this.#options.port, this.#terminal.plain(mistakes));
    await nextChange(this.#files);
    this.#terminal.forgetMistakes(); // one that a save does not correct is shown again
    await server.close();
  }
}

const OPTIONS = {
  port: { type: "string" },
  fresh: { type: "boolean" },
  "persist-to": { type: "string" },
  logs: { type: "string" },
  quiet: { type: "boolean" },
  inspect: { type: "string" },
} as const;

function readOptions(args: readonly string[]): Options | "help" {
  return readArguments({ args: withInspectorPort(args), usage: USAGE, options: OPTIONS }, (values) => {
    const logs = values.logs ?? (values.quiet ? "off" : "all");
    if (!isLogChoice(logs)) throw new Error(`"${logs}" is none of ${LOG_CHOICES.join(", ")}`);
    return {
      isFresh: values.fresh ?? false,
      port: portOf(values.port ?? `${DEFAULT_PORT}`),
      stateFolder: path.resolve(values["persist-to"] ?? path.join(ROOT, ".wrangler/state")),
      logs,
      inspectorPort: values.inspect === undefined ? null : portOf(values.inspect),
    };
  });
}

/** `args` with a port after each `--inspect`, which may have none. */
function withInspectorPort(args: readonly string[]): string[] {
  return args.map((arg, index) =>
    arg === "--inspect" && !/^\d+$/.test(args[index + 1] ?? "") ? `--inspect=${DEFAULT_INSPECTOR_PORT}` : arg,
  );
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`"${text}" is not a port`);
  return port;
}

function isLogChoice(text: string): text is LogChoice {
  return LOG_CHOICES.some((choice) => choice === text);
}

/** The line that starts a sibling Worker beside this system, in the sibling's folder. */
function siblingLine(stateFolder: string): string {
  const registry = registryOf(stateFolder);
  const isPlain = /^[\w./-]+$/.test(registry);
  return `WRANGLER_REGISTRY_PATH=${isPlain ? registry : `'${registry.replaceAll("'", "'\\''")}'`} npx wrangler dev`;
}

/** Addresses and commands for a system that has started, `seconds` after the command. */
export function summary(
  { port, stateFolder, inspectorPort }: Pick<Options, "port" | "stateFolder" | "inspectorPort">,
  seconds: string,
): string {
  const { origin } = new URL(`http://localhost:${port}`); // as a browser writes it, without port 80
  const debuggerLine =
    inspectorPort === null ? "" : `\n    Debugger     http://127.0.0.1:${inspectorPort} (chrome://inspect, or VS Code)`;
  return `
  The gateway is ready (${seconds} s).

    Front page   ${origin} (tools, and the set-up of each client)
    Endpoint     ${origin}/mcp
    Sign-in      ${origin}/login (your client opens it when you connect)${debuggerLine}

    Claude Code  claude mcp add --transport http stackbilt ${origin}/mcp
    Inspector    npx @modelcontextprotocol/inspector --transport http --server-url ${origin}/mcp
    Sibling      ${siblingLine(stateFolder)}
                 (in the folder of a Worker that binds GatewayEntrypoint, e.g. docs/examples/sibling)

  Ctrl-C stops everything; npm run dev -- --fresh starts empty.
`;
}
