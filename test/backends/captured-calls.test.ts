// Forged, captured and altered calls to every backend of contracts/backends.ts, over real RPC and
// on the backend's real storage.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SignIn, Tenant } from "../../contracts/auth.ts";
import { type Audience, BACKENDS } from "../../contracts/backends.ts";
import type { CallContext } from "../../contracts/rpc/call-context.ts";
import type { Contract } from "../../contracts/rpc/contract.ts";
import { importIdentityKey } from "../../contracts/rpc/identity-token.ts";
import { AUDIENCES, CONFIGS, serviceOf } from "../../entrypoints/cli/workers.ts";
import { newEmail, PASSWORD, SECRET } from "../support/auth-worker.ts";
import { type Backend, type BackendOptions, type CallOptions, startBackends } from "../support/backend.ts";
import { sampleInput } from "../support/sample-input.ts";

type AnyBackend = Backend<Contract>;
type MethodCall = readonly [method: string, input: object];

interface Trial {
  /** Options beside those that derive from the list of backends. */
  readonly options?: Partial<BackendOptions<Contract>>;
  /**
   * A call that changes something. Default: the contract's first such method, with a sample input.
   */
  readonly change?: MethodCall;
  /** A call that only reads. Default: the contract's first such method, with a sample input. */
  readonly read?: MethodCall;
  /** A caller that may make both calls. */
  newCaller?(backend: AnyBackend): Promise<CallOptions>;
  /** The number of things that `change` has created so far. */
  countCreated?(backend: AnyBackend): Promise<number>;
  /** Other calls that change something that exists, each with the storage of what it changes. */
  changes?(backend: AnyBackend, caller: CallOptions): Promise<readonly (MethodCall | readonly [...MethodCall, Run])[]>;
}

/** Runs a statement in the storage of what a call changes. */
type Run = (sql: string) => Promise<unknown[]>;

/** A backend without an entry is tested with the defaults. */
const trials: Readonly<Partial<Record<Audience, Trial>>> = {
  auth: {
    options: { secrets: { BETTER_AUTH_SECRET: SECRET }, d1: "DB" },
    change: ["createApiKey", { name: "CI", environment: "live", scopes: ["read"], expiresInDays: null }],
    read: ["listApiKeys", {}],
    async newCaller(backend) {
      const user = (await backend.invoke("registerUser", "Ada", newEmail(), PASSWORD)) as Extract<
        SignIn,
        { valid: true }
      >;
      const request = { userId: user.userId, source: "oauth" };
      const { tenantId } = (await backend.invoke("provisionTenant", request)) as Tenant;
      return { tenant: tenantId, identity: { subject: user.userId } };
    },
    countCreated: async (backend) =>
      (await backend.worker.getEnv()).DB.prepare("SELECT count(*) AS n FROM api_keys").first("n"),
    async changes(backend, caller) {
      const { DB } = await backend.worker.getEnv();
      const created = await backend.call(
        "createApiKey",
        { name: "CI", environment: "live", scopes: ["read"], expiresInDays: null },
        caller,
      );
      const { keyId } = (created as { value: { keyId: string } }).value;
      return [["revokeApiKey", { keyId }, async (sql) => (await DB.prepare(sql).all()).results]];
    },
  },
  audit: { options: { d1: "DB" } },
  stackbilder: {
    options: { vars: { FAIL_MODE: "PRODUCT" } },
    change: ["createFlow", { projectDescription: "A kiosk" }],
    read: ["getFlowStatus", { flowId: "0".repeat(64) }],
    countCreated: async (backend) => (await backend.worker.listDurableObjectIds("FlowObject")).length,
    async changes(backend) {
      const created = await backend.call("createFlow", { projectDescription: "A shop for tea." });
      const { flowId } = (created as { value: { flowId: string } }).value;
      const storage = await backend.worker.getDurableObjectStorage("FlowObject", { name: flowId.slice(0, 20) });
      const run: Run = (sql) => storage.exec(sql);
      return [
        ["advanceFlow", { flowId, wait: true }, run],
        ["recoverFlow", { flowId, wait: true }, run],
        ["advanceFlow", { flowId, wait: false }],
        ["cancelFlow", { flowId }, run],
      ];
    },
  },
  "img-forge": {
    change: ["generateImage", { prompt: "hills", quality_tier: "draft", wait: false }],
    read: ["listModels", {}],
    countCreated: async (backend) => (await backend.worker.listDurableObjectIds("JobObject")).length,
    async changes(backend) {
      const created = await backend.call("generateImage", { prompt: "hills", quality_tier: "draft" });
      const { job_id } = (created as { value: { job_id: string } }).value;
      const storage = await backend.worker.getDurableObjectStorage("JobObject", { name: `job/${job_id}` });
      return [
        ["cancelJob", { job_id }, (sql) => storage.exec(sql)],
        ["generateImage", { prompt: "hills", quality_tier: "draft", wait: true }],
      ];
    },
  },
};

