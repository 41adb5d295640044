// What is measured: each kind of request is a series, and all series take turns in short slices, so that whatever else the machine
// does hits all of them alike.
import { CROWDS, type ServiceName } from "./config.ts";
import { fire, type Shot } from "./load.ts";
import { largeArguments, largeResult, modelsCall, readyBytes, statusCall, toolList, type Way } from "./requests.ts";
import type { Server } from "./server.ts";

/** Requests of one kind. */
export interface Series {
  /** How many make a slice. */
  readonly count: number;
  /** How many of them are sent before the clock starts, so that what they need has been seen. */
  readonly warm: number;
  shotAt(index: number): Shot;
}

/** Access tokens of people. */
export interface Tokens {
  /** Used again and again. */
  readonly known: string;
  /** One for each of a thousand users. */
  readonly crowd: readonly string[];
  /** Not used before. */
  fresh(): string;
}

/** How many tokens that nobody has used one round of slices uses up. */
export const FRESH_A_ROUND = 60;

/** The product's own tools, as they are listed. */
export const PRODUCT_TOOLS = 10;

/** All series, by name. `listBytes`: how large the list of a thousand tools is. */
export function seriesOf(server: Server, tokens: Tokens, listBytes: number) {
  const to = (service: ServiceName) => server.ports.get(service) ?? 0;
  const known: Way = { port: to("gateway"), era: "2026-07-28", token: tokens.known };
  const fresh = (): Way => ({ ...known, token: tokens.fresh() });
  const floor: Way = { port: to("floor"), era: "none", path: "/call" };
  const crowd = (name: keyof typeof CROWDS): Way => ({ ...known, port: to(name) });
  const crowdCall = (name: keyof typeof CROWDS) => (index: number) =>
    statusCall(crowd(name), `flow_status_${index % CROWDS[name].tools}`);
  const of = (count: number, shotAt: (index: number) => Shot, warm = 1): Series => ({ count, warm, shotAt });
  return {
    answer: of(100, () => statusCall({ ...floor, path: "/answer" })),
    floor: of(200, () => statusCall(floor)),
    call: of(200, () => statusCall(known)),
    freshCall: of(FRESH_A_ROUND / 2, () => statusCall(fresh()), 0),
    legacyCall: of(200, () => statusCall({ ...known, era: "2025-11-25" })),
    referenceCall: of(60, () => modelsCall(known)),
    list: of(100, () => toolList(known, PRODUCT_TOOLS)),
    freshList: of(FRESH_A_ROUND / 2, () => toolList(fresh(), PRODUCT_TOOLS), 0),
    floorLargeArguments: of(16, () => largeArguments(floor)),
    largeArguments: of(16, () => largeArguments(known)),
    floorLargeResult: of(16, () => largeResult(floor)),
    largeResult: of(16, () => largeResult(known)),
    readyList: of(24, () => readyBytes(floor, listBytes)),
    longList: of(24, () => toolList(crowd("many"), CROWDS.many.tools)),
    fewCall: of(150, crowdCall("few")),
    manyCall: of(150, crowdCall("many")),
    wideCall: of(150, crowdCall("wide"), 50),
    usersCall: of(200, () => statusCall({ ...known, token: anyOf(tokens.crowd) }), 200),
  } as const satisfies Record<string, Series>;
}

export type SeriesName = keyof ReturnType<typeof seriesOf>;

/** Microseconds of processor time a request, one value a round. */
export type Costs = Readonly<Record<SeriesName, readonly number[]>>;

/** Rounds whose values are thrown away: code is still being compiled. */
const WARM_UP_ROUNDS = 4;
/** Fewer say nothing. */
export const LEAST_ROUNDS = 10;

/** Runs all series in turns, `rounds` times, or fewer where that takes longer than `limitMs`. */
export async function measure(
  server: Server,
  series: Readonly<Record<SeriesName, Series>>,
  rounds: number,
  limitMs: number,
): Promise<Costs> {
  const names = Object.keys(series) as SeriesName[];
  const costs = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<SeriesName, number[]>;
  const startedAt = performance.now();
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    if (round >= LEAST_ROUNDS && performance.now() - startedAt > limitMs) break;
    for (const name of shuffled(names)) {
      const cost = await slice(server, series[name]);
      if (round >= 0) costs[name].push(cost);
    }
  }
  return costs;
}

async function slice(server: Server, { count, warm, shotAt }: Series): Promise<number> {
  await fire(warm, shotAt);
  const before = await server.settledCpuUs();
  await fire(count, shotAt);
  return ((await server.settledCpuUs()) - before) / count;
}

function anyOf(values: readonly string[]): string {
  return values[Math.floor(Math.random() * values.length)] ?? "";
}

/** In an order of chance, so that no series always comes after the same one. */
function shuffled<T>(values: readonly T[]): T[] {
  const keyed = values.map((value) => ({ value, key: Math.random() }));
  return keyed.sort((one, other) => one.key - other.key).map(({ value }) => value);
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
