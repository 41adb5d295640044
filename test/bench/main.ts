// `npm run bench`: what a request costs the gateway, beside what one RPC costs at least, in one run on this machine. Says how each goal
// stands. A wrong answer ends it with an error; a goal that is missed does so only with `--check`.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { buildAll } from "./bundles.ts";
import { coldStarts } from "./cold-start.ts";
import { CROWDS, SERVICES } from "./config.ts";
import { type Findings, judge, tableOf } from "./goals.ts";
import { hangUp, send, WrongAnswer } from "./load.ts";
import { operationsOf, statusBeforeBody } from "./operations.ts";
import { statusCall, toolList, type Way } from "./requests.ts";
import { FRESH_A_ROUND, LEAST_ROUNDS, measure, seriesOf } from "./series.ts";
import { startServer } from "./server.ts";
import { entriesOf, makeTokens } from "./tokens.ts";

const USUAL_ROUNDS = 40;

const USAGE = `Usage: npm run bench [-- options]

  --check     end with an error where a goal is missed
  --rounds N  how often each kind of request has its turn (default ${USUAL_ROUNDS}, at least ${LEAST_ROUNDS})
  --help      show this`;

/** However slow the machine is, no round begins after this. */
const ROUNDS_LIMIT_MS = 100_000;
/** Tokens for the rounds that are thrown away, and for counting. */
const SPARE_ROUNDS = 5;

/** What the person asked for; `null`: help, or something that there is not. */
function optionsFrom(args: string[]): { readonly isCheck: boolean; readonly rounds: number } | null {
  const options = {
    check: { type: "boolean" },
    rounds: { type: "string" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    const { values } = parseArgs({ args, options });
    const rounds = Number(values.rounds ?? USUAL_ROUNDS);
    if (!Number.isInteger(rounds) || rounds < LEAST_ROUNDS)
      throw new Error(`--rounds takes a number, at least ${LEAST_ROUNDS}`);
    if (!values.help) return { isCheck: values.check ?? false, rounds };
    console.log(USAGE);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}.\n\n${USAGE}`);
    process.exitCode = 1;
  }
  return null;
}

async function findOut(folder: string, rounds: number): Promise<Findings> {
  console.log("Building.");
  const { gatewayGzipBytes } = await buildAll(folder);
  const server = await startServer(folder, SERVICES);
  try {
    console.log("Making tokens.");
    const tokens = await makeTokens(server, FRESH_A_ROUND * (rounds + SPARE_ROUNDS));
    const gateway: Way = { port: server.ports.get("gateway") ?? 0, era: "2026-07-28", token: tokens.known };
    const longList = await send(toolList({ ...gateway, port: server.ports.get("many") ?? 0 }, CROWDS.many.tools));
    console.log(`Measuring, ${rounds} rounds.`);
    const costs = await measure(server, seriesOf(server, tokens, longList.length), rounds, ROUNDS_LIMIT_MS);
    await send(statusCall(gateway));
    const known = await operationsOf(server, () => statusCall(gateway));
    const fresh = await operationsOf(server, () => statusCall({ ...gateway, token: tokens.fresh() }));
    const status = await statusBeforeBody(server, tokens.known);
    if (server.complaints() !== "") throw new WrongAnswer("the Workers complained");
    const coldStartsUs = await coldStarts(folder, tokens.known, await entriesOf(server, tokens.known));
    return { costs, operations: { known, fresh }, statusBeforeBody: status, coldStartsUs, gatewayGzipBytes };
  } catch (error) {
    if (server.complaints() !== "") console.error(`The Workers said:\n${server.complaints()}`);
    throw error;
  } finally {
    hangUp();
    await server.stop();
  }
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
    const lines = judge(await findOut(folder, options.rounds));
    console.log(`\n${tableOf(lines)}`);
    const missed = lines.filter(({ isMet }) => isMet === false).length;
    console.log(
      `\n${missed === 0 ? "Every goal is met." : `${missed} of ${lines.filter(({ isMet }) => isMet !== null).length} are missed.`}`,
    );
    if (load > availableParallelism() / 2) {
      console.log(
        `Something else was running (load ${load.toFixed(1)} at the start): that makes b dearer than the rest, and its ratios too low.`,
      );
    }
    if (options.isCheck && missed > 0) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof WrongAnswer)) throw error;
    console.error(`A wrong answer, so nothing that was measured counts: ${error.message}`);
    process.exitCode = 1;
  }
}

await run(process.argv.slice(2));
