// The performance goals, and the report that compares a run with them. docs/performance.md explains
// each goal that is missed.
import { type Start, totalUs } from "./cold-start.ts";
import { OPERATIONS, type Operations } from "./counts.ts";
import { type Costs, median, type SeriesName } from "./series.ts";

/** The measurements of one run. */
export interface Findings {
  readonly costs: Costs;
  /** Of one call of each kind. */
  readonly operations: Readonly<Record<CallKind, Operations>>;
  readonly statusBeforeBody: number | null;
  readonly coldStarts: Readonly<Record<"empty" | "gateway", readonly Start[]>>;
  readonly gatewayGzipBytes: number;
}

/**
 * A call that only reads, with a cached token and with a new one; with a cached token, one that
 * changes something, and one that costs credits.
 */
export type CallKind = "known" | "fresh" | "change" | "paid";

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

/** The difference of two series, computed within each round: what one step of a call costs. */
interface Step {
  readonly what: string;
  readonly of: SeriesName;
  readonly above: SeriesName;
}

const STEPS: readonly Step[] = [
  { what: "intent and outcome in the audit log", of: "governedCall", above: "fewCall" },
  { what: "check of the credential before credits", of: "checkedCall", above: "governedCall" },
  { what: "reservation at the ledger", of: "reservedCall", above: "checkedCall" },
  { what: "settlement at the ledger", of: "settledCall", above: "reservedCall" },
];

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
  { goal: "2", what: "the same, the user's object on this disk", of: "storedCall", over: "baseline", unit: "b" },
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

const READ: Operations = { kvReads: 0, kvWrites: 0, objects: 0, auth: 0, ledger: 0, backends: 1, messages: 1 };
/** The audit log takes intent and outcome, and sends both. */
const CHANGE: Operations = { ...READ, objects: 2, messages: 2 };
/** The most that each call may take. */
const ALLOWED: Readonly<Record<CallKind, { readonly what: string; readonly most: Operations }>> = {
  known: { what: "a read, token seen before", most: READ },
  /** Look-up: KV has the token, the user's object what has ended, the auth Worker the standing. */
  fresh: { what: "a read, new token", most: { ...READ, kvReads: 1, objects: 1, auth: 1 } },
  change: { what: "a change", most: CHANGE },
  /** The standing is asked for again, and credits are reserved and settled. */
  paid: { what: "a paid call", most: { ...CHANGE, objects: 3, auth: 1, ledger: 2 } },
};
const COLD_START_LIMIT_MS = 8;
const GZIP_LIMIT_KB = 60;

/** All lines, in the order of the goals. */
export function evaluate(findings: Findings): readonly Line[] {
  const { operations, statusBeforeBody: status, coldStarts, gatewayGzipBytes } = findings;
  const ratios = RATIOS.map((ratio) => lineOfRatio(findings.costs, ratio));
  const steps = STEPS.map((step) => lineOfStep(findings.costs, step));
  const kinds = Object.keys(ALLOWED) as CallKind[];
  const gzipKb = gatewayGzipBytes / 1000;
  const others: Line[] = [
    {
      goal: "6",
      what: "2 MiB announced, none sent",
      measured: `${status ?? "no response"}`,
      limit: "413",
      isMet: status === 413,
    },
    ...kinds.map((kind) => lineOfOperations(kind, operations[kind])),
    lineOfStart(coldStarts),
    {
      goal: "10",
      what: "bundle, minified and gzipped",
      measured: `${gzipKb.toFixed(1)} kB`,
      limit: `≤ ${GZIP_LIMIT_KB} kB`,
      isMet: gzipKb <= GZIP_LIMIT_KB,
    },
  ];
  const order = ({ goal }: Line) => (goal === "" ? 0 : Number(goal));
  return [...ratios, ...steps, ...others].toSorted((one, other) => order(one) - order(other));
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

/** The cost of a step as a part of b, which is not a goal. */
function lineOfStep(costs: Costs, { what, of, above }: Step): Line {
  const differences = costs[of].map((cost, round) => cost - (costs[above][round] ?? Number.NaN));
  const ratio = median(differences.map((difference, round) => difference / (costs.baseline[round] ?? Number.NaN)));
  const measured = `${Math.round(median(differences))} µs = ${ratio.toFixed(2)} x b`;
  return { goal: "", what, measured, limit: "", isMet: null };
}

/** Fewer messages than allowed were lost; fewer of the other operations are as good. */
function lineOfOperations(kind: CallKind, found: Operations): Line {
  const { what, most } = ALLOWED[kind];
  const keys = Object.keys(OPERATIONS) as (keyof Operations)[];
  const text = (operations: Operations) => keys.map((key) => operations[key]).join(" / ");
  const isMet = keys.every((key) => found[key] <= most[key]) && found.messages === most.messages;
  return { goal: "9", what: `operations of ${what}`, measured: text(found), limit: text(most), isMet };
}

/** Beside the limit in milliseconds, a ratio, which differs less from machine to machine. */
function lineOfStart({ empty, gateway }: Findings["coldStarts"]): Line {
  const before = empty.map(totalUs);
  const pairs = gateway.map((start, round) => [totalUs(start), before[round] ?? Number.NaN] as const);
  const aboveMs = median(pairs.map(([own, other]) => own - other)) / 1000;
  const ratio = median(pairs.map(([own, other]) => own / other));
  return {
    goal: "10",
    what: "cold start above an empty Worker",
    measured: `${aboveMs.toFixed(1)} ms = ${ratio.toFixed(2)} x in all`,
    limit: `≤ ${COLD_START_LIMIT_MS} ms`,
    isMet: aboveMs <= COLD_START_LIMIT_MS,
  };
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
