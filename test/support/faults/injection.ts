// Fault injection inside a Worker: its bindings, its clock and its deadlines, which a test sets
// over HTTP (control.ts). Each main module of this folder is a real Worker with these around it.
import type { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { LIES } from "./lies.ts";
import { CONTROL_PATH, type Fault, type Question, SECRET_OF_ERRORS, type Weather } from "./messages.ts";

const SLOW_MS = 400;
/** Shorter timers are pauses, not deadlines. */
const SHORTEST_DEADLINE_MS = 4_000;
/** Deadlines of work that takes a while, such as an image, are at least this long. */
const DEADLINE_OF_WORK_MS = 60_000;
/** Longer than any test waits. */
const NEVER_MS = 600_000;

let faults: readonly Fault[] = [];
let aheadMs = 0;
let deadlineMs: number | null = null;
let injected = 0;

const [realNow, realTimeout] = [Date.now, globalThis.setTimeout];
const now = () => realNow() + aheadMs;
globalThis.Date = class extends Date {
  constructor(...given: readonly unknown[]) {
    super(...((given.length === 0 ? [now()] : given) as [number]));
  }
  static override now = now;
} as DateConstructor; // no code calls it as a function
globalThis.setTimeout = ((work: () => void, ms = 0, ...rest: unknown[]) => {
  const isDeadline = ms >= SHORTEST_DEADLINE_MS && ms < NEVER_MS;
  const shortened = deadlineMs !== null && ms >= DEADLINE_OF_WORK_MS ? deadlineMs * 3 : deadlineMs;
  const shown = isDeadline ? (shortened ?? ms) : ms;
  return (realTimeout as (...args: unknown[]) => number)(work, shown, ...rest);
}) as unknown as typeof setTimeout; // the same call, by another type

const wrapped = new WeakMap<object, object>();

/** The bindings of a Worker, each of whose methods a fault may stop. */
export function withFaults<Env extends object>(env: Env): Env {
  const known = wrapped.get(env);
  if (known) return known as Env; // made below
  const made = new Proxy(env, {
    get(target, name) {
      const binding: unknown = Reflect.get(target, name);
      return typeof binding === "object" && binding !== null ? wrapBinding(String(name), binding) : binding;
    },
  });
  wrapped.set(env, made);
  return made;
}

function wrapBinding(name: string, binding: object): object {
  const known = wrapped.get(binding);
  if (known) return known;
  const made = isNamespace(binding) ? wrapNamespace(name, binding) : wrapMethods(name, binding);
  wrapped.set(binding, made);
  return made;
}

function isNamespace(binding: object): binding is DurableObjectNamespace {
  return !("fetch" in binding) && "idFromName" in binding;
}

function wrapNamespace(name: string, namespace: DurableObjectNamespace): object {
  return {
    idFromName: (given: string) => namespace.idFromName(given),
    idFromString: (given: string) => namespace.idFromString(given),
    newUniqueId: () => namespace.newUniqueId(),
    get: (id: DurableObjectId) => wrapMethods(name, namespace.get(id)),
  };
}

type AnyMethods = Record<string, (...args: unknown[]) => unknown>;

function wrapMethods(name: string, target: object): object {
  const methods = target as AnyMethods;
  return new Proxy(target, {
    get(_, method) {
      if (typeof method === "symbol" || typeof methods[method] !== "function") return Reflect.get(target, method);
      // Called as a method: `apply` of an RPC method would be another RPC.
      const send = (...args: unknown[]) => methods[method]?.(...args);
      const abort = () => (target as unknown as { end(): Promise<void> }).end();
      return (...args: unknown[]) => inject(`${name}.${method}`, () => send(...args), abort);
    },
  });
}

/** Makes the call, or does to it what the fault at this place says. */
function inject(at: string, send: () => unknown, abort?: () => Promise<void>): unknown {
  const fault = faults.find((one) => one.at === at);
  if (!fault) return send();
  injected += 1;
  // D1 makes statements synchronously.
  if (at.endsWith(".prepare")) throw lost();
  return suffer(fault, send, abort);
}

async function suffer({ kind, lie = "" }: Fault, send: () => unknown, abort?: () => Promise<void>): Promise<unknown> {
  switch (kind) {
    case "gone":
      throw lost();
    case "killed":
      await send();
      throw lost();
    case "hung":
      return never();
    case "silent":
      await send();
      return never();
    case "slow":
      await new Promise((resolve) => realTimeout(resolve, SLOW_MS));
      return send();
    case "aborted": {
      const sent = Promise.resolve(send());
      sent.catch(() => undefined);
      await abort?.().catch(() => undefined);
      return sent;
    }
    case "lying":
      return LIES[lie]?.(await send());
  }
}

function lost(): Error {
  return new Error(`Network connection lost: ${SECRET_OF_ERRORS}`);
}

/** With a timer, because the runtime ends a request that waits for nothing. */
function never(): Promise<never> {
  return new Promise((_, reject) => realTimeout(reject, NEVER_MS, lost()));
}

/**
 * The class of a Durable Object with faulty bindings. A test can end its instances, and run
 * an alarm that is due.
 */
export function objectWithFaults(Real: unknown): typeof DurableObject {
  const Base = Real as typeof DurableObject<object>; // the class of a Durable Object, whatever its environment
  class Faulty extends Base {
    constructor(ctx: DurableObjectState, env: object) {
      super(ctx, withFaults(env));
    }

    /** Ends this instance, and with it every call that it has not answered. */
    end(): void {
      this.ctx.abort(`The instance was ended: ${SECRET_OF_ERRORS}`);
    }

    /** Runs the alarm if it is due, as the runtime does. */
    async ring(): Promise<boolean> {
      const atMs = await this.ctx.storage.getAlarm();
      if (atMs === null || atMs > Date.now()) return false;
      await this.ctx.storage.deleteAlarm();
      await (this as DurableObject).alarm?.();
      return true;
    }
  }
  return Faulty as unknown as typeof DurableObject; // the constructor of `Base`
}

/** The class of an RPC entrypoint with faulty bindings. */
export function entrypointWithFaults(Real: unknown): typeof WorkerEntrypoint {
  const Base = Real as new (ctx: ExecutionContext, env: object) => WorkerEntrypoint<object>; // as every entrypoint
  class Faulty extends Base {
    constructor(ctx: ExecutionContext, env: object) {
      super(ctx, withFaults(env));
    }
  }
  return Faulty as unknown as typeof WorkerEntrypoint; // the constructor of `Base`
}

/** The default export of a Worker with faulty bindings, and the control beside it. */
export function handlerWithFaults<Env extends object>(real: ExportedHandler<Env>): ExportedHandler<Env> {
  const { fetch: respond, queue, scheduled } = real;
  return {
    fetch(request, env, ctx) {
      if (new URL(request.url).pathname === CONTROL_PATH) return control(request, env as Record<string, unknown>);
      return respond?.(request, withFaults(env), ctx) ?? new Response(null, { status: 404 });
    },
    ...(queue && {
      queue: async (batch, env, ctx) => void (await inject("queue", () => queue(batch, withFaults(env), ctx))),
    }),
    ...(scheduled && { scheduled: (event, env, ctx) => scheduled(event, withFaults(env), ctx) }),
  };
}

async function control(request: Request, env: Record<string, unknown>): Promise<Response> {
  const given = (await request.json()) as Weather | Question;
  if (!("method" in given)) {
    faults = given.faults ?? faults;
    aheadMs = given.aheadMs ?? aheadMs;
    if (given.deadlineMs !== undefined) deadlineMs = given.deadlineMs;
    return Response.json(injected);
  }
  const { binding, method, objects } = given;
  const namespace = env[binding] as DurableObjectNamespace;
  const replies: unknown[] = [];
  for (const object of objects) {
    const id = "name" in object ? namespace.idFromName(object.name) : namespace.idFromString(object.id);
    const stub = namespace.get(id) as unknown as Record<string, () => Promise<unknown>>;
    replies.push(await stub[method]?.().catch(String));
  }
  return Response.json(replies);
}
