// Counts instead of times: the operations of one call on KV, the queue and the backends, and the
// status of a request whose announced body is too large.
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_ORIGIN } from "../../entrypoints/cli/workers.ts";
import type { BackendCounts, Operations, StorageCounts } from "./counts.ts";
import { type BenchRequest, sendAll } from "./load.ts";
import type { Server } from "./server.ts";

const CALLS = 20;

/** The average operations of one request; fractions if the requests differ. */
export async function operationsOf(server: Server, requestAt: () => BenchRequest): Promise<Operations> {
  const before = await countsOf(server);
  await sendAll(CALLS, requestAt);
  await server.idleCpuUs();
  await sleep(100); // a message that has not arrived then counts as lost
  const after = await countsOf(server);
  const each = (key: keyof Operations) => (after[key] - before[key]) / CALLS;
  return { kvReads: each("kvReads"), kvWrites: each("kvWrites"), calls: each("calls"), messages: each("messages") };
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
