// Starts one backend Worker from its own wrangler.toml and calls its entrypoint over real RPC, with
// identity tokens signed as the gateway signs them. The gateway does not run. Plain Node.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  createTestHarness,
  unstable_readConfig as readConfig,
  type TestHarness,
  type TestHarnessOptions,
  type WorkerHandle,
} from "wrangler";
import type { CallContext, Progress } from "../../contracts/rpc/call-context.ts";
import type { Contract } from "../../contracts/rpc/contract.ts";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import type { Identity, TenantId, Tier } from "../../contracts/rpc/identity.ts";
import { type IdentityKey, importIdentityKey, signIdentity } from "../../contracts/rpc/identity-token.ts";
import type { BoundaryCode, CodeOf, OutputOf } from "../../contracts/rpc/operation.ts";
import type { Failure, Result } from "../../contracts/rpc/result.ts";
import type { CallRequest } from "./backend-caller.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const CALLER = "backend-caller";

export interface BackendOptions<C extends Contract> {
  readonly contract: C;
  /** Relative to the repository's root, e.g. `entrypoints/auth/wrangler.toml`. */
  readonly configPath: string;
  /** The named entrypoint to bind, e.g. `AuthEntrypoint`. */
  readonly entrypoint: string;
  /** Variables that override those of the config. */
  readonly vars?: Record<string, string>;
  /** Secrets other than `IDENTITY_KEYS`, which is generated. */
  readonly secrets?: Record<string, string>;
  /** The D1 binding whose migrations are applied before the first call. */
  readonly d1?: string;
  /**
   * Bindings to replace with a fake Worker: the path of its module, relative to the root, by
   * binding.
   */
  readonly fakes?: Readonly<Record<string, string>>;
}

/**
 * The identity and the options of a call. Every field has a default; those of `token` make the
 * token invalid.
 */
export interface CallOptions {
  /** Default: `tenant-a`. */
  readonly tenant?: string;
  /** Default: `pro`. */
  readonly tier?: Tier;
  /** Overrides the identity that is derived from `tenant` and `tier`. */
  readonly identity?: Partial<Identity>;
  readonly idempotencyKey?: string;
  /** Receives every report while the call runs. */
  readonly progress?: (update: Progress) => void;
  /** Replies "cancel" to the first report with at least this progress. */
  readonly cancelAt?: number;
  readonly token?: {
    readonly audience?: string;
    readonly method?: string;
    readonly idempotencyKey?: string;
    readonly key?: IdentityKey;
    readonly nowSeconds?: number;
    /** The input that the token is signed for. Default: the input of the call. */
    readonly input?: unknown;
    /** Sent instead of a signed token. */
    readonly raw?: string;
  };
}

type Reply<C extends Contract, Name extends keyof C["methods"]> = Result<
  OutputOf<C["methods"][Name]>,
  Failure<CodeOf<C["methods"][Name]> | BoundaryCode>
>;

export interface Backend<C extends Contract> {
  /**
   * Calls a method that takes `(call, input)`. A stream in the reply arrives as a `Uint8Array` of
   * all its bytes.
   */
  call<Name extends keyof C["methods"] & string>(
    method: Name,
    input: unknown,
    options?: CallOptions,
  ): Promise<Reply<C, Name>>;
  /**
   * Calls any method with any arguments. Rejects with the error message of the Worker if it throws.
   */
  invoke(method: string, ...args: readonly unknown[]): Promise<unknown>;
  /** The context of a call, for `invoke`. */
  context(method: string, input: unknown, options?: CallOptions): Promise<CallContext>;
  /**
   * Sends an HTTP request to the Worker's default entrypoint. A path is resolved against its
   * origin.
   */
  fetch(
    path: string,
    init?: { method?: string; headers?: Record<string, string>; redirect?: "manual" | "follow" },
  ): Promise<Response>;
  /**
   * A second key that the Worker accepts, as during a key rotation. Calls are signed with the
   * first.
   */
  readonly previousKey: IdentityKey;
  /** The Worker's handle: bindings (`getEnv`), Durable Object storage, eviction. */
  readonly worker: WorkerHandle;
  /** The queue that the Worker consumes. */
  queue(): Promise<Queue>;
  readonly harness: TestHarness;
  stop(): Promise<void>;
}

