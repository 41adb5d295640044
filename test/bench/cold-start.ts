// Processor time from a new process to the gateway's first response, and to that of a Worker
// without code. The Workers behind it are the same in both.
import { send } from "./load.ts";
import { toolList } from "./requests.ts";
import { PRODUCT_TOOLS } from "./series.ts";
import { startServer } from "./server.ts";

/** Pairs of starts: one of the gateway, one of the empty Worker. */
const STARTS = 9;

/** One start of each, in microseconds. */
export interface ColdStart {
  readonly gatewayUs: number;
  readonly emptyUs: number;
}

/** Pairs of starts. `entries`: KV entries of `token`. */
export async function coldStarts(
  folder: string,
  token: string,
  entries: readonly (readonly [string, string])[],
): Promise<readonly ColdStart[]> {
  const starts: ColdStart[] = [];
  for (let start = 0; start < STARTS; start++) {
    const emptyUs = await costOf(folder, "empty", token, entries);
    starts.push({ emptyUs, gatewayUs: await costOf(folder, "gateway", token, entries) });
  }
  return starts;
}

async function costOf(
  folder: string,
  service: "empty" | "gateway",
  token: string,
  entries: readonly (readonly [string, string])[],
) {
  const server = await startServer(folder, ["storage", "backends", service]);
  try {
    await fetch(`http://127.0.0.1:${server.ports.get("storage")}/`, { method: "PUT", body: JSON.stringify(entries) });
    const request = toolList({ port: server.ports.get(service) ?? 0, era: "2026-07-28", token }, PRODUCT_TOOLS);
    await send(service === "gateway" ? request : { ...request, isExpected: () => true });
    return await server.idleCpuUs();
  } finally {
    await server.stop();
  }
}
