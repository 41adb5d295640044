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
import { type Backend, type BackendOptions, type CallOptions, startBackend } from "../support/backend.ts";
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
  /** Runs `sql` in the storage that contains this used token. Default: in a `UsedTokens` object. */
  usedTokens?(backend: AnyBackend, tokenId: string, sql: string): Promise<unknown[]>;
}

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
    usedTokens: async (backend, _, sql) => (await (await backend.worker.getEnv()).DB.prepare(sql).all()).results,
  },
  stackbilder: {
    change: ["createFlow", { policy: {} }],
    read: ["getFlowStatus", { flowId: "0".repeat(64) }],
    countCreated: async (backend) => (await backend.worker.listDurableObjectIds("FlowObject")).length,
  },
  "img-forge": {
    change: ["generateImage", { prompt: "hills", quality_tier: "draft", wait: false }],
    read: ["listModels", {}],
    countCreated: async (backend) => (await backend.worker.listDurableObjectIds("JobObject")).length,
  },
};

const UNAUTHENTICATED = { ok: false, error: { code: "unauthenticated" } };

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
    const { entrypoint } = serviceOf(audience);
    backend = await startBackend({ contract, configPath: CONFIGS[audience], entrypoint, ...trial.options });
    caller = (await trial.newCaller?.(backend)) ?? {};
  });
  afterAll(() => backend?.stop());

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
  const usedTokens = trial.usedTokens ?? runInUsedTokens;

  it.skipIf(!change)("refuses a captured call that changes something", async () => {
    const call = await capture();
    expect(await createdBy(async () => expect(await call.send()).toMatchObject({ ok: true }))).toBe(created(1));
    expect(await createdBy(async () => expect(await call.send()).toEqual(UNAUTHENTICATED))).toBe(created(0));
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

  it.skipIf(!change)("stores a used token until it has expired, and then deletes it", async () => {
    const first = await capture();
    const { jti, exp } = claimsOf(first);
    await first.send();
    const nowSeconds = Math.floor(Date.now() / 1000);
    const insert = (expiresAt: number) =>
      usedTokens(backend, jti, `INSERT INTO used_tokens VALUES ('expired at ${expiresAt}', ${expiresAt})`);
    await insert(nowSeconds - 60);
    await insert(nowSeconds - 10);
    let another = await capture();
    while (claimsOf(another).jti.at(-1) !== jti.at(-1)) another = await capture();
    expect(await another.send()).toMatchObject({ ok: true });
    const stored = await usedTokens(backend, jti, "SELECT token_id, expires_at FROM used_tokens");
    expect(stored).toContainEqual({ token_id: jti, expires_at: exp });
    expect(stored).toContainEqual({ token_id: claimsOf(another).jti, expires_at: claimsOf(another).exp });
    // A verifier whose clock is a little behind would still accept it.
    expect(stored).toContainEqual({ token_id: `expired at ${nowSeconds - 10}`, expires_at: nowSeconds - 10 });
    expect(stored).not.toContainEqual(expect.objectContaining({ expires_at: nowSeconds - 60 }));
    expect(await first.send()).toEqual(UNAUTHENTICATED);
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

async function runInUsedTokens(backend: AnyBackend, tokenId: string, sql: string): Promise<unknown[]> {
  return (await backend.worker.getDurableObjectStorage("UsedTokens", { name: tokenId.slice(-1) })).exec(sql);
}

/** Claims of a call's identity token. */
function claimsOf({ identity }: CallContext): { jti: string; exp: number } {
  return JSON.parse(Buffer.from(identity.split(".")[1] ?? "", "base64url").toString());
}
