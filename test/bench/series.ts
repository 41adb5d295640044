// Measures each kind of request as a series. All series take turns in short slices, so that other
// load on the machine affects all of them alike.
import { setTimeout as sleep } from "node:timers/promises";
import { SCALED_GATEWAYS, type ServiceName } from "./config.ts";
import type { GovernedTool } from "./flow.ts";
import { type BenchRequest, sendAll } from "./load.ts";
import { largeArguments, largeResult, modelsCall, readyBytes, statusCall, type Target, toolList } from "./requests.ts";
import type { Server } from "./server.ts";

/** Requests of one kind. */
export interface Series {
  /** Requests in a slice. */
  readonly count: number;
  /** Requests before each measured slice, which fill caches. */
  readonly warm: number;
  /** True: records of changes follow the responses, after the wait of the audit log's outbox. */
  readonly isGoverned?: boolean;
  requestAt(index: number): BenchRequest;
}

/** Access tokens. */
export interface Tokens {
  /** A token that is used in many requests. */
  readonly known: string;
  /** One for each of a thousand users. */
  readonly users: readonly string[];
  /** Returns a token that this gateway has not seen. */
  fresh(at: "gateway" | "stored"): string;
}

/** New tokens that one round uses. */
export const FRESH_PER_ROUND = 60;
/** Users in one slice of the series of many users. */
const USERS_PER_SLICE = 200;

/** Tools in the product's own list. */
export const PRODUCT_TOOLS = 10;

/** All series, by name. `listBytes`: the size of the list of a thousand tools. */
export function seriesOf(server: Server, tokens: Tokens, listBytes: number) {
  const to = (service: ServiceName) => server.ports.get(service) ?? 0;
  const known: Target = { port: to("gateway"), era: "2026-07-28", token: tokens.known };
  const fresh = (at: "gateway" | "stored" = "gateway"): Target => ({ ...known, port: to(at), token: tokens.fresh(at) });
  const baseline: Target = { port: to("baseline"), era: "none", path: "/call" };
  const scaled = (name: keyof typeof SCALED_GATEWAYS): Target => ({ ...known, port: to(name) });
  const scaledCall = (name: keyof typeof SCALED_GATEWAYS) => (index: number) =>
    statusCall(scaled(name), `flow_status_${index % SCALED_GATEWAYS[name].tools}`);
  const of = (count: number, requestAt: (index: number) => BenchRequest, warm = 1): Series => ({
    count,
    warm,
    requestAt,
  });
  const governed = (name: GovernedTool): Series => ({
    ...of(40, () => statusCall(scaled("few"), name), 0),
    isGoverned: true,
  });
  return {
    parse: of(100, () => statusCall({ ...baseline, path: "/parse" })),
    baseline: of(200, () => statusCall(baseline)),
    call: of(200, () => statusCall(known)),
    freshCall: of(FRESH_PER_ROUND / 2, () => statusCall(fresh()), 0),
    storedCall: of(FRESH_PER_ROUND / 2, () => statusCall(fresh("stored")), 0),
    legacyCall: of(200, () => statusCall({ ...known, era: "2025-11-25" })),
    referenceCall: of(60, () => modelsCall({ ...known, port: to("verified") })),
    list: of(100, () => toolList(known, PRODUCT_TOOLS)),
    freshList: of(FRESH_PER_ROUND / 2, () => toolList(fresh(), PRODUCT_TOOLS), 0),
    baselineLargeArguments: of(16, () => largeArguments(baseline)),
    largeArguments: of(16, () => largeArguments(known)),
    baselineLargeResult: of(16, () => largeResult(baseline)),
    largeResult: of(16, () => largeResult(known)),
    readyList: of(24, () => readyBytes(baseline, listBytes)),
    longList: of(24, () => toolList(scaled("many"), SCALED_GATEWAYS.many.tools)),
    fewCall: of(150, scaledCall("few")),
    manyCall: of(150, scaledCall("many")),
    wideCall: of(150, scaledCall("wide"), 50),
    governedCall: governed("intent_and_outcome"),
    checkedCall: governed("and_credential"),
    reservedCall: governed("and_reserve"),
    settledCall: governed("and_settle"),
    usersCall: of(USERS_PER_SLICE, userCalls(known, tokens.users), USERS_PER_SLICE),
  } as const satisfies Record<string, Series>;
}

export type SeriesName = keyof ReturnType<typeof seriesOf>;

/** Microseconds of processor time for one request, one value for each round. */
export type Costs = Readonly<Record<SeriesName, readonly number[]>>;

/** The length of a run. */
interface Extent<Name extends string> {
  readonly rounds: number;
  readonly limitMs: number;
  /** Default: all. */
  readonly names?: readonly Name[];
}

/** Discarded rounds, in which code is still being compiled. */
const WARM_UP_ROUNDS = 4;
/** The fewest rounds whose median is meaningful. */
export const MIN_ROUNDS = 10;

/**
 * Runs the series in turns, `rounds` times, or fewer if that takes longer than `limitMs`. A series
 * that is not among `names` has no costs.
 */
export async function measure<Name extends string>(
  server: Server,
  series: Readonly<Record<Name, Series>>,
  { rounds, limitMs, names = Object.keys(series) as Name[] }: Extent<Name>,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const costs = Object.fromEntries(Object.keys(series).map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  const startedAt = performance.now();
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    if (round >= MIN_ROUNDS && performance.now() - startedAt > limitMs) break;
    for (const name of shuffled(names)) {
      const cost = await slice(server, series[name]);
      if (round >= 0) costs[name].push(cost);
    }
  }
  return costs;
}

/** Longer than the outbox of an audit log waits for further records. */
const OUTBOX_MS = 300;

async function slice(server: Server, { count, warm, requestAt, isGoverned }: Series): Promise<number> {
  await sendAll(warm, requestAt);
  const before = await server.idleCpuUs();
  await sendAll(count, requestAt);
  if (isGoverned) await sleep(OUTBOX_MS);
  return ((await server.idleCpuUs()) - before) / count;
}

/**
 * Calls of one user after the other. Each slice has other users, whose tokens its warm requests
 * have brought into the credential cache.
 */
function userCalls(target: Target, users: readonly string[]): (index: number) => BenchRequest {
  let sent = 0;
  return (index) => {
    const first = Math.floor(sent++ / (2 * USERS_PER_SLICE)) * USERS_PER_SLICE;
    return statusCall({ ...target, token: users[(first + index) % users.length] ?? "" });
  };
}

/** A random order, so that no series always follows the same one. */
function shuffled<T>(values: readonly T[]): T[] {
  const keyed = values.map((value) => ({ value, key: Math.random() }));
  return keyed.sort((one, other) => one.key - other.key).map(({ value }) => value);
}

/** The middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
