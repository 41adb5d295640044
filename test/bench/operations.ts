// Counts instead of times: the operations of one call on KV, the queue and the backends, and the
// status of a request whose announced body is too large.
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_ORIGIN } from "../../entrypoints/cli/workers.ts";
import { type BackendCounts, OPERATIONS, type Operations, type StorageCounts } from "./counts.ts";
import type { CallKind } from "./goals.ts";
import { type BenchRequest, sendAll } from "./load.ts";
import { createCall, imageCall, statusCall, type Target } from "./requests.ts";
import type { Tokens } from "./series.ts";
import type { Server } from "./server.ts";

const CALLS = 20;
/**
 * A message that has not arrived by then counts as lost. The audit log's outbox waits for 250 ms.
 */
const ARRIVAL_MS = 500;

/**
 * The operations of one call of each kind, at the gateway whose requests to objects are counted.
 */
export async function allOperations(server: Server, tokens: Tokens): Promise<Readonly<Record<CallKind, Operations>>> {
  const target: Target = { port: server.ports.get("counted") ?? 0, era: "2026-07-28", token: tokens.known };
  await sendAll(1, () => statusCall(target));
  await sleep(ARRIVAL_MS); // messages of earlier requests must not count
  return {
    known: await operationsOf(server, () => statusCall(target)),
    fresh: await operationsOf(server, () => statusCall({ ...target, token: tokens.fresh("stored") })),
    change: await operationsOf(server, () => createCall(target)),
    paid: await operationsOf(server, () => imageCall(target)),
  };
}

/** The average operations of one request; fractions if the requests differ. */
async function operationsOf(server: Server, requestAt: () => BenchRequest): Promise<Operations> {
  const before = await countsOf(server);
  await sendAll(CALLS, requestAt);
  await server.idleCpuUs();
  await sleep(ARRIVAL_MS);
  const after = await countsOf(server);
  const keys = Object.keys(OPERATIONS) as (keyof Operations)[];
  const each = keys.map((key) => [key, (after[key] - before[key]) / CALLS] as const);
  return Object.fromEntries(each) as Operations; // it has every key
}

async function countsOf({ ports }: Server): Promise<Operations> {
  const storage = await fetch(`http://127.0.0.1:${ports.get("storage")}/counts`);
  const backends = await fetch(`http://127.0.0.1:${ports.get("backends")}/`);
  return { ...((await storage.json()) as StorageCounts), ...((await backends.json()) as BackendCounts) };
}

/** Timeout for the response to a request without its body. */
const TIMEOUT_MS = 5_000;

/**
 * The status for a request that announces 2 MiB and sends no body; `null` if the gateway waits for
 * it.
 */
export async function statusBeforeBody({ ports }: Server, token: string): Promise<number | null> {
  const socket = connect(ports.get("gateway") ?? 0, "127.0.0.1");
  const lines = [
    "POST /mcp HTTP/1.1",
    `Host: ${new URL(DEFAULT_ORIGIN).host}`,
    `Authorization: Bearer ${token}`,
    "Content-Type: application/json",
    `Content-Length: ${2 * 1024 * 1024}`,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  try {
    const head = await Promise.race([
      new Promise<string>((resolve, reject) =>
        socket.once("error", reject).once("data", (data) => resolve(data.toString("latin1"))),
      ),
      sleep(TIMEOUT_MS, "", { ref: false }),
    ]);
    const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
    return status === undefined ? null : Number(status);
  } finally {
    socket.destroy();
  }
}