/** Starts the Worker, with empty storage and new identity keys. */
export async function startBackend<const C extends Contract>(options: BackendOptions<C>): Promise<Backend<C>> {
  const [backend] = await startBackends(options);
  return backend;
}

/**
 * Starts several Workers, or one with several settings, in one process: far less work than a
 * process for each. They share no storage, and stop together, when the first one stops.
 */
export async function startBackends<const List extends readonly BackendOptions<Contract>[]>(
  ...list: List
): Promise<{ [Index in keyof List]: Backend<List[Index]["contract"]> }> {
  const placed = await Promise.all(list.map(place));
  const harness = createTestHarness({ root: ROOT, workers: placed.flatMap(workersOf) });
  await harness.listen();
  const backends = await Promise.all(placed.map((one) => backendIn(harness, one)));
  return backends as { [Index in keyof List]: Backend<List[Index]["contract"]> };
}

/** A Worker with its name and its place among those of one process. */
interface Placed {
  readonly options: BackendOptions<Contract>;
  readonly config: ReturnType<typeof readConfig>;
  /** Ends the names of its caller and its fakes. */
  readonly suffix: string;
  readonly current: NewKey;
  readonly previous: NewKey;
}

async function place(options: BackendOptions<Contract>, index: number): Promise<Placed> {
  const suffix = index === 0 ? "" : `-${index}`;
  const configPath = index === 0 ? path.join(ROOT, options.configPath) : writeRenamed(options.configPath, suffix);
  const config = readConfig({ config: configPath }, { hideWarnings: true });
  return { options, config, suffix, current: await newIdentityKey(), previous: await newIdentityKey() };
}

/** Writes the config under another name and with a database of its own. Returns its path. */
function writeRenamed(configPath: string, suffix: string): string {
  const folder = path.dirname(path.join(ROOT, configPath));
  const toml = readFileSync(path.join(ROOT, configPath), "utf8")
    .replace(/^name = "(.*)"/m, `name = "$1${suffix}"`)
    .replace(/^database_id = ".*"/m, `database_id = "database${suffix}"`)
    .replaceAll(/^(main|migrations_dir) = "(.*)"/gm, (_, key: string, file: string) => {
      return `${key} = ${JSON.stringify(path.resolve(folder, file))}`;
    });
  const target = path.join(ROOT, `.test/backend-${process.env.VITEST_POOL_ID}${suffix}/wrangler.toml`);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, toml);
  return target;
}

async function backendIn(harness: TestHarness, placed: Placed): Promise<Backend<Contract>> {
  const { options, config, suffix, current, previous } = placed;
  const worker = harness.getWorker(config.name);
  if (options.d1 !== undefined) await worker.applyD1Migrations(options.d1);
  const callerWorker = harness.getWorker(`${CALLER}${suffix}`);
  const signer = { audience: options.contract.audience, key: current.key };
  const context = (method: string, input: unknown, call: CallOptions = {}) => contextOf(signer, method, input, call);
  return {
    async call(method, input, call = {}) {
      const args = [await context(method, input, call), input];
      const isWatched = call.progress !== undefined || call.cancelAt !== undefined;
      const request = { method, args, progress: isWatched ? { cancelAt: call.cancelAt ?? null } : null };
      return (await send(callerWorker, request, call.progress)) as Reply<Contract, typeof method>;
    },
    invoke: (method, ...args) => send(callerWorker, { method, args, progress: null }),
    context,
    fetch: (path, init = {}) => worker.fetch(path, init) as unknown as Promise<Response>, // Miniflare's Response class has the same shape.
    previousKey: previous.key,
    worker,
    queue: async () => (await callerWorker.getEnv()).QUEUE as Queue,
    harness,
    stop: () => harness.close(),
  };
}

