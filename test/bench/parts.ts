// `npm run bench -- --parts`: what each part of a call and of a list costs. Gateways that lack one
// part each run beside the complete one. A part is removed by a module of `parts/`, which stands in
// place of the gateway's module of that name. The compiler checks that it has the same functions.
import path from "node:path";
import { build, type Plugin } from "esbuild";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { standardError } from "./budgets.ts";
import { FOR_WORKERS } from "./bundles.ts";
import type { PartialGateway } from "./config.ts";
import { statusCall, type Target, toolList } from "./requests.ts";
import { median, PRODUCT_TOOLS, type Series } from "./series.ts";
import type { Server } from "./server.ts";
import { columnsOf } from "./table.ts";

/** The modules of the gateway that have a replacement, by the part that it removes. */
const MODULES = {
  "audit record: log line and queue": ["src/audit/recorder.ts"],
  "identity token: digest of the input, signature": ["contracts/rpc/identity-token.ts"],
  "validation of arguments and result": ["src/pipeline/validate.ts", "contracts/rpc/call.ts"],
  deadlines: ["contracts/rpc/deadlines.ts"],
  "text of the value": ["src/tools/content.ts"],
  "counters of a minute": ["src/limits/rate-limits.ts"],
  "look at the bearer: kind, digest, cache": ["src/oauth/resource-server/authenticate.ts"],
  "of that, the digest": ["contracts/rpc/encoding.ts"],
  "look-up of what the credential is offered": ["entrypoints/gateway/mcp-server.ts"],
  "log line": ["contracts/log.ts"],
  span: ["src/mcp/span.ts"],
  "trace ids": ["src/context.ts"],
} as const satisfies Record<string, readonly string[]>;

/** Parts that no gateway can do without. */
const DUTIES: readonly string[] = [
  "audit record: log line and queue",
  "identity token: digest of the input, signature",
];

/** Lacks of each gateway. Two are complete, because all others are compared with them. */
const LACKS: readonly (readonly [what: string, modules: readonly string[]])[] = [
  ["nothing", []],
  ["nothing", []],
  ...Object.entries(MODULES),
  ["all but the first two", Object.entries(MODULES).flatMap(([what, files]) => (DUTIES.includes(what) ? [] : files))],
  ["all", Object.values(MODULES).flat()],
];

const COMPLETE: readonly number[] = [0, 1];

const nameOf = (at: number): PartialGateway => `without-${at}`;

/** The gateways that are compared. */
export const PARTIAL_GATEWAYS: readonly PartialGateway[] = LACKS.map((_, at) => nameOf(at));

/** The one that lacks every part. */
export const LEAST_GATEWAY = nameOf(LACKS.length - 1);

/** Builds the `chosen` ones below `folder`. */
export async function buildPartial(folder: string, chosen = PARTIAL_GATEWAYS): Promise<void> {
  const builds = LACKS.map(([, modules], at) => ({ modules, name: nameOf(at) }));
  const wanted = builds.filter(({ name }) => chosen.includes(name));
  await Promise.all(wanted.map(({ modules, name }) => buildWithout(modules, path.join(folder, `parts/${name}.js`))));
}

/** Builds a gateway with a replacement of each of these modules, which it must import. */
export async function buildWithout(modules: readonly string[], outfile: string): Promise<void> {
  const entryPoints = [path.join(ROOT, "entrypoints/gateway/index.ts")];
  await build({ ...FOR_WORKERS, entryPoints, outfile, plugins: [replacing(modules)], logLevel: "silent" });
}

const REPLACEMENTS = path.join(ROOT, "test/bench/parts");

/** Resolves imports of `modules` to their replacements, which import the originals. */
function replacing(modules: readonly string[]): Plugin {
  return {
    name: "replacing",
    setup({ onResolve, onEnd }) {
      const unused = new Set(modules);
      onResolve({ filter: /^\./ }, ({ path: target, resolveDir }) => {
        const file = path.relative(ROOT, path.join(resolveDir, target));
        if (resolveDir === REPLACEMENTS || !modules.includes(file)) return null;
        unused.delete(file);
        return { path: path.join(REPLACEMENTS, path.basename(file)) };
      });
      onEnd(() => {
        return { errors: Array.from(unused, (file) => ({ text: `The gateway does not import ${file}.` })) };
      });
    },
  };
}

type PartSeries = "baseline" | `${PartialGateway} ${"call" | "list"}`;

/**
 * A call and a list of each gateway, with a token that was used before. Short slices, many turns.
 */
export function partSeries({ ports }: Server, token: string, baseline: Series): Readonly<Record<PartSeries, Series>> {
  const series: Partial<Record<PartSeries, Series>> = { baseline };
  for (const name of PARTIAL_GATEWAYS) {
    const port = ports.get(name);
    if (port === undefined) continue;
    const target: Target = { port, era: "2026-07-28", token };
    series[`${name} call`] = { count: 40, warm: 1, requestAt: () => statusCall(target) };
    series[`${name} list`] = { count: 40, warm: 1, requestAt: () => toolList(target, PRODUCT_TOOLS) };
  }
  return series as Record<PartSeries, Series>; // of all that were started, by the loop
}

type Costs = Readonly<Record<PartSeries, readonly number[]>>;
type Kind = "call" | "list";

/** A line for each part: the share of a call and of a list that its removal saves. */
export function partTable(costs: Costs): string {
  const shares = { call: sharesOf(costs, "call"), list: sharesOf(costs, "list") };
  const saved = (at: number, kind: Kind) => {
    const complete = COMPLETE.flatMap((own) => shares[kind][own] ?? []);
    const ratio = median(shares[kind][at] ?? []) / median(complete);
    const error = Math.hypot(standardError(shares[kind][at] ?? []), standardError(complete));
    return `${(100 * (1 - ratio)).toFixed(1)} ± ${(100 * error).toFixed(1)} %`;
  };
  const costOf = (at: number, kind: Kind) => `${median(ratios(costs, `${nameOf(at)} ${kind}`)).toFixed(2)} b`;
  const rows = LACKS.flatMap(([what], at) => {
    const cells = COMPLETE.includes(at) ? ["", ""] : [saved(at, "call"), saved(at, "list")];
    return at === COMPLETE[0] ? [] : [[what, ...cells, costOf(at, "call"), costOf(at, "list")]];
  });
  return columnsOf([["removed", "saves of a call", "of a list", "call", "list"], ...rows]);
}

function ratios(costs: Costs, of: PartSeries): readonly number[] {
  return (costs[of] ?? []).map((cost, round) => cost / (costs.baseline?.[round] ?? Number.NaN));
}

/** Costs of each gateway relative to the median of all in that round, whose noise they share. */
function sharesOf(costs: Costs, kind: Kind): readonly (readonly number[])[] {
  const all = PARTIAL_GATEWAYS.map((name) => costs[`${name} ${kind}`] ?? []);
  const middles = (all[0] ?? []).map((_, round) => median(all.map((own) => own[round] ?? Number.NaN)));
  return all.map((own) => own.map((cost, round) => cost / (middles[round] ?? Number.NaN)));
}
