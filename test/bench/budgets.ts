// The budgets of `npm run bench:quick`: what a request may cost, relative to its baseline. They are
// what the code needs, not the goals of docs/performance.md, so that a change which makes requests
// dearer is seen at once. Lower them after a change that makes requests cheaper.
import { type Costs, median, type SeriesName } from "./series.ts";

interface Budget {
  readonly what: string;
  readonly of: SeriesName;
  readonly over: SeriesName;
  /** The most that the ratio may be, beyond the noise of the run. */
  readonly limit: number;
}

export const BUDGETS: readonly Budget[] = [
  { what: "tools/call, token seen before", of: "call", over: "baseline", limit: 3.2 },
  { what: "tools/call, new token", of: "freshCall", over: "baseline", limit: 5.6 },
  { what: "tools/list, token seen before", of: "list", over: "baseline", limit: 1.1 },
  { what: "tools/list, new token", of: "freshList", over: "baseline", limit: 4 },
  { what: "1 MB results", of: "largeResult", over: "baselineLargeResult", limit: 1.9 },
  { what: "1 MB arguments", of: "largeArguments", over: "baselineLargeArguments", limit: 1.6 },
];

/** The series that the budgets compare. */
export const BUDGETED: readonly SeriesName[] = [...new Set(BUDGETS.flatMap(({ of, over }) => [of, over]))];

/** One line of the report. */
export interface BudgetLine {
  readonly what: string;
  readonly ratio: number;
  /** Three standard errors of the median: a ratio differs by more in one run of 370. */
  readonly noise: number;
  readonly limit: number;
  readonly isKept: boolean;
}

/** Compares each ratio with its budget. A ratio that may be within it, given the noise, is kept. */
export function checkBudgets(costs: Pick<Costs, SeriesName>, budgets = BUDGETS): readonly BudgetLine[] {
  return budgets.map(({ what, of, over, limit }) => {
    const ratios = costs[of].map((cost, round) => cost / (costs[over][round] ?? Number.NaN));
    const [ratio, noise] = [median(ratios), 3 * standardError(ratios)];
    return { what, ratio, noise, limit, isKept: ratio - noise <= limit };
  });
}

/** Of the median of `values`, from their median deviation, which ignores outliers. */
export function standardError(values: readonly number[]): number {
  const middle = median(values);
  const deviation = 1.4826 * median(values.map((value) => Math.abs(value - middle)));
  return (1.2533 * deviation) / Math.sqrt(values.length);
}

/** The lines as a table. */
export function budgetTable(lines: readonly BudgetLine[]): string {
  const width = Math.max(...lines.map(({ what }) => what.length));
  return lines
    .map(({ what, ratio, noise, limit, isKept }) =>
      [
        what.padEnd(width),
        `${ratio.toFixed(2)} ± ${noise.toFixed(2)}`,
        `≤ ${limit}`.padEnd(6),
        isKept ? "kept" : "exceeded",
      ].join("  "),
    )
    .join("\n");
}
