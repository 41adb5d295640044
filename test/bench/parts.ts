// `npm run bench -- --parts`: what each part of a call and of a list costs. Gateways that lack one
// part each run beside the complete one. A part is removed by a module of `parts/`, which stands in
// place of the gateway's module of that name. The compiler checks that it has the same functions.
import path from "node:path";
import { build, type Plugin } from "esbuild";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { FOR_WORKERS } from "./bundles.ts";
import type { PartialGateway } from "./config.ts";
import { statusCall, type Target, toolList } from "./requests.ts";
import { PRODUCT_TOOLS, type Series } from "./series.ts";
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

/** Lacks of each gateway. The first is complete; another one like it shows the noise. */
const LACKS: readonly (readonly [what: string, modules: readonly string[]])[] = [
  ["nothing", []],
  ["nothing, once more", []],
  ...Object.entries(MODULES),
  ["all but the first two", Object.entries(MODULES).flatMap(([what, files]) => (DUTIES.includes(what) ? [] : files))],
  ["all", Object.values(MODULES).flat()],
];

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

/** A line for each part: the share of a call and of a list that its removal saves. */
export function partTable(costs: Readonly<Record<PartSeries, readonly number[]>>): string {
  const compared = (of: PartSeries, over: PartSeries) => totalsRatio(costs[of] ?? [], costs[over] ?? []);
  const saved = (at: number, kind: "call" | "list") => {
    const { ratio, error } = compared(`${nameOf(at)} ${kind}`, `${nameOf(0)} ${kind}`);
    return `${(100 * (1 - ratio)).toFixed(1)} ± ${(100 * error).toFixed(1)} %`;
  };
  const cost = (at: number, kind: "call" | "list") =>
    `${compared(`${nameOf(at)} ${kind}`, "baseline").ratio.toFixed(2)} b`;
  const rows = LACKS.map(([what], at) => {
    const shares = at === 0 ? ["", ""] : [saved(at, "call"), saved(at, "list")];
    return [what, ...shares, cost(at, "call"), cost(at, "list")];
  });
  return columnsOf([["removed", "saves of a call", "of a list", "call", "list"], ...rows]);
}

/**
 * The ratio of the totals of two series, with its standard error. It is steadier than a median of
 * ratios where a slice is short: whether garbage is collected in it is chance.
 */
function totalsRatio(of: readonly number[], over: readonly number[]): { ratio: number; error: number } {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const ratio = sum(of) / sum(over);
  const squares = of.map((cost, round) => (cost - ratio * (over[round] ?? 0)) ** 2);
  return { ratio, error: Math.sqrt(sum(squares)) / sum(over) };
}
