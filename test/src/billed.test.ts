// Counts what one request writes, where Cloudflare bills it. The calculator of costs has the same
// numbers.
import { runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { claimToken } from "../../contracts/rpc/claim-once.ts";
import { Ledger } from "../../entrypoints/auth/ledger.ts";
import { KV_OF_REFRESH, ROWS_OF_PAID_CALL } from "../../entrypoints/cli/cost/usage.ts";
import { AuditChain } from "../../src/audit/chain.ts";
import { OpenCalls } from "../../src/durable/open-calls.ts";
import type { Env } from "../../src/env.ts";
import { Browser, envWith, form, redeem, register, send } from "./oauth/browser.ts";

const env = bound as unknown as Env; // the pool types its bindings by another interface

/** Runs `use` with the SQLite storage of a new object, and a count of the rows written so far. */
async function withRows<T>(use: (sql: SqlStorage, written: () => number) => T | Promise<T>): Promise<T> {
  const stub = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName(`tenant:${crypto.randomUUID()}`));
  return runInDurableObject(stub, (_, { storage }) => {
    const cursors: { readonly rowsWritten: number }[] = [];
    function exec(query: string, ...values: SqlStorageValue[]) {
      const cursor = storage.sql.exec(query, ...values);
      cursors.push(cursor);
      return cursor;
    }
    const sql = { exec } as unknown as SqlStorage; // the one method that is used
    return use(sql, () => cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0));
  });
}

it("a paid call writes as many rows in its audit log as the calculator says", async () => {
  const written = await withRows(async (sql, rows) => {
    const [chain, calls] = [new AuditChain(sql, "c"), new OpenCalls(sql)];
    const [before, now] = [rows(), Date.now()];
    const identity = { subject: "u", tenantId: "t" } as never; // stored as it is
    const open = { tool: "image_generate", identity, credits: 1, traceId: "0" };
    const begun = calls.begin({ callId: "c", key: null, request: "r", input: "i", open }, now);
    for (const type of ["call.started", "tool.called"]) chain.append({ type } as never); // chained as it is
    const end = { isDispatched: true, isSettled: true, isKeyFreed: false, isUndelivered: false };
    calls.finish("c", { ...end, beganAtMs: begun.beganAtMs }, now);
    await scheduler.wait(300);
    await chain.deliver({ sendBatch: async () => undefined } as unknown as Queue);
    calls.deleteExpired(now + 86_400_000);
    return rows() - before;
  });
  expect(written).toBe(ROWS_OF_PAID_CALL.auditLog);
});

it("a paid call writes as many rows in its ledger as the calculator says", async () => {
  const written = await withRows((sql, rows) => {
    const ledger = new Ledger(sql as never); // its own type for the one method
    const pay = (reservationId: string, nowMs: number) => {
      // Expired, so that each claim deletes the one before: none stays.
      const claim = (id: string) => claimToken({ sql }, { id, expiresAt: Math.floor(nowMs / 1000) - 60 } as never);
      claim(`${reservationId} reserve`);
      ledger.reserve({ reservationId, tool: "image_generate", credits: 1 }, { tier: "pro", allowance: 9 }, nowMs);
      claim(`${reservationId} settle`);
      ledger.settle({ reservationId, outcome: "commit" }, nowMs);
    };
    pay("first of the month", Date.now());
    const before = rows();
    pay("another", Date.now());
    return rows() - before;
  });
  expect(written).toBe(ROWS_OF_PAID_CALL.ledger);
});

it("a refresh reads and writes KV as often as the calculator says", async () => {
  const plain = envWith();
  const client = await register(plain);
  const { next } = await new Browser(plain).connect(client);
  const { refresh_token } = await redeem(plain, client, next);
  // The object of the grant refreshes, with bindings of its own.
  const kv = Object.getPrototypeOf((bound as unknown as Env).OAUTH_KV) as KVNamespace;
  const count = (...names: ("get" | "getWithMetadata" | "list" | "put" | "delete")[]) => {
    const spies = names.map((name) => vi.spyOn(kv, name));
    return () => spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
  };
  const [reads, writes] = [count("get", "getWithMetadata", "list"), count("put", "delete")];
  const fields = { grant_type: "refresh_token", refresh_token, client_id: client };
  expect((await send(plain, "/token", form(fields))).status).toBe(200);
  expect({ reads: reads(), writes: writes() }).toEqual(KV_OF_REFRESH);
  vi.restoreAllMocks();
});
