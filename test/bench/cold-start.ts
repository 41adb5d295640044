// From a new process to the first answer of the gateway, above the same for a Worker without code. Stand-ins are the same in both.
import { send } from "./load.ts";
import { toolList } from "./requests.ts";
import { PRODUCT_TOOLS } from "./series.ts";
import { startServer } from "./server.ts";

/** Pairs of starts, one of each kind. */
const STARTS = 9;

/** Microseconds of processor time above an empty Worker, one value a pair. `entries` is what the store must hold for `token`. */
export async function coldStarts(
  folder: string,
  token: string,
  entries: readonly (readonly [string, string])[],
): Promise<readonly number[]> {
  const costs: number[] = [];
  for (let start = 0; start < STARTS; start++) {
    const empty = await costOf(folder, "empty", token, entries);
    costs.push((await costOf(folder, "gateway", token, entries)) - empty);
  }
  return costs;
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
    const shot = toolList({ port: server.ports.get(service) ?? 0, era: "2026-07-28", token }, PRODUCT_TOOLS);
    await send(service === "gateway" ? shot : { ...shot, isRight: () => true });
    return await server.settledCpuUs();
  } finally {
    await server.stop();
  }
}
