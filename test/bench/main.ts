// `npm run bench`: measures the cost of requests to the gateway, relative to one RPC, and reports
// each goal. A wrong response ends it with an error; a missed goal does so with `--check` only.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { BUDGETED, budgetTable, checkBudgets } from "./budgets.ts";
import { buildAll } from "./bundles.ts";
import { coldStarts, startTable } from "./cold-start.ts";
import { RIVALS, SCALED_GATEWAYS, SERVICES, type ServiceName } from "./config.ts";
import { evaluate, type Findings, tableOf } from "./goals.ts";
import { closeConnections, send, UnexpectedResponse } from "./load.ts";
import { allOperations, statusBeforeBody } from "./operations.ts";
import { buildPartial, PARTIAL_GATEWAYS, partSeries, partTable } from "./parts.ts";
import { type Target, toolList } from "./requests.ts";
import { buildRivals, rivalSeries, rivalTable } from "./rivals.ts";
import { type Costs, FRESH_PER_ROUND, MIN_ROUNDS, measure, seriesOf } from "./series.ts";
import { type Server, startServer } from "./server.ts";
import { entriesOf, makeTokens } from "./tokens.ts";

const DEFAULT_ROUNDS = 30;

const USAGE = `Usage: npm run bench [-- options]

  --check     end with an error if a goal is missed
  --quick     only compare the main ratios with their budgets: under two minutes, and an error if
              one is exceeded by more than the noise of the run
  --parts     only measure what each part of a call, of a list and of a start costs
  --rivals    only compare with other servers, which it installs into a temporary folder
  --rounds N  repetitions of each kind of request (default ${DEFAULT_ROUNDS}, at least ${MIN_ROUNDS})
  --help      show this`;

/** No round starts later than this. */
const ROUNDS_LIMIT_MS = 120_000;
/** Tokens for the discarded rounds, and for counting operations. */
const SPARE_ROUNDS = 5;

interface Options {
  readonly isCheck: boolean;
  readonly mode: "goals" | "quick" | "parts" | "rivals";
  readonly rounds: number;
}

function modeOf({ quick = false, parts = false, rivals = false }): Options["mode"] {
  if (Number(quick) + Number(parts) + Number(rivals) > 1)
    throw new Error("--quick, --parts and --rivals exclude each other");
  return quick ? "quick" : parts ? "parts" : rivals ? "rivals" : "goals";
}

/** The options; `null` after printing the usage, for `--help` and for invalid options. */
function optionsFrom(args: string[]): Options | null {
  const options = {
    check: { type: "boolean" },
    quick: { type: "boolean" },
    parts: { type: "boolean" },
    rivals: { type: "boolean" },
    rounds: { type: "string" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    const { values } = parseArgs({ args, options });
    const rounds = Number(values.rounds ?? DEFAULT_ROUNDS);
    if (!Number.isInteger(rounds) || rounds < MIN_ROUNDS)
      throw new Error(`--rounds takes a number, at least ${MIN_ROUNDS}`);
    if (!values.help) return { isCheck: values.check ?? false, mode: modeOf(values), rounds };
    console.log(USAGE);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}.\n\n${USAGE}`);
    process.exitCode = 1;
  }
  return null;
}

async function measureAll(folder: string, rounds: number): Promise<Findings> {
  console.log("Building.");
  const { gatewayGzipBytes } = await buildAll(folder);
  const server = await startServer(folder, SERVICES);
  try {
    console.log("Making tokens.");
    const tokens = await makeTokens(server, FRESH_PER_ROUND * (rounds + SPARE_ROUNDS));
    const gateway: Target = { port: server.ports.get("gateway") ?? 0, era: "2026-07-28", token: tokens.known };
    const longList = await send(
      toolList({ ...gateway, port: server.ports.get("many") ?? 0 }, SCALED_GATEWAYS.many.tools),
    );
    console.log(`Measuring, ${rounds} rounds.`);
    const series = seriesOf(server, tokens, longList.length);
    const costs = await measure(server, series, { rounds, limitMs: ROUNDS_LIMIT_MS });
    const operations = await allOperations(server, tokens);
    const status = await statusBeforeBody(server, tokens.known);
    if (server.errors() !== "") throw new UnexpectedResponse("the Workers logged errors");
    const known = { token: tokens.known, entries: await entriesOf(server, tokens.known) };
    const starts = await coldStarts(folder, known, ["empty", "gateway"]);
    return { costs, operations, statusBeforeBody: status, coldStarts: starts, gatewayGzipBytes };
  } catch (error) {
    if (server.errors() !== "") console.error(`The Workers' errors:\n${server.errors()}`);
    throw error;
  } finally {
    closeConnections();
    await server.stop();
  }
}

