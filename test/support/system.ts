// The whole system for end-to-end tests: the local entrypoint, the gateway and every backend, each
// from its own wrangler.toml, joined by real bindings behind one real port. Storage is empty and in
// memory; secrets are generated here; no developer's own file is read.
import { once } from "node:events";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { createTestHarness, type TestHarnessOptions, type Unstable_RawConfig, type WorkerHandle } from "wrangler";
import { randomSecret } from "../../entrypoints/cli/secret-file.ts";
import {
  AUDIENCES,
  CONFIGS,
  configured,
  DEFAULT_ORIGIN,
  ROOT,
  readConfig,
  variablesOf,
  WORKERS,
  type WorkerKey,
  workerName,
  writeAdaptedConfig,
} from "../../entrypoints/cli/workers.ts";
import { identityKeysSetting } from "../../src/crypto/keys.ts";
import { withAddress } from "./address.ts";
import { useQuickHash } from "./quick-hash.ts";
import { endRuntimesWithProcess, runtimeProcesses } from "./runtimes.ts";
import { takeViolations, validatingFetch } from "./validating-fetch.ts";

type Settings = Partial<Record<WorkerKey, Readonly<Record<string, string>>>>;

export interface SystemOptions {
  /** Variables that override those in a Worker's wrangler.toml. */
  readonly vars?: Settings;
  /** Secrets that are added to, or override, those of every system. */
  readonly secrets?: Settings;
  /**
   * Main modules, relative to the repository's root, that replace a whole backend, usually to
   * misbehave. Such a Worker has no bindings.
   */
  readonly replacements?: Partial<Record<WorkerKey, string>>;
  /**
   * Main modules, relative to the repository's root, that override the one in a Worker's
   * wrangler.toml; its bindings and secrets stay.
   */
  readonly mains?: Partial<Record<WorkerKey, string>>;
  /** Name of one of `extraWorkers` that receives the gateway's spans. */
  readonly spanConsumer?: string;
  /**
   * More Workers than those that every system has: a wrangler.toml, or settings without a
   * compatibility date, which get the gateway's. Paths are relative to the repository's root.
   */
  readonly extraWorkers?: readonly (
    | { readonly configPath: string }
    | (Omit<Unstable_RawConfig, "env"> & { readonly name: string; readonly main: string })
  )[];
}

/** Names of Workers that only tests have. */
export type TestWorker = "sibling" | "charter-web" | "event-consumer" | "issuer";

