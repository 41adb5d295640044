// The one `wrangler dev` process that runs every Worker: starts it, waits until the gateway
// responds, and hands on what it prints.
import type { ChildProcess } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../root.ts";
import { LOCAL, RUNTIME_INSPECTOR_PORT, startWrangler, stopAll } from "../wrangler.ts";
import { configMistakeOf } from "./health.ts";
import { type DevWorker, type Mistake, mistakesIn, stuckMistake } from "./mistakes.ts";
import { OutputReader, type Printed } from "./output.ts";
import type { SourceMaps } from "./source-maps.ts";
import type { Terminal } from "./terminal.ts";
import { changedFiles, type Snapshot, snapshot } from "./watch.ts";

const START_TIMEOUT_MS = 180_000;
/** The sentence after mistakes that stop the Workers. */
export const DOWN = "The Workers do not run. They start with the next save.";
const RUNNING = "The last good code keeps running.";
/** Time after which new code is taken for one that does not end while it loads. */
const STUCK_MS = 30_000;
/** Files without which the router cannot be built. */
const OF_ROUTER = /^(?:entrypoints\/local\/.*|package\.json|tsconfig\.json)$/;
/** Time without output after which an error has been printed in full. */
const PAUSE_MS = 250;

export interface SystemOptions {
  readonly workers: readonly DevWorker[];
  readonly port: number;
  /** `null` without the debugger. */
  readonly inspectorPort: number | null;
  readonly stateFolder: string;
  readonly maps: SourceMaps;
  readonly terminal: Terminal;
  /** The state of the files with which the Workers were prepared. */
  readonly files: Snapshot;
}

/**
 * The folder in which wrangler writes the addresses of this system's Workers. Another wrangler with
 * the same folder can bind them.
 */
export function registryOf(stateFolder: string): string {
  return `${stateFolder}/registry`;
}

/** The Workers, from their start to their end. */
export class DevSystem {
  readonly #options: SystemOptions;
  readonly #lines: string[] = [];
  #found: Mistake[] = [];
  #pause: ReturnType<typeof setTimeout> | undefined;
  #note = "";
  #isReady = false;
  #hasEnded = false;
  #loading: ReturnType<typeof setTimeout> | undefined;
  #stopped: readonly Mistake[] | null = null;

  /** @param options of the process to start */
  constructor(options: SystemOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the gateway responds, with a promise of the end; or with the mistakes because of
   * which the Workers do not start: none after a change, which may be the correction of code that
   * does not end. They are stopped then.
   */
  async start(): Promise<{ readonly ended: Promise<void>; readonly isServing: boolean } | readonly Mistake[]> {
    const { port, stateFolder, inspectorPort } = this.#options;
    const child = startWrangler(
      this.#arguments(),
      {
        ...LOCAL,
        WRANGLER_REGISTRY_PATH: registryOf(stateFolder),
        [RUNTIME_INSPECTOR_PORT]: `${inspectorPort ?? ""}`,
      },
      "server",
    );
    this.#readOutput(child);
    const ended = new Promise<void>((resolve) => {
      child.once("error", () => resolve());
      child.once("close", () => resolve());
    }).then(() => {
      this.#hasEnded = true;
      this.#hasLoaded();
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await responds(port))) {
      if (this.#stopped && changedFiles(this.#options.files, snapshot()).length > 0) {
        await stopAll();
        return [];
      }
      if (this.#hasEnded || this.#found.length > 0 || Date.now() > deadline) return this.#failure();
      await sleep(100);
    }
    this.#isReady = true;
    this.#hasLoaded();
    this.#options.terminal.forgetMistakes();
    return { ended, isServing: await this.checkSettings() };
  }

  /** The mistakes because of which running Workers were stopped; none if they are corrected. */
  get mistakes(): readonly Mistake[] {
    return this.#stopped ?? [];
  }

  /** Shows settings because of which the gateway serves nothing; `true` if there are none. */
  async checkSettings(): Promise<boolean> {
    const { port, terminal } = this.#options;
    const mistake = await configMistakeOf(port);
    if (mistake) terminal.showMistakes([mistake], "The gateway serves nothing until it is corrected.");
    return mistake === null;
  }

  #arguments(): string[] {
    const { workers, port, stateFolder } = this.#options;
    const configs = workers.flatMap(({ config }) => ["-c", config]);
    return ["dev", ...configs, "--port", `${port}`, "--inspector-port", "0", "--persist-to", stateFolder];
  }

  /** The mistakes once all of them are printed. */
  async #failure(): Promise<readonly Mistake[]> {
    await sleep(2 * PAUSE_MS);
    await stopAll();
    if (this.#found.length > 0) return causes(this.#found);
    if (this.#stopped) return this.#stopped;
    const last = this.#lines.slice(-15);
    return [{ sentence: ["The Workers did not start.", ...last].join("\n"), places: [] }];
  }

  #readOutput(child: ChildProcess): void {
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) throw new Error("wrangler was started without pipes.");
      const reader = new OutputReader((printed) => this.#handle(printed));
      let pause: ReturnType<typeof setTimeout> | undefined;
      createInterface({ input: stream })
        .on("line", (line) => {
          this.#lines.push(line);
          if (this.#lines.length > 50) this.#lines.shift();
          reader.read(line);
          clearTimeout(pause);
          pause = setTimeout(() => reader.flush(), PAUSE_MS);
        })
        .on("close", () => reader.flush());
    }
  }

  #handle(printed: Printed): void {
    const { terminal, workers, maps } = this.#options;
    if (printed.kind === "log") terminal.log(printed.level, printed.name, printed.text);
    else if (printed.kind === "line") terminal.say(printed.text);
    else if (printed.kind === "reloading") {
      this.#loading ??= setTimeout((files) => this.#giveUp(files), STUCK_MS, snapshot());
      for (const { config } of workers) maps.remember(path.join(ROOT, path.dirname(config)));
    } else if (printed.kind === "reloaded") {
      this.#hasLoaded();
      this.#found = [];
      this.#note = "";
      terminal.forgetMistakes();
      terminal.say("Reloaded.");
      void this.checkSettings();
    } else this.#handleError(printed.lines, printed.level);
  }

