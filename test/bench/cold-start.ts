// Processor time from a new process to the gateway's first response, beside that of Workers that
// have less of it. The Workers behind it are the same in all.
import { send } from "./load.ts";
import { toolList } from "./requests.ts";
import { median, PRODUCT_TOOLS } from "./series.ts";
import { startServer } from "./server.ts";
import { columnsOf } from "./table.ts";

/** Rounds in which each Worker starts once. */
const STARTS = 9;

/**
 * The main module of each Worker, from nothing to the gateway: `bound` has its bindings and classes
 * only, `unevaluated` also its code.
 */
const MODULES = {
  empty: "empty.js",
  bound: "bound.js",
  unevaluated: "unevaluated.js",
  gateway: "gateway/index.js",
} as const;
type Started = keyof typeof MODULES;

/** Processor time in microseconds. */
export interface Start {
  /** Until the Worker listens. */
  readonly readyUs: number;
  /** From then until its first response. */
  readonly responseUs: number;
}

/** A token, and its entries in KV. */
export interface KnownToken {
  readonly token: string;
  readonly entries: readonly (readonly [string, string])[];
}

/** Starts of each of `names`, in turns. */
export async function coldStarts<Name extends Started>(
  folder: string,
  known: KnownToken,
  names: readonly Name[],
  rounds = STARTS,
): Promise<Readonly<Record<Name, readonly Start[]>>> {
  const starts = new Map<Name, Start[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [name, own] of starts) own.push(await startOf(folder, name, known));
  return Object.fromEntries(starts) as Record<Name, Start[]>; // of all `names`
}

async function startOf(folder: string, name: Started, { token, entries }: KnownToken): Promise<Start> {
  const service = name === "empty" ? "empty" : "gateway";
  const server = await startServer(folder, ["storage", "backends", service], MODULES[name]);
  try {
    await fetch(`http://127.0.0.1:${server.ports.get("storage")}/`, { method: "PUT", body: JSON.stringify(entries) });
    const readyUs = await server.idleCpuUs();
    const request = toolList({ port: server.ports.get(service) ?? 0, era: "2026-07-28", token }, PRODUCT_TOOLS);
    const hasCode = name === "gateway" || name === "unevaluated";
    await send(hasCode ? request : { ...request, isExpected: () => true });
    return { readyUs, responseUs: (await server.idleCpuUs()) - readyUs };
  } finally {
    await server.stop();
  }
}

/** In all, in microseconds. */
export const totalUs = ({ readyUs, responseUs }: Start): number => readyUs + responseUs;

/** A line for each part of a start: what it adds to that of an empty Worker, in milliseconds. */
export function startTable({ empty, bound, unevaluated, gateway }: Record<Started, readonly Start[]>): string {
  const readyUs = (start: Start) => start.readyUs;
  const line = (what: string, costOf: (start: Start) => number, more: readonly Start[], less: readonly Start[]) => {
    const before = less.map(costOf);
    const addedUs = median(more.map((start, round) => costOf(start) - (before[round] ?? Number.NaN)));
    return [what, (addedUs / 1000).toFixed(1)];
  };
  return columnsOf([
    ["part of a start", "ms"],
    line("bindings and classes of Durable Objects", readyUs, bound, empty),
    line("loading the code", readyUs, unevaluated, bound),
    line("evaluating it", readyUs, gateway, unevaluated),
    line("the first response", ({ responseUs }) => responseUs, gateway, empty),
    line("all, above an empty Worker", totalUs, gateway, empty),
  ]);
}
