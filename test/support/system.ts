// The whole system for end-to-end tests: front door, gateway and every backend, each from its own wrangler.toml, joined by real
// bindings behind one real port. Storage is empty and in memory, secrets are made here, nothing of a developer's machine is read.
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { createTestHarness, type TestHarnessOptions, type Unstable_RawConfig, type WorkerHandle } from "wrangler";
import { AUDIENCES, randomSecret } from "../../entrypoints/cli/local-secrets.ts";
import {
  CONFIGS,
  DEFAULT_ORIGIN,
  ROOT,
  readConfig,
  settingOf,
  variablesOf,
  type WorkerKey,
  workerName,
  writeAdaptedConfig,
} from "../../entrypoints/cli/workers.ts";
import { identityKeysSetting } from "../../src/crypto/keys.ts";
import { withAddress } from "./address.ts";
import { judgedFetch, takeViolations } from "./validating-fetch.ts";

type Settings = Partial<Record<WorkerKey, Readonly<Record<string, string>>>>;

export interface SystemOptions {
  /** Variables instead of those in a Worker's wrangler.toml. */
  readonly vars?: Settings;
  /** Secrets beside, or instead of, those that every system gets. */
  readonly secrets?: Settings;
  /** Main modules, from the repository's root, that run under a backend's name instead of it: to misbehave. Bindings come from `also` only. */
  readonly standIns?: Partial<Record<WorkerKey, string>>;
  /** Main modules, from the repository's root, instead of those in a Worker's wrangler.toml; bindings and secrets stay. */
  readonly mains?: Partial<Record<WorkerKey, string>>;
  /** More Workers, e.g. a sibling bound to `GatewayEntrypoint`. `main` is relative to the repository's root; the compatibility date is ours. */
  readonly also?: readonly (Omit<Unstable_RawConfig, "env"> & { readonly name: string; readonly main: string })[];
}

export interface System {
  /** The one origin: OAuth issuer, MCP endpoint, pages, pictures. */
  readonly origin: string;
  /** Node's own fetch over a real connection, each time from another address, and judged. A path is resolved against `origin`. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** A Worker by the name it is deployed under: its bindings, its storage, and `fetch` straight to it. */
  worker(name: string): WorkerHandle;
  /** Everything the Workers have logged so far, oldest first. */
  logs(): readonly string[];
  stop(): Promise<void>;
}

/** Starts the system. The caller stops it. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  mkdirSync(path.join(ROOT, ".test"), { recursive: true });
  const folder = mkdtempSync(path.join(ROOT, ".test/system-"));
  const secrets = await makeSecrets(options.secrets ?? {});
  const build = (origin: string): TestHarnessOptions => ({
    root: ROOT,
    workers: [
      ...(Object.keys(CONFIGS) as WorkerKey[]).map((worker) => {
        const main = options.standIns?.[worker];
        if (main !== undefined) return { config: withDate({ name: workerName(worker), main }) };
        const vars = Object.entries(variablesOf(readConfig(worker))).map(([key, value]) => [
          key,
          value.replaceAll(DEFAULT_ORIGIN, origin),
        ]);
        return {
          configPath: path.join(folder, worker, "wrangler.toml"),
          vars: { ...Object.fromEntries(vars), ...options.vars?.[worker] },
          secrets: secrets[worker] ?? {},
        };
      }),
      ...(options.also ?? []).map((config) => ({ config: withDate(config) })),
    ],
  });
  for (const worker of Object.keys(CONFIGS) as WorkerKey[]) {
    const given = options.mains?.[worker];
    const main = given === undefined ? undefined : path.relative(path.dirname(CONFIGS[worker]), given);
    const usual = worker === "auth" ? { main: "local.ts" } : {};
    writeAdaptedConfig(worker, path.join(folder, worker, "wrangler.toml"), main === undefined ? usual : { main });
  }

  // The origin is the OAuth issuer, so the port must be known before anything is built: connections are passed on to the harness's own.
  let target = 0;
  const door = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    near.pipe(far).pipe(near);
    // A client that hangs up is gone for the Workers too; what they still send to one that waits is let through.
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy());
  });
  await once(door.listen(0, "127.0.0.1"), "listening");
  const url = new URL(`http://127.0.0.1:${(door.address() as AddressInfo).port}`);
  const harness = createTestHarness(build(url.origin));
  const stop = async () => {
    door.close();
    await harness.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    target = Number((await harness.listen()).url.port);
    if (options.standIns?.auth === undefined) await harness.getWorker(workerName("auth")).applyD1Migrations("DB");
    return {
      origin: url.origin,
      fetch: (target, init) => judgedFetch(new URL(target, url), { ...init, headers: withAddress(init?.headers) }),
      worker: (name) => harness.getWorker(name),
      logs: () => harness.getLogs().map(({ level, message }) => `${level}: ${message}`),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * A system for all tests of the calling file: started before the first, stopped after the last. When a test fails, what the Workers
 * logged during it is printed. A test fails as well when a message to its clients was not as the protocol has it.
 */
export function useSystem(options: SystemOptions = {}): System {
  let running: System | undefined;
  const system = () => {
    if (!running) throw new Error("The system runs only inside tests and hooks.");
    return running;
  };
  beforeAll(async () => {
    running = await startSystem(options);
  });
  afterAll(async () => {
    await running?.stop();
    refuseViolations();
  });
  afterEach(refuseViolations);
  beforeEach(({ onTestFailed }) => {
    const before = running?.logs().length ?? 0;
    onTestFailed(() => {
      console.error(["The Workers' logs:", ...system().logs().slice(before)].join("\n"));
    });
  });
  return {
    get origin() {
      return system().origin;
    },
    fetch: (target, init) => system().fetch(target, init),
    worker: (name) => system().worker(name),
    logs: () => system().logs(),
    stop: () => system().stop(),
  };
}

function refuseViolations(): void {
  const violations = takeViolations();
  if (violations.length > 0) throw new Error(["Not as the protocol has it:", ...violations].join("\n  "));
}

/** The date that every wrangler.toml pins. */
function withDate<C extends object>(config: C): C & { compatibility_date: string } {
  return { ...config, compatibility_date: settingOf(readConfig("gateway"), "compatibility_date") };
}

async function makeSecrets(given: Settings): Promise<Settings> {
  const root = given.gateway?.SERVICE_BINDING_SECRET ?? randomSecret();
  const secrets: Record<string, Record<string, string>> = { gateway: { SERVICE_BINDING_SECRET: root } };
  for (const audience of AUDIENCES) secrets[audience] = { IDENTITY_KEYS: await identityKeysSetting([root], audience) };
  secrets.auth = { ...secrets.auth, BETTER_AUTH_SECRET: randomSecret() };
  for (const [worker, own] of Object.entries(given)) secrets[worker] = { ...secrets[worker], ...own };
  return secrets;
}
