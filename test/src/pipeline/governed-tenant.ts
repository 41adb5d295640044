// A tenant whose calls change something: a ledger and backends that a test replaces, and what they
// were asked. No assertions.
import { runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import type { ProgressCallback } from "../../../contracts/rpc/call-context.ts";
import type { Identity, TenantId } from "../../../contracts/rpc/identity.ts";
import { auditLogOf } from "../../../src/audit/sinks.ts";
import type { Env } from "../../../src/env.ts";
import { authorizeCall, callTool } from "../../../src/pipeline/call-tool.ts";
import { catalog } from "../../../src/tools/catalog.ts";
import { newContext } from "../context.ts";
import { AUTH, envWith } from "../oauth/browser.ts";

export const JOB = {
  job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10",
  status: "completed",
  url: null,
  model: "procedural",
  quality_tier: "premium",
  enhanced_prompt: "a",
  width: 1,
  height: 1,
  size_bytes: null,
};
export const FLOW = {
  flowId: "f",
  status: "draft",
  currentMode: "PRODUCT",
  progress: 0,
  estimatedRemainingSeconds: null,
};
export const DRAW = ["image_generate", { prompt: "a", quality_tier: "premium" }] as const;
let tenants = 0;

interface Use {
  readonly key?: string;
  readonly over?: Env;
  readonly by?: Partial<Identity>;
  readonly lost?: AbortSignal | undefined;
  readonly progress?: ProgressCallback;
}

/** A tenant, the fake Workers behind the gateway, and every call that reached them. */
export function newTenant(
  backend: Partial<Record<"generateImage" | "findJob" | "createFlow", (context: object) => unknown>> = {},
) {
  const tenantId = `t_governed_${++tenants}` as TenantId; // the brand lives in TypeScript only
  const identity: Identity = { subject: "u", tenantId, tier: "enterprise", scopes: ["generate"], clientId: "c" };
  const calls: string[] = [];
  const keys: unknown[] = [];
  const note =
    (name: string, reply: (context: object) => unknown) =>
    async (context: { idempotencyKey?: string }, input: { idempotency_key?: string }) => {
      calls.push(name);
      keys.push(context.idempotencyKey ?? input.idempotency_key);
      return reply(context);
    };
  const auth = {
    reserveCredits: vi.fn(async (...args: Parameters<typeof AUTH.reserveCredits>) => {
      calls.push(`reserve ${args[1].credits}`);
      return AUTH.reserveCredits(...args);
    }),
    settleCredits: vi.fn(async (...args: Parameters<typeof AUTH.settleCredits>) => {
      calls.push(args[1].outcome);
      return AUTH.settleCredits(...args);
    }),
  };
  const found = () => ({ ok: false, error: { code: "job_not_found" } });
  const env = envWith(auth, {
    IMG_FORGE: {
      generateImage: note("draw", backend.generateImage ?? (() => ({ ok: true, value: JOB }))),
      findJob: note("find", backend.findJob ?? found),
    } as unknown as Env["IMG_FORGE"], // called alike
    STACKBILDER: {
      createFlow: note("create", backend.createFlow ?? (() => ({ ok: true, value: FLOW }))),
    } as unknown as Env["STACKBILDER"], // called alike
  });
  async function use(name: string, args: object, { key, over = env, by, lost, progress }: Use = {}) {
    const { context, finish } = newContext(over);
    const request = {
      catalog,
      name,
      args,
      identity: { ...identity, ...by },
      channel: "mcp",
      idempotencyKey: key,
    } as const;
    const call = await authorizeCall(context, { ...request, lost });
    if (call.state !== "authorized") throw new Error(call.state);
    const outcome = await callTool(call, progress);
    await finish();
    return outcome.state === "completed" ? outcome.result : outcome.state;
  }
  return { env, auth, calls, keys, use, log: auditLogOf(env, tenantId) };
}

/** The messages that wait for the queue. */
export async function recordsIn(log: ReturnType<typeof auditLogOf>): Promise<Record<string, unknown>[]> {
  return runInDurableObject(log as never, (_, { storage }) =>
    storage.sql
      .exec<{ message: string }>("SELECT message FROM outbox ORDER BY position")
      .toArray()
      .map(({ message }) => JSON.parse(message)),
  );
}
