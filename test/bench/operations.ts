// What cannot be timed: how often one call asks KV, the queue and the backends, and whether a body that is too large is read at all.
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_ORIGIN } from "../../entrypoints/cli/workers.ts";
import type { BackendCounts, Operations, StorageCounts } from "./counts.ts";
import { fire, type Shot } from "./load.ts";
import type { Server } from "./server.ts";

const CALLS = 20;

/** The operations of one request, which all that `shotAt` makes have alike; fractions where they have not. */
export async function operationsOf(server: Server, shotAt: () => Shot): Promise<Operations> {
  const before = await countsOf(server);
  await fire(CALLS, shotAt);
  await server.settledCpuUs();
  await sleep(100); // a message that has not arrived by now is lost
  const after = await countsOf(server);
  const each = (key: keyof Operations) => (after[key] - before[key]) / CALLS;
  return { kvReads: each("kvReads"), kvWrites: each("kvWrites"), calls: each("calls"), messages: each("messages") };
}

async function countsOf({ ports }: Server): Promise<Operations> {
  const storage = await fetch(`http://127.0.0.1:${ports.get("storage")}/counts`);
  const backends = await fetch(`http://127.0.0.1:${ports.get("backends")}/`);
  return { ...((await storage.json()) as StorageCounts), ...((await backends.json()) as BackendCounts) };
}

/** How long to wait for an answer to a body that never comes. */
const PATIENCE_MS = 5_000;

/** The status of the answer to a request that announces 2 MiB and sends none of them; `null` where it waits for them. */
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
      sleep(PATIENCE_MS, "", { ref: false }),
    ]);
    const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
    return status === undefined ? null : Number(status);
  } finally {
    socket.destroy();
  }
}