  #hasLoaded(): void {
    clearTimeout(this.#loading);
    this.#loading = undefined;
  }

  /** Code handed over with `files` has not loaded: the runtime says nothing, and takes no other. */
  #giveUp(files: Snapshot): void {
    const now = snapshot();
    this.#stopped = changedFiles(files, now).length > 0 ? [] : [stuckMistake({ root: ROOT, files: now })];
    if (this.#isReady) void stopAll();
    else if (this.#stopped.length > 0) this.#options.terminal.showMistakes(this.#stopped, DOWN);
  }

  #handleError(lines: readonly string[], level: "warn" | "error"): void {
    const { terminal } = this.#options;
    const mistakes = mistakesIn(lines, { ...this.#options, root: ROOT, files: snapshot() });
    if (level === "warn") {
      terminal.showWarnings(mistakes);
      return;
    }
    this.#found.push(...mistakes);
    this.#hasLoaded();
    const [first = ""] = lines;
    const isStopped = /^(?:The Workers runtime failed to start|service core:|Worker "core:)/.test(first);
    if (!this.#isReady) return;
    clearTimeout(this.#pause);
    this.#note = isStopped ? DOWN : first.startsWith("Build failed") ? RUNNING : this.#note;
    this.#pause = setTimeout(() => this.#showFound(), PAUSE_MS);
    // It does not always end by itself. If it did, another one may have started since.
    if (isStopped) setTimeout(() => this.#hasEnded || void stopAll(), 4 * PAUSE_MS);
  }

  /** Shows the mistakes. While the router cannot be built, wrangler holds all requests back. */
  #showFound(): void {
    const found = causes(this.#found);
    const isHeldBack = this.#note === RUNNING && found.some(({ places: [place] }) => OF_ROUTER.test(place?.file ?? ""));
    if (!isHeldBack) this.#options.terminal.showMistakes(found, this.#note);
    else {
      this.#stopped = found;
      void stopAll();
    }
  }
}

/** Without mistakes that follow from another: a Worker that does not load exports nothing. */
function causes(mistakes: readonly Mistake[]): readonly Mistake[] {
  const others = mistakes.filter(({ sentence }) => !/^The binding \S+ of \S+ names the entrypoint /.test(sentence));
  return others.length > 0 ? others : mistakes;
}

/** True once anything responds through the router, also an error of the gateway. */
async function responds(port: number): Promise<boolean> {
  try {
    await fetch(`http://localhost:${port}/health`, { signal: AbortSignal.timeout(5000) });
    return true;
  } catch {
    return false;
  }
}
