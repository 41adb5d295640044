// `npm run cost`: dollars of a month on Cloudflare, for a number of calls a day. docs/scaling.md
// describes the figures, and which part gives way first.
import { dollarsOf, PLAN_DOLLARS, PRICES, type Resource } from "./cost/prices.ts";
import { type Traffic, trafficOf, usageOf } from "./cost/usage.ts";
import { readArguments } from "./options.ts";

const DEFAULT_CALLS = 10_000;

const USAGE = `Usage: npm run cost [-- options]

  --calls N          tool calls a day (default ${DEFAULT_CALLS})
  --images PERCENT   of them that draw an image; the others only read (default 5)
  --look-ups PERCENT of requests with a credential that is not cached (default 50)
  --users N          users a day (default: one for 20 calls)
  --cpu-ms MS        processor time of a request (default 3)
  --image-seconds S  for which the model draws (default 5)
  --image-mb MB      size of an image (default 0.5)
  --record-days N    for which audit records are kept (default 400)
  --help             show this

Prices are those of the Workers Paid plan. The costs of the models themselves are not included.`;

/** Prints the table. */
export async function run(args: readonly string[]): Promise<void> {
  const traffic = readOptions(args);
  console.log(traffic === "help" ? USAGE : report(traffic));
}

/** A line for each resource, the dearest first, and the sum. */
export function report(traffic: Traffic): string {
  const rows = bill(traffic).map(({ resource, units, dollars }) => [
    PRICES[resource].title,
    short(units),
    short(PRICES[resource].included),
    dollars.toFixed(2),
  ]);
  const all = [
    ["a month of 30 days", "units", "included", "$"],
    ...rows,
    ["the plan", "", "", PLAN_DOLLARS.toFixed(2)],
    ["total", "", "", totalOf(traffic).toFixed(2)],
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart((widths[n] ?? 0) + 2))).join("");
  return all.map(line).join("\n");
}

/** Dollars a month, the plan included. */
export function totalOf(traffic: Traffic): number {
  return bill(traffic).reduce((sum, { dollars }) => sum + dollars, PLAN_DOLLARS);
}

/** Units and dollars a month of each resource, the dearest first. */
export function bill(traffic: Traffic): { resource: Resource; units: number; dollars: number }[] {
  return [...usageOf(traffic)]
    .map(([resource, units]) => ({ resource, units, dollars: dollarsOf(resource, units) }))
    .toSorted((a, b) => b.dollars - a.dollars || shareOf(b) - shareOf(a));
}

/** The part of what the plan includes. */
function shareOf({ resource, units }: { resource: Resource; units: number }): number {
  return units / PRICES[resource].included;
}

/** Three digits and a unit: `3.21 million`. */
function short(units: number): string {
  for (const [size, name] of [
    [1e9, " billion"],
    [1e6, " million"],
    [1e3, " thousand"],
  ] as const)
    if (units >= size) return `${Number((units / size).toPrecision(3))}${name}`;
  return String(Number(units.toPrecision(3)));
}

const TEXT = { type: "string" } as const;
const OPTIONS = {
  calls: TEXT,
  images: TEXT,
  "look-ups": TEXT,
  users: TEXT,
  "cpu-ms": TEXT,
  "image-seconds": TEXT,
  "image-mb": TEXT,
  "record-days": TEXT,
} as const;

function readOptions(args: readonly string[]): Traffic | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS }, (values) => {
    const number = (name: keyof typeof OPTIONS, fallback: number, most = 1e12) => {
      const value = Number(values[name] ?? fallback);
      if (!(value >= 0 && value <= most) || values[name]?.trim() === "")
        throw new Error(`--${name} must be a number from 0 to ${most}`);
      return value;
    };
    const assumed = trafficOf(number("calls", DEFAULT_CALLS));
    return {
      calls: assumed.calls,
      images: number("images", assumed.images, 100),
      lookUps: number("look-ups", assumed.lookUps, 100),
      users: number("users", assumed.users),
      cpuMs: number("cpu-ms", assumed.cpuMs),
      imageSeconds: number("image-seconds", assumed.imageSeconds),
      imageMb: number("image-mb", assumed.imageMb),
      recordDays: number("record-days", assumed.recordDays),
    };
  });
}
