// The performance goals, and the report that compares a run with them. Their numbers are those of
// the table in docs/performance.md.
import type { Operations } from "./counts.ts";
import { type Costs, median, type SeriesName } from "./series.ts";

/** The measurements of one run. */
export interface Findings {
  readonly costs: Costs;
  /** Of a call with a cached token, and with a new one. */
  readonly operations: { readonly known: Operations; readonly fresh: Operations };
  readonly statusBeforeBody: number | null;
  /** Microseconds above an empty Worker, one value for each start. */
  readonly coldStartsUs: readonly number[];
  readonly gatewayGzipBytes: number;
}

/** One line of the report. */
export interface Line {
  /** The goal's number; empty for a line that is shown for comparison. */
  readonly goal: string;
  readonly what: string;
  readonly measured: string;
  readonly limit: string;
  /** `null` if there is no limit. */
  readonly isMet: boolean | null;
}

/** The ratio of two series, computed within each round. */
interface Ratio {
  readonly goal: string;
  readonly what: string;
  readonly of: SeriesName;
  readonly over: SeriesName;
  /** The name of `over` in the report. */
  readonly unit: string;
  readonly limit?: number;
}

const RATIOS: readonly Ratio[] = [
  { goal: "", what: "a: parse and respond", of: "parse", over: "baseline", unit: "b" },
  { goal: "", what: "b: parse, one RPC, respond", of: "baseline", over: "baseline", unit: "b" },
  { goal: "1", what: "tools/call, token seen before", of: "call", over: "baseline", unit: "b", limit: 2.1 },
  { goal: "2", what: "tools/call, new token", of: "freshCall", over: "baseline", unit: "b", limit: 3.5 },
  {
    goal: "3",
    what: "tools/call in 2025-11-25, no session",
    of: "legacyCall",
    over: "call",
    unit: "goal 1",
    limit: 1.05,
  },
  { goal: "4", what: "tools/list, token seen before", of: "list", over: "baseline", unit: "b", limit: 0.7 },
  { goal: "4", what: "tools/list, new token", of: "freshList", over: "baseline", unit: "b", limit: 2 },
  {
    goal: "6",
    what: "1 MB results",
    of: "largeResult",
    over: "baselineLargeResult",
    unit: "b of that size",
    limit: 1.2,
  },
  {
    goal: "6",
    what: "1 MB arguments",
    of: "largeArguments",
    over: "baselineLargeArguments",
    unit: "b of that size",
    limit: 1.2,
  },
  { goal: "7", what: "tools/list, 1,000 tools", of: "longList", over: "readyList", unit: "ready bytes", limit: 1.2 },
  { goal: "7", what: "tools/call, 1,000 tools", of: "manyCall", over: "fewCall", unit: "10 tools", limit: 1.05 },
  { goal: "8", what: "tools/call, 50 backends", of: "wideCall", over: "fewCall", unit: "2 backends", limit: 1.3 },
  { goal: "8", what: "tools/call, 1,000 users", of: "usersCall", over: "call", unit: "1 user", limit: 1.1 },
  { goal: "", what: "a backend that verifies (image_list_models)", of: "referenceCall", over: "baseline", unit: "b" },
];

const KNOWN_OPERATIONS: Operations = { kvReads: 0, kvWrites: 0, calls: 1, messages: 1 };
/** A new token is looked up: KV has the token, and the auth Worker knows the user's standing. */
const FRESH_OPERATIONS: Operations = { ...KNOWN_OPERATIONS, kvReads: 1, calls: 2 };
const COLD_START_LIMIT_MS = 6;
const GZIP_LIMIT_KB = 60;

/** All lines, in the order of the goals. */
export function evaluate(findings: Findings): readonly Line[] {
  const { operations, statusBeforeBody: status, coldStartsUs, gatewayGzipBytes } = findings;
  const ratios = RATIOS.map((ratio) => lineOfRatio(findings.costs, ratio));
  const coldStartMs = median(coldStartsUs) / 1000;
  const gzipKb = gatewayGzipBytes / 1000;
  const others: Line[] = [
    {
      goal: "6",
      what: "2 MiB announced, none sent",
      measured: `${status ?? "no response"}`,
      limit: "413",
      isMet: status === 413,
    },
    lineOfOperations("token seen before", operations.known, KNOWN_OPERATIONS),
    lineOfOperations("new token", operations.fresh, FRESH_OPERATIONS),
    atMost("10", "cold start above an empty Worker", coldStartMs, COLD_START_LIMIT_MS, "ms"),
    atMost("10", "bundle, minified and gzipped", gzipKb, GZIP_LIMIT_KB, "kB"),
  ];
  const order = ({ goal }: Line) => (goal === "" ? 0 : Number(goal));
  return [...ratios, ...others].toSorted((one, other) => order(one) - order(other));
}

function lineOfRatio(costs: Costs, { goal, what, of, over, unit, limit }: Ratio): Line {
  const ratio = median(costs[of].map((cost, round) => cost / (costs[over][round] ?? Number.NaN)));
  const measured = `${Math.round(median(costs[of]))} µs = ${ratio.toFixed(2)} x ${unit}`;
  return {
    goal,
    what,
    measured,
    limit: limit === undefined ? "" : `≤ ${limit}`,
    isMet: limit === undefined ? null : ratio <= limit,
  };
}

function lineOfOperations(token: string, found: Operations, most: Operations): Line {
  const text = ({ kvReads, kvWrites, calls, messages }: Operations) => [kvReads, kvWrites, calls, messages].join(" / ");
  const isMet =
    found.kvReads <= most.kvReads && found.kvWrites === 0 && found.calls === most.calls && found.messages === 1;
  return {
    goal: "9",
    what: `KV reads / writes / RPC / messages, ${token}`,
    measured: text(found),
    limit: text(most),
    isMet,
  };
}

function atMost(goal: string, what: string, found: number, limit: number, unit: string): Line {
  return { goal, what, measured: `${found.toFixed(1)} ${unit}`, limit: `≤ ${limit} ${unit}`, isMet: found <= limit };
}

/** The lines as a table. */
export function tableOf(lines: readonly Line[]): string {
  const rows = [
    ["goal", "what", "measured", "limit", ""],
    ...lines.map(({ goal, what, measured, limit, isMet }) => [
      ...[goal, what, measured, limit],
      isMet === null ? "" : isMet ? "met" : "missed",
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