/** The Workers that the budgets need. */
const QUICK_SERVICES = ["storage", "backends", "baseline", "gateway", "issuer"] as const;
const QUICK_LIMIT_MS = 60_000;

/** Costs of the series that have a budget. */
async function measureBudgets(folder: string, rounds: number): Promise<Costs> {
  await buildAll(folder);
  return withServer(folder, QUICK_SERVICES, async (server) => {
    const tokens = await makeTokens(server, FRESH_PER_ROUND * (rounds + SPARE_ROUNDS), 0);
    const extent = { rounds, limitMs: QUICK_LIMIT_MS, names: BUDGETED };
    return measure(server, seriesOf(server, tokens, 0), extent);
  });
}

/** Costs of calls and lists, of the gateway and of other servers. */
async function measureRivals(folder: string, rounds: number) {
  console.log("Installing and building.");
  await Promise.all([buildAll(folder), buildRivals(folder)]);
  return withServer(folder, [...QUICK_SERVICES, ...RIVALS], async (server) => {
    const series = await rivalSeries(server, seriesOf(server, await makeTokens(server, 0, 0), 0));
    console.log(`Measuring, ${rounds} rounds.`);
    return measure(server, series, { rounds, limitMs: ROUNDS_LIMIT_MS });
  });
}

/** The report on gateways that lack a part each, and on Workers that have a part of its start. */
async function reportOnParts(folder: string, rounds: number): Promise<string> {
  console.log("Building.");
  await Promise.all([buildAll(folder), buildPartial(folder)]);
  return withServer(folder, [...QUICK_SERVICES, ...PARTIAL_GATEWAYS], async (server) => {
    const tokens = await makeTokens(server, 0, 0);
    const turns = 3 * rounds; // of shorter slices
    console.log(`Measuring, ${turns} rounds.`);
    const series = partSeries(server, tokens.known, seriesOf(server, tokens, 0).baseline);
    const costs = await measure(server, series, { rounds: turns, limitMs: ROUNDS_LIMIT_MS });
    const known = { token: tokens.known, entries: await entriesOf(server, tokens.known) };
    const starts = await coldStarts(folder, known, ["empty", "bound", "unevaluated", "gateway"]);
    return `${partTable(costs)}\n\n${startTable(starts)}`;
  });
}

/** Runs `use` with a server and stops it. An error that a Worker logs makes the run invalid. */
async function withServer<T>(
  folder: string,
  services: readonly ServiceName[],
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const server = await startServer(folder, services);
  try {
    const result = await use(server);
    if (server.errors() !== "") throw new UnexpectedResponse(`the Workers logged errors:\n${server.errors()}`);
    return result;
  } finally {
    closeConnections();
    await server.stop();
  }
}

async function compareWithBudgets(folder: string, rounds: number): Promise<void> {
  const lines = checkBudgets(await measureBudgets(folder, rounds));
  console.log(budgetTable(lines));
  if (lines.every(({ isKept }) => isKept)) return;
  console.error("A request became dearer. Make it cheaper, or raise its budget in test/bench/budgets.ts and say why.");
  process.exitCode = 1;
}

async function run(args: string[]): Promise<void> {
  const options = optionsFrom(args);
  if (!options) return;
  if (process.platform !== "linux") {
    console.error("The benchmark reads the processor time of a process from /proc, so it needs Linux.");
    process.exitCode = 1;
    return;
  }
  const [load = 0] = loadavg();
  const folder = mkdtempSync(path.join(tmpdir(), "bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));
  try {
    if (options.mode === "quick") return await compareWithBudgets(folder, options.rounds);
    if (options.mode === "parts") return console.log(await reportOnParts(folder, options.rounds));
    if (options.mode === "rivals") return console.log(rivalTable(await measureRivals(folder, options.rounds)));
    const lines = evaluate(await measureAll(folder, options.rounds));
    console.log(`\n${tableOf(lines)}`);
    const missed = lines.filter(({ isMet }) => isMet === false).length;
    console.log(
      `\n${missed === 0 ? "All goals are met." : `${missed} of ${lines.filter(({ isMet }) => isMet !== null).length} are missed.`}`,
    );
    if (load > availableParallelism() / 2) {
      console.log(
        `The machine was busy (load ${load.toFixed(1)} at the start): b costs more then, and ratios to it are too low.`,
      );
    }
    if (options.isCheck && missed > 0) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof UnexpectedResponse)) throw error;
    console.error(`A wrong response makes the measurements invalid: ${error.message}`);
    process.exitCode = 1;
  }
}

await run(process.argv.slice(2));