export interface System {
  /** The one origin: OAuth issuer, MCP endpoint, pages, pictures. */
  readonly origin: string;
  /**
   * Node's own fetch over a real connection, with a new client address each time; MCP responses are
   * validated. A path is resolved against `origin`.
   */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** A Worker: its bindings, its storage, and `fetch` straight to it. */
  worker(name: WorkerKey | TestWorker): WorkerHandle;
  /** Changes secrets of Workers and restarts them; `null` removes one. Storage stays. */
  storeSecrets(changed: Partial<Record<WorkerKey, Readonly<Record<string, string | null>>>>): Promise<void>;
  /** The value of a secret. Throws if the Worker has none of this name. */
  secretOf(worker: WorkerKey, name: string): string;
  /** All log lines of the Workers so far, oldest first; of a shared system also other tests'. */
  logs(): readonly string[];
  /**
   * Kills the process that all Workers run in, whatever they do, and waits until it runs again with
   * the same stored data. Open connections break.
   */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the system. The caller stops it. */
export function startSystem(options: SystemOptions = {}): Promise<System> {
  mkdirSync(path.join(ROOT, ".test"), { recursive: true });
  return startSystemIn(mkdtempSync(path.join(ROOT, ".test/system-")), options);
}

/** Starts the system. `folder` is for its configuration, and is deleted when it stops. */
async function startSystemIn(folder: string, options: SystemOptions): Promise<System> {
  const secrets = await makeSecrets(options.secrets ?? {});
  const build = (origin: string): TestHarnessOptions => ({
    root: ROOT,
    workers: [
      ...WORKERS.map((worker) => {
        const main = options.replacements?.[worker];
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
      ...[...testWorkers(options), ...(options.extraWorkers ?? [])].map((worker) =>
        "configPath" in worker ? worker : { config: withDate(worker) },
      ),
    ],
  });
  for (const worker of WORKERS) {
    const given = options.mains?.[worker];
    const main = given === undefined ? undefined : path.relative(path.dirname(CONFIGS[worker]), given);
    const usual = worker === "auth" ? { main: "local.ts" } : {};
    const changed = main === undefined ? usual : { main };
    // A queue has one consumer: a Worker of the test, or the audit store.
    const isWithoutQueues = (options.extraWorkers ?? []).some((extra) => "queues" in extra);
    const target = path.join(folder, worker, "wrangler.toml");
    writeAdaptedConfig(worker, target, { ...changed, batchSeconds: 0, isWithoutQueues });
    if (worker === "auth") useQuickHash(target);
    if (worker === "gateway" && options.spanConsumer !== undefined)
      appendFileSync(target, `\n[[streaming_tail_consumers]]\nservice = "${options.spanConsumer}"\n`);
  }

  // The origin is the OAuth issuer, so its port must be known before the Workers are built. This
  // server forwards connections to the port that the harness gets.
  let target = 0;
  const forwarder = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    near.pipe(far).pipe(near);
    // A client that disconnects is disconnected for the Workers too.
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy());
  });
  await once(forwarder.listen(0, "127.0.0.1"), "listening");
  const url = new URL(`http://127.0.0.1:${(forwarder.address() as AddressInfo).port}`);
  const harness = createTestHarness(build(url.origin));
  const stop = async () => {
    forwarder.close();
    rmSync(folder, { recursive: true, force: true });
    await harness.close();
  };
  try {
    target = Number((await harness.listen()).url.port);
    for (const worker of ["auth", "audit"] as const)
      if (options.replacements?.[worker] === undefined)
        await harness.getWorker(workerName(worker)).applyD1Migrations("DB");
    return {
      origin: url.origin,
      fetch: (target, init) => validatingFetch(new URL(target, url), { ...init, headers: withAddress(init?.headers) }),
      worker: (name) => harness.getWorker(name in CONFIGS ? workerName(name as WorkerKey) : name),
      async storeSecrets(changed) {
        for (const [worker, own] of Object.entries(changed)) {
          const stored = Object.entries({ ...secrets[worker as WorkerKey], ...own });
          const kept = stored.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
          secrets[worker as WorkerKey] = Object.fromEntries(kept);
        }
        await harness.update(build(url.origin));
        target = Number((await harness.listen()).url.port);
      },
      secretOf(worker, name) {
        const value = secrets[worker]?.[name];
        if (value === undefined) throw new Error(`${worker} has no secret ${name}.`);
        return value;
      },
      logs: () => harness.getLogs().map(({ level, message }) => `${level}: ${message}`),
      async restart() {
        process.kill(runtimeProcesses().at(-1) ?? Number.NaN, "SIGKILL");
        await waitUntilHealthy(url);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * The Workers that call the system in every test: a sibling with a binding for each set of rights,
 * and one that calls the auth Worker as the gateway does.
 */
function testWorkers({ replacements }: SystemOptions): NonNullable<SystemOptions["extraWorkers"]> {
  const toGateway = (binding: string, props: Record<string, unknown>) => {
    return { binding, service: workerName("gateway"), entrypoint: "GatewayEntrypoint", props };
  };
  const sibling = {
    name: "sibling",
    main: "test/support/sibling-worker.ts",
    services: [
      toGateway("GATEWAY", { caller: "charter-web", scopes: ["read", "generate"] }),
      toGateway("READER", { caller: "charter-web", scopes: ["read"] }),
      toGateway("UNNAMED", { scopes: ["read", "generate"] }),
    ],
  };
  const toAuth = { binding: "BACKEND", service: workerName("auth"), entrypoint: "AuthEntrypoint" };
  const issuer = { name: "issuer", main: "test/support/backend-caller.ts", services: [toAuth] };
  return replacements?.auth === undefined ? [sibling, issuer] : [sibling];
}

/** A health token of the usual system. */
export const HEALTH_TOKEN = "a health token of 32 characters!";

/** The reference Workers, with cues that slow a call down or make it fail. */
const CUED = {
  auth: "test/support/fakes/cued-auth.ts",
  stackbilder: "test/support/fakes/cued-flows.ts",
  "img-forge": "test/support/fakes/cued-images.ts",
};

/** The systems that files share: a process starts one of a kind, for the first file that asks. */
const KINDS = {
  /** Each new flow fails the first time in RISK. */
  usual: {
    vars: { stackbilder: { FAIL_MODE: "RISK" } },
    secrets: { gateway: { HEALTH_TOKEN } },
    mains: CUED,
  },
  /** Asks before it draws, and the platform's consumer receives the audit records. */
  confirming: {
    vars: { gateway: { CONFIRM_RISKS: "EXTERNAL_MUTATION" } },
    mains: CUED,
    extraWorkers: [
      {
        name: "event-consumer",
        main: "test/support/event-consumer.ts",
        queues: { consumers: [{ queue: "stackbilt-user-events", max_batch_size: 50, max_batch_timeout: 1 }] },
      },
    ],
  },
} satisfies Record<string, SystemOptions>;
type Kind = keyof typeof KINDS;

const shared = new Map<Kind, Promise<System>>();

/** The system of this process. It ends with the process, which does not delete the folder. */
function sharedSystem(kind: Kind): Promise<System> {
  const running =
    shared.get(kind) ?? startSystemIn(path.join(ROOT, `.test/${kind}-${process.env.VITEST_POOL_ID}`), KINDS[kind]);
  endRuntimesWithProcess();
  shared.set(kind, running);
  return running;
}

/**
 * A system for all tests of the calling file. One of a kind is shared with other files, so a test
 * has users, clients and addresses of its own, and changes nothing for others. With options it is
 * the file's own: started before the first test, stopped after the last. If a test fails, the
 * Workers' logs during it are printed. A test also fails if an MCP message of the server violated
 * the protocol.
 */
export function useSystem(options: Kind | SystemOptions = "usual"): System {
  let running: System | undefined;
  const system = () => {
    if (!running) throw new Error("The system runs only inside tests and hooks.");
    return running;
  };
  beforeAll(async () => {
    running = await (typeof options === "string" ? sharedSystem(options) : startSystem(options));
  });
  afterAll(async () => {
    if (typeof options !== "string") await running?.stop();
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
    storeSecrets: (changed) => system().storeSecrets(changed),
    secretOf: (worker, name) => system().secretOf(worker, name),
    logs: () => system().logs(),
    restart: () => system().restart(),
    stop: () => system().stop(),
  };
}

async function waitUntilHealthy(origin: URL): Promise<void> {
  for (;;) {
    const response = await fetch(new URL("/health", origin)).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function refuseViolations(): void {
  const violations = takeViolations();
  if (violations.length > 0) throw new Error(["Violations of the protocol:", ...violations].join("\n  "));
}

/** The config with the compatibility date of every wrangler.toml. */
function withDate<C extends object>(config: C): C & { compatibility_date: string } {
  return { ...config, compatibility_date: configured("gateway", "compatibility_date") };
}

async function makeSecrets(given: Settings): Promise<Settings> {
  const root = given.gateway?.SERVICE_BINDING_SECRET ?? randomSecret();
  const secrets: Record<string, Record<string, string>> = { gateway: { SERVICE_BINDING_SECRET: root } };
  for (const audience of AUDIENCES) secrets[audience] = { IDENTITY_KEYS: await identityKeysSetting([root], audience) };
  secrets.auth = { ...secrets.auth, BETTER_AUTH_SECRET: randomSecret() };
  for (const [worker, own] of Object.entries(given)) secrets[worker] = { ...secrets[worker], ...own };
  return secrets;
}