const UNAUTHENTICATED = { ok: false, error: { code: "unauthenticated" } };

let backends: readonly AnyBackend[] = [];
beforeAll(async () => {
  backends = await startBackends(
    ...AUDIENCES.map((audience) => {
      const { entrypoint } = serviceOf(audience);
      const contract: Contract = contractOf(audience);
      return { contract, configPath: CONFIGS[audience], entrypoint, ...trials[audience]?.options };
    }),
  );
});
afterAll(() => backends[0]?.stop());

describe.each(AUDIENCES)("the backend %s", (audience) => {
  const contract: Contract = contractOf(audience);
  const trial = trials[audience] ?? {};
  const change = trial.change ?? sampleCall(contract, true);
  const read = trial.read ?? sampleCall(contract, false);
  const [method, input] = change ?? read ?? [];
  if (method === undefined || input === undefined) throw new Error("The contract has no methods.");

  let backend: AnyBackend;
  let caller: CallOptions = {};
  beforeAll(async () => {
    backend = backends[AUDIENCES.indexOf(audience)] as AnyBackend;
    caller = (await trial.newCaller?.(backend)) ?? {};
  });

  const capture = async (token: CallOptions["token"] = {}) => {
    const context = await backend.context(method, input, { ...caller, token });
    return { ...context, send: () => backend.invoke(method, context, input) as Promise<{ ok: boolean }> };
  };
  /**
   * Runs `attempt` and returns the number of things it created; `null` for a backend without
   * `countCreated`.
   */
  const createdBy = async (attempt: () => Promise<unknown>) => {
    const before = await trial.countCreated?.(backend);
    await attempt();
    const after = await trial.countCreated?.(backend);
    return before === undefined || after === undefined ? null : after - before;
  };
  const created = (count: number) => (trial.countCreated ? count : null);

  it.skipIf(!change)("refuses a captured call that changes something", async () => {
    const call = await capture();
    expect(await createdBy(async () => expect(await call.send()).toMatchObject({ ok: true }))).toBe(created(1));
    expect(await createdBy(async () => expect(await call.send()).toEqual(UNAUTHENTICATED))).toBe(created(0));
  });

  it.skipIf(!trial.changes)("refuses each captured call that changes something that exists", async () => {
    for (const [method, input] of (await trial.changes?.(backend, caller)) ?? []) {
      const context = await backend.context(method, input, caller);
      expect(await backend.invoke(method, context, input), method).toMatchObject({ ok: true });
      expect(await backend.invoke(method, context, input), method).toEqual(UNAUTHENTICATED);
    }
  });

  it("refuses a token of every other method, and of another idempotency key, for the same input", async () => {
    const others = Object.keys(contract.methods).filter((other) => other !== method);
    const attempt = async () => {
      for (const other of [...others, "unknown"])
        expect(await (await capture({ method: other })).send(), other).toEqual(UNAUTHENTICATED);
      expect(await (await capture({ idempotencyKey: "another" })).send()).toEqual(UNAUTHENTICATED);
    };
    expect(await createdBy(attempt)).toBe(created(0));
  });

  it.skipIf(!change)("refuses a token without the scope generate for a call that changes something", async () => {
    const [method, input] = change as MethodCall; // The test is skipped without one.
    for (const scopes of [[], ["read"]] as const) {
      const options = { ...caller, identity: { ...caller.identity, scopes } };
      const context = await backend.context(method, input, options);
      expect(await backend.invoke(method, context, input)).toEqual(UNAUTHENTICATED);
    }
  });

  it.skipIf(!change)("accepts one of many identical calls in parallel", async () => {
    const call = await capture();
    const attempt = async () => {
      const replies = await Promise.all(Array.from({ length: 30 }, () => call.send()));
      expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
      expect(replies.filter(({ ok }) => !ok)).toEqual(Array(29).fill(UNAUTHENTICATED));
    };
    expect(await createdBy(attempt)).toBe(created(1));
  });

  it.skipIf(!read)("accepts a repeated call that only reads", async () => {
    const [method, input] = read as MethodCall; // The test is skipped without one.
    const context = await backend.context(method, input, caller);
    const [first, again] = [await backend.invoke(method, context, input), await backend.invoke(method, context, input)];
    expect(again).toEqual(first);
    expect(again).not.toEqual(UNAUTHENTICATED);
  });

  it.skipIf(!trial.changes)("stores a used token with what its call changes until it has expired", async () => {
    for (const [method, input, run] of (await trial.changes?.(backend, caller)) ?? []) {
      if (!run) continue;
      const context = await backend.context(method, input, caller);
      expect(await backend.invoke(method, context, input)).toMatchObject({ ok: true });
      const nowSeconds = Math.floor(Date.now() / 1000);
      for (const age of [60, 10]) await run(`INSERT INTO used_tokens VALUES ('${method} ${age}', ${nowSeconds - age})`);
      const { jti, exp } = claimsOf(context);
      expect(await backend.invoke(method, context, input)).toEqual(UNAUTHENTICATED);
      const stored = await run("SELECT token_id, expires_at FROM used_tokens");
      expect(stored).toContainEqual({ token_id: jti, expires_at: exp });
      // A verifier whose clock is a little behind would still accept it.
      expect(stored).toContainEqual({ token_id: `${method} 10`, expires_at: nowSeconds - 10 });
      expect(stored).not.toContainEqual(expect.objectContaining({ token_id: `${method} 60` }));
    }
  });

  it.skipIf(!change)("accepts a call under the previous key once", async () => {
    const call = await capture({ key: backend.previousKey });
    expect(await call.send()).toMatchObject({ ok: true });
    expect(await call.send()).toEqual(UNAUTHENTICATED);
  });

  it("refuses a token that is forged, expired, early, for another backend, for another input, or missing", async () => {
    const otherKey = await importIdentityKey("00000000", new Uint8Array(randomBytes(32)));
    const sameKid = await importIdentityKey(backend.previousKey.kid, new Uint8Array(randomBytes(32)));
    const nowSeconds = Math.floor(Date.now() / 1000);
    const invalid: NonNullable<CallOptions["token"]>[] = [
      { key: otherKey },
      { key: sameKid },
      { nowSeconds: nowSeconds - 61 },
      { nowSeconds: nowSeconds + 120 },
      ...AUDIENCES.filter((other) => other !== audience).map((other) => ({ audience: other })),
      { input: { ...input, more: 1 } },
      { raw: "a.b.c" },
    ];
    const attempt = async () => {
      for (const token of invalid)
        expect(await (await capture(token)).send(), Object.keys(token)[0]).toEqual(UNAUTHENTICATED);
      for (const context of [undefined, null, {}, "token"])
        expect(await backend.invoke(method, context, input)).toEqual(UNAUTHENTICATED);
    };
    expect(await createdBy(attempt)).toBe(created(0));
  });
});

function contractOf(audience: Audience): Contract {
  const contract = Object.values(BACKENDS).find((one) => one.audience === audience);
  if (!contract) throw new Error(`contracts/backends.ts has no backend ${audience}.`);
  return contract;
}

/** The first method that changes something, or that does not, with a sample input. */
function sampleCall({ methods }: Contract, changes: boolean): MethodCall | undefined {
  const found = Object.entries(methods).find(([, operation]) => (operation.changes ?? false) === changes);
  return found && [found[0], sampleInput(found[1].input)];
}

/** Claims of a call's identity token. */
function claimsOf({ identity }: CallContext): { jti: string; exp: number } {
  return JSON.parse(Buffer.from(identity.split(".")[1] ?? "", "base64url").toString());
}
