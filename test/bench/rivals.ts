// Other servers with the same duties, for a comparison in one run: `npm run bench -- --rivals`.
// Their packages are installed into a folder of their own; this repository does not depend on them.
import { execFileSync } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { catalog } from "../../src/tools/catalog.ts";
import { FOR_WORKERS } from "./bundles.ts";
import { RIVALS, type Rival } from "./config.ts";
import { rivalCall, rivalList, type Target } from "./requests.ts";
import { median, PRODUCT_TOOLS, type Series, type SeriesName } from "./series.ts";
import type { Server } from "./server.ts";
import { columnsOf } from "./table.ts";
import { issue } from "./tokens.ts";

const TITLES: Readonly<Record<Rival, string>> = { sdk: "SDK + OAuth + audit", agents: "agents + OAuth + audit" };
/** The most that the gateway may cost of what the SDK costs: goal 5. */
const LIMITS = { call: 0.36, list: 0.1 };

/** Installs the packages of the rivals below `folder`, and builds them. */
export async function buildRivals(folder: string): Promise<void> {
  const own = path.join(folder, "rivals");
  cpSync(path.join(ROOT, "test/bench/rivals"), own, { recursive: true });
  const tools = [...catalog.values()].map(({ name, title, description, inputSchema, outputSchema, annotations }) => {
    return { name, title, description, inputSchema, outputSchema, annotations };
  });
  writeFileSync(path.join(own, "tools.json"), JSON.stringify(tools));
  const flags = ["--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", ["install", ...flags], { cwd: own, stdio: ["ignore", "ignore", "inherit"] });
  await build({
    ...FOR_WORKERS,
    entryPoints: RIVALS.map((name) => path.join(own, `${name}.mjs`)),
    outdir: own,
  });
}

type RivalSeries = "baseline" | "call" | "list" | `${Rival} ${"call" | "list"}`;

/** The calls and lists of the gateway and of each rival, with a token that was used before. */
export async function rivalSeries(
  { ports }: Server,
  own: Readonly<Record<SeriesName, Series>>,
): Promise<Readonly<Record<RivalSeries, Series>>> {
  const series: Partial<Record<RivalSeries, Series>> = { baseline: own.baseline, call: own.call, list: own.list };
  for (const rival of RIVALS) {
    const [token = ""] = await issue(ports.get(rival), ["u_rival"]);
    const target: Target = { port: ports.get(rival) ?? 0, era: "2026-07-28", token };
    series[`${rival} call`] = { count: 60, warm: 1, requestAt: () => rivalCall(target) };
    series[`${rival} list`] = { count: 40, warm: 1, requestAt: () => rivalList(target, PRODUCT_TOOLS) };
  }
  return series as Record<RivalSeries, Series>; // all of them, by the loop
}

/** A line for each server: its costs relative to b, and the gateway's part of them. */
export function rivalTable(costs: Readonly<Record<RivalSeries, readonly number[]>>): string {
  const ratio = (of: RivalSeries, over: RivalSeries) =>
    median(costs[of].map((cost, round) => cost / (costs[over][round] ?? Number.NaN))).toFixed(2);
  const rows = RIVALS.map((rival) => {
    const [call, list] = [`${rival} call`, `${rival} list`] as const;
    return [TITLES[rival], ratio(call, "baseline"), ratio(list, "baseline"), ratio("call", call), ratio("list", list)];
  });
  return columnsOf([
    ["", "tools/call, b", "tools/list, b", "gateway's call", "gateway's list"],
    ["this gateway", ratio("call", "baseline"), ratio("list", "baseline"), "", ""],
    ...rows,
    ["goal 5, of the SDK's", "", "", `≤ ${LIMITS.call}`, `≤ ${LIMITS.list}`],
  ]);
}
