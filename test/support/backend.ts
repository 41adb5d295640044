// Starts one backend Worker from its own wrangler.toml and calls its entrypoint over real RPC, with identity tokens signed as the
// gateway signs them. Nothing of the gateway runs. Plain Node.
import { randomBytes, randomUUID } from "node:crypto";
import path from "node:path";
import { createTestHarness, unstable_readConfig as readConfig, type TestHarness, type WorkerHandle } from "wrangler";
import type { CallContext, Progress } from "../../contracts/rpc/call-context.ts";
import type { Contract } from "../../contracts/rpc/contract.ts";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import type { Audience, Identity, TenantId, Tier } from "../../contracts/rpc/identity.ts";
import { type IdentityKey, importIdentityKey, signIdentity } from "../../contracts/rpc/identity-token.ts";
import type { BoundaryCode, CodeOf, OutputOf } from "../../contracts/rpc/operation.ts";
import type { Failure, Result } from "../../contracts/rpc/result.ts";
import type { CallOrder } from "./backend-caller.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const CALLER = "backend-caller";

export interface BackendOptions<C extends Contract> {
  readonly contract: C;
  /** From the repository's root, e.g. `entrypoints/auth/wrangler.toml`. */
  readonly configPath: string;
  /** The named entrypoint to bind, e.g. `AuthEntrypoint`. */
  readonly entrypoint: string;
  /** Override those of the config. */
  readonly vars?: Record<string, string>;
  /** Beside `IDENTITY_KEYS`, which is made here. */
  readonly secrets?: Record<string, string>;
  /** The D1 binding whose migrations are applied before anything is called. */
  readonly d1?: string;
  /** Bindings that a Worker of the test's own stands in for: name of the binding to the path, from the root, of its module. */
  readonly standIns?: Readonly<Record<string, string>>;
}