/** The backend, the Worker that calls it, and the fakes of its bindings. */
function workersOf({ options, config, suffix, current, previous }: Placed): TestHarnessOptions["workers"] {
  const { entrypoint, vars = {}, secrets = {}, fakes = {} } = options;
  const { name: service, compatibility_date, configPath } = config;
  if (!service || !compatibility_date || !configPath)
    throw new Error(`${options.configPath} has no name or no compatibility date.`);
  const callerName = `${CALLER}${suffix}`;
  const fakeName = (binding: string) => `fake-${binding.toLowerCase().replaceAll("_", "-")}${suffix}`;
  const caller = {
    name: callerName,
    main: `${ROOT}/test/support/backend-caller.ts`,
    compatibility_date,
    services: [{ binding: "BACKEND", service, entrypoint }],
    // It also fills the queue that the backend consumes.
    queues: {
      producers: config.queues.consumers?.map(({ queue }: { queue: string }) => ({ binding: "QUEUE", queue })),
    },
  };
  // Workers that the backend calls do not run: without a fake, the caller Worker is in their place.
  const overrides = [
    ...(config.services ?? []).map(({ binding }: { binding: string }) => [binding, callerName]),
    ...Object.keys(fakes).map((binding) => [binding, fakeName(binding)]),
  ];
  return [
    {
      configPath,
      vars,
      secrets: { IDENTITY_KEYS: `${current.entry},${previous.entry}`, ...secrets },
      bindingOverrides: Object.fromEntries(overrides),
    },
    { config: caller },
    ...Object.entries(fakes).map(([binding, main]) => ({
      config: { name: fakeName(binding), main: `${ROOT}/${main}`, compatibility_date },
    })),
  ];
}

/** Sends a call through the caller Worker and returns its reply. */
async function send(
  callerWorker: WorkerHandle,
  request: CallRequest,
  onUpdate: (update: Progress) => void = () => undefined,
): Promise<unknown> {
  const response = await callerWorker.fetch("/", { method: "POST", body: JSON.stringify(request) });
  if (!response.body) throw new Error("The caller Worker returned no body.");
  for await (const line of lines(response.body)) {
    const message = JSON.parse(line) as { update: Progress } | { reply: unknown } | { thrown: string };
    if ("update" in message) onUpdate(message.update);
    else if ("thrown" in message) throw new Error(message.thrown);
    else return withBytes(message.reply);
  }
  throw new Error("The caller Worker returned no reply.");
}

/** The value of a reply. Rejects if the call was refused. */
export async function unwrap<Value>(reply: Promise<Result<Value>>): Promise<Value> {
  const result = await reply;
  if (!result.ok) throw new Error(`The call was refused: ${result.error.code}`);
  return result.value;
}

/** A key, and its entry in `IDENTITY_KEYS`. */
interface NewKey {
  readonly key: IdentityKey;
  readonly entry: string;
}

async function newIdentityKey(): Promise<NewKey> {
  const raw = new Uint8Array(randomBytes(32));
  const kid = randomBytes(4).toString("hex");
  return { key: await importIdentityKey(kid, raw), entry: `${kid}:${toBase64url(raw)}` };
}

async function contextOf(
  { audience, key }: { audience: string; key: IdentityKey },
  method: string,
  input: unknown,
  options: CallOptions,
): Promise<CallContext> {
  const { tenant = "tenant-a", tier = "pro", token = {}, idempotencyKey } = options;
  const traceId = randomUUID().replaceAll("-", "");
  const identity: Identity = {
    subject: `user-of-${tenant}`,
    tenantId: tenant as TenantId,
    tier,
    scopes: ["read", "generate"],
    clientId: "test",
    ...options.identity,
  };
  const signed = {
    audience: token.audience ?? audience,
    method: token.method ?? method,
    input: token.input ?? input,
    idempotencyKey: token.idempotencyKey ?? idempotencyKey,
  };
  const nowSeconds = token.nowSeconds ?? Math.floor(Date.now() / 1000);
  return {
    identity: token.raw ?? (await signIdentity(token.key ?? key, identity, signed, nowSeconds)),
    traceparent: `00-${traceId}-${traceId.slice(0, 16)}-01`,
    deadlineMs: Date.now() + 60_000,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

/** Decodes the streams that the caller Worker encoded. */
function withBytes(reply: unknown): unknown {
  if (typeof reply !== "object" || reply === null || Array.isArray(reply)) return reply;
  if ("base64url" in reply && typeof reply.base64url === "string")
    return new Uint8Array(Buffer.from(reply.base64url, "base64url"));
  return Object.fromEntries(Object.entries(reply).map(([name, field]) => [name, withBytes(field)]));
}