/** Who calls, and how. Every field has a default; those of `token` spoil the identity token on purpose. */
export interface CallOptions {
  /** Default: `tenant-a`. */
  readonly tenant?: string;
  /** Default: `pro`. */
  readonly tier?: Tier;
  /** Beyond tenant and tier. */
  readonly identity?: Partial<Identity>;
  readonly idempotencyKey?: string;
  /** Sees every report while the call runs. */
  readonly progress?: (update: Progress) => void;
  /** The first report of at least this much is answered with "cancel". */
  readonly cancelAt?: number;
  readonly token?: {
    readonly audience?: Audience;
    readonly key?: IdentityKey;
    readonly nowSeconds?: number;
    /** What the token vouches for, where that is not the input. */
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
  /** Calls a method that takes `(call, input)`. A stream in the reply arrives as a `Uint8Array` of all its bytes. */
  call<Name extends keyof C["methods"] & string>(
    method: Name,
    input: unknown,
    options?: CallOptions,
  ): Promise<Reply<C, Name>>;
  /** Calls any method with any arguments. Rejects with the far side's words where it throws. */
  invoke(method: string, ...args: readonly unknown[]): Promise<unknown>;
  /** The context of a call, for `invoke`. */
  context(method: string, input: unknown, options?: CallOptions): Promise<CallContext>;
  /** Asks the Worker's default entrypoint over HTTP; a path is resolved against its own origin. */
  fetch(
    path: string,
    init?: { method?: string; headers?: Record<string, string>; redirect?: "manual" | "follow" },
  ): Promise<Response>;
  /** A key that the Worker still knows beside the one that calls are signed with, as while keys are rotated. */
  readonly previousKey: IdentityKey;
  /** The Worker's handle: bindings (`getEnv`), Durable Object storage, eviction. */
  readonly worker: WorkerHandle;
  readonly harness: TestHarness;
  stop(): Promise<void>;
}

/** Starts the Worker, with empty storage and fresh identity keys. */
export async function startBackend<const C extends Contract>(options: BackendOptions<C>): Promise<Backend<C>> {
  const { contract, configPath, entrypoint, vars = {}, secrets = {}, d1, standIns = {} } = options;
  const config = readConfig({ config: `${ROOT}/${configPath}` }, { hideWarnings: true });
  if (!config.name || !config.compatibility_date)
    throw new Error(`${configPath} lacks a name or a compatibility date.`);
  const [current, previous] = [await newIdentityKey(), await newIdentityKey()];
  const harness = createTestHarness({
    root: ROOT,
    workers: [
      {
        configPath,
        vars,
        secrets: { IDENTITY_KEYS: `${current.entry},${previous.entry}`, ...secrets },
        bindingOverrides: Object.fromEntries(Object.keys(standIns).map((binding) => [binding, standInName(binding)])),
      },
      {
        config: {
          name: CALLER,
          main: `${ROOT}/test/support/backend-caller.ts`,
          compatibility_date: config.compatibility_date,
          services: [{ binding: "BACKEND", service: config.name, entrypoint }],
        },
      },
      ...Object.entries(standIns).map(([binding, main]) => ({
        config: { name: standInName(binding), main: `${ROOT}/${main}`, compatibility_date: config.compatibility_date },
      })),
    ],
  });
  await harness.listen();
  const worker = harness.getWorker();
  if (d1 !== undefined) await worker.applyD1Migrations(d1);
  const caller = harness.getWorker(CALLER);

  const invoke = async (order: CallOrder, onUpdate: (update: Progress) => void) => {
    const response = await caller.fetch("/", { method: "POST", body: JSON.stringify(order) });
    if (!response.body) throw new Error("The caller Worker answered without a body.");
    for await (const line of lines(response.body)) {
      const message = JSON.parse(line) as { update: Progress } | { reply: unknown } | { thrown: string };
      if ("update" in message) onUpdate(message.update);
      else if ("thrown" in message) throw new Error(message.thrown);
      else return withBytes(message.reply);
    }
    throw new Error("The caller Worker answered without a reply.");
  };
  const context = (method: string, input: unknown, call: CallOptions = {}) =>
    contextOf(contract.audience, current.key, method, input, call);

  return {
    async call(method, input, call = {}) {
      const args = [await context(method, input, call), input];
      const isWatched = call.progress !== undefined || call.cancelAt !== undefined;
      const order = { method, args, progress: isWatched ? { cancelAt: call.cancelAt ?? null } : null };
      return (await invoke(order, call.progress ?? (() => undefined))) as Reply<C, typeof method>;
    },
    invoke: (method, ...args) => invoke({ method, args, progress: null }, () => undefined),
    context,
    fetch: (path, init = {}) => worker.fetch(path, init) as unknown as Promise<Response>, // Miniflare's own Response class, of the same shape
    previousKey: previous.key,
    worker,
    harness,
    stop: () => harness.close(),
  };
}

/** A new key, and how `IDENTITY_KEYS` lists it. */
async function newIdentityKey(): Promise<{ key: IdentityKey; entry: string }> {
  const raw = new Uint8Array(randomBytes(32));
  const kid = randomBytes(4).toString("hex");
  return { key: await importIdentityKey(kid, raw), entry: `${kid}:${toBase64url(raw)}` };
}

function standInName(binding: string): string {
  return `stand-in-${binding.toLowerCase().replaceAll("_", "-")}`;
}

async function contextOf(
  audience: Audience,
  key: IdentityKey,
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
  const statement = {
    identity,
    issuer: "http://localhost",
    audience: token.audience ?? audience,
    tool: method,
    traceId,
    nonce: randomUUID(),
  };
  const nowSeconds = token.nowSeconds ?? Math.floor(Date.now() / 1000);
  return {
    identity: token.raw ?? (await signIdentity(token.key ?? key, statement, token.input ?? input, nowSeconds)),
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

/** Undoes what the caller Worker did to streams. */
function withBytes(reply: unknown): unknown {
  if (typeof reply !== "object" || reply === null || Array.isArray(reply)) return reply;
  if ("base64url" in reply && typeof reply.base64url === "string")
    return new Uint8Array(Buffer.from(reply.base64url, "base64url"));
  return Object.fromEntries(Object.entries(reply).map(([name, field]) => [name, withBytes(field)]));
}
