// `npm run audit`: reads the audit store: checks that no stored record was altered, removed or
// moved, looks up a trace or a tenant, exports everything. It changes nothing.
import { createHash } from "node:crypto";
import * as v from "valibot";
import {
  CHECKPOINT_KEYS_PATH,
  Checkpoint,
  type CheckpointKey,
  chainIdOf,
  chainNameOf,
  verifyCheckpoint,
} from "../../contracts/audit-record.ts";
import {
  type ChainState,
  emptyState,
  type StoredRow,
  type StoreProblem,
  verifyStored,
} from "../../contracts/audit-store.ts";
import { CliError } from "./cli-error.ts";
import {
  DATABASE_OPTIONS,
  type DatabaseOptions,
  databaseOptions,
  execute,
  executeAll,
  LIST_MAX,
  type Row,
  type Sql,
  sql,
} from "./database.ts";
import { readArguments } from "./options.ts";
import { productionOrigin } from "./production/settings.ts";
import { DEFAULT_ORIGIN } from "./workers.ts";

/** Rows that are read at a time. */
const PAGE_ROWS = 2000;

const USAGE = `Usage: npm run audit -- COMMAND [options]

  verify             check both chains of every tenant: names each record that was altered, removed
                     or moved; exit code 1 if there is one
  trace ID           the records of one trace
  tenant ID          the newest records of one tenant
  export             every record with its place, and every checkpoint, as JSON lines

  --remote           use the deployed database; default: that of \`npm run dev\`
  --persist-to DIR   the folder of \`npm run dev\` (default .wrangler/state)
  --origin URL       the gateway, whose keys check the signatures of checkpoints
                     (default ${DEFAULT_ORIGIN}; with --remote, that of production.toml)
  --limit N          number of records to list, 1 to ${LIST_MAX} (default 50)
  --json             print JSON
  --help             show this`;

interface Options extends DatabaseOptions {
  readonly words: readonly string[];
  readonly origin: string;
}

type Command = (options: Options, operand: string) => Promise<void>;

const COMMANDS: Readonly<Record<string, { readonly operand: string | null; readonly run: Command }>> = {
  verify: { operand: null, run: verify },
  trace: { operand: "a trace id", run: showTrace },
  tenant: { operand: "a tenant id", run: showTenant },
  export: { operand: null, run: exportAll },
};

/** Prints what was asked for. Throws a `CliError` for any mistake. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  const [name = "", ...operands] = options.words;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw mistake(name === "" ? "Name a command" : `There is no command ${quoted(name)}`);
  const expected = command.operand === null ? 0 : 1;
  if (operands.length !== expected) throw mistake(`${name} takes ${command.operand ?? "no operand"}`);
  await command.run(options, operands[0] ?? "");
}

interface ChainRow extends StoredRow {
  readonly chain_id: string;
}

async function verify(options: Options): Promise<void> {
  // In this order, what arrives meanwhile is no problem: a checkpoint follows its records.
  const [first, states, page] = await selectAll(
    options,
    CHECKPOINTS,
    sql`SELECT * FROM chains ORDER BY chain_id`,
    pageAfter({ chain_id: "", position: 0 }),
  );
  const checkpoints = checkpointsIn(first);
  const rows = Map.groupBy(await allRows(options, page as unknown as ChainRow[]), ({ chain_id }) => chain_id);
  const keys = await publishedKeys(options.origin);
  const invalid = keys ? await invalidOf(checkpoints, keys) : [];
  const valid = checkpoints.filter((checkpoint) => !invalid.includes(checkpoint));
  const known = new Map((states as unknown as readonly ChainState[]).map((state) => [state.chain_id, state]));
  const ids = new Set([...known.keys(), ...rows.keys(), ...valid.map(({ chainId }) => chainId)]);
  const chains = [...ids].map((id) => {
    const state = known.get(id) ?? emptyState(id);
    const arrived = (rows.get(id) ?? []).filter(({ position }) => !known.has(id) || position <= state.position);
    const witnesses = valid.filter(({ chainId }) => chainId === id);
    return { id, rows: arrived, problems: verifyStored(arrived, state, witnesses, sha256) };
  });
  const problems = chains.flatMap(({ id, rows: all, problems: found }) => found.map((one) => reportOf(id, all, one)));
  const forged = invalid.map(({ chainId, sequence }) => ({
    ...{ chainId, tenant: tenantOf(rows.get(chainId) ?? []), chain: "checkpoint", problem: "invalid_signature" },
    ...{ sequence, position: null, traceId: null },
  }));
  const all = [...problems, ...forged];
  const records = chains.reduce((sum, chain) => sum + chain.rows.length, 0);
  const summary = { isIntact: all.length === 0, chains: chains.length, records, checkpoints: checkpoints.length };
  if (options.isJson) console.log(JSON.stringify({ ...summary, areSignaturesChecked: keys !== null, problems: all }));
  else console.log([...all.map(sentenceOf), ...summaryOf(summary, keys !== null, options)].join("\n"));
  if (all.length > 0) process.exitCode = 1;
}

interface Report {
  readonly chainId: string;
  readonly tenant: string | null;
  readonly chain: string;
  readonly problem: string;
  readonly sequence: number | null;
  readonly until?: number;
  readonly position: number | null;
  readonly traceId: string | null;
}

function reportOf(chainId: string, rows: readonly ChainRow[], found: StoreProblem): Report {
  const { chain, problem, sequence, until, row } = found;
  const traceId = textIn(row, "traceId");
  const position = row?.position ?? (chain === "store" ? sequence : null);
  const range = until === undefined ? {} : { until };
  return { ...{ chainId, tenant: tenantOf(rows), chain, problem, sequence }, ...range, position, traceId };
}

function sentenceOf({ chainId, tenant, chain, problem, sequence, until, position, traceId }: Report): string {
  const place = chain === "store" ? "row" : chain === "gateway" ? "record" : "checkpoint";
  const range = until === undefined ? `${sequence}` : `${sequence} to ${until}`;
  const row = chain === "gateway" && position !== null ? ` (row ${position})` : "";
  const trace = traceId === null ? "" : `, trace ${traceId}`;
  const owner = tenant === null ? "" : `, tenant ${tenant}`;
  return clean(`${problem.replaceAll("_", " ")}: ${place} ${range}${row}${trace}${owner}, chain ${chainId}`);
}

interface Summary {
  readonly isIntact: boolean;
  readonly chains: number;
  readonly records: number;
  readonly checkpoints: number;
}

function summaryOf({ isIntact, ...counts }: Summary, areChecked: boolean, { origin }: Options): string[] {
  const { chains, records, checkpoints } = counts;
  const verdict = isIntact ? "Every record verifies" : "The store does not verify";
  return [
    `${verdict}: ${records} records in ${chains} chains, ${checkpoints} checkpoints.`,
    ...(areChecked ? [] : [`The gateway at ${origin} was not reached: signatures of checkpoints were not checked.`]),
  ];
}

async function showTrace(options: Options, traceId: string): Promise<void> {
  if (!/^[0-9a-f]{32}$/.test(traceId)) throw mistake(`${quoted(traceId)} is not a trace id: 32 hexadecimal digits`);
  print(options, await select(options, records(sql`trace_id = ${traceId}`, options.limit)));
}

async function showTenant(options: Options, tenantId: string): Promise<void> {
  const chainId = chainIdOf(chainNameOf(tenantId === "platform" ? null : tenantId), sha256);
  print(options, await select(options, records(sql`chain_id = ${chainId}`, options.limit)));
}

function records(condition: Sql, limit: number): Sql {
  return sql`SELECT record FROM records WHERE ${condition} ORDER BY at DESC, position DESC LIMIT ${limit}`;
}

const COLUMNS = ["at", "type", "tool", "outcome", "tenantId", "subject", "clientId", "traceId"] as const;

function print({ isJson }: Options, rows: readonly Pick<StoredRow, "record">[]): void {
  const found = rows.map(({ record }) => fieldsOf(record));
  const none = "There are no such records. They arrive about a second after the call.";
  const text = found.length === 0 ? none : tableOf(found);
  console.log(isJson ? JSON.stringify(found, null, 2) : text);
}

function tableOf(found: readonly Readonly<Record<string, unknown>>[]): string {
  const cells = found.map((record) => COLUMNS.map((name) => clean(String(record[name] ?? "-"))));
  const widths = COLUMNS.map((name, at) => Math.max(name.length, ...cells.map((row) => row[at]?.length ?? 0)));
  const lines = [[...COLUMNS], ...cells].map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  "));
  return lines.map((line) => line.trimEnd()).join("\n");
}

async function exportAll(options: Options): Promise<void> {
  const [first, page] = await selectAll(options, CHECKPOINTS, pageAfter({ chain_id: "", position: 0 }));
  for (const checkpoint of checkpointsIn(first)) console.log(JSON.stringify(checkpoint));
  for (const row of await allRows(options, page as unknown as ChainRow[])) {
    const { chain_id: chainId, position, received_at: receivedAt, record, link } = row;
    console.log(JSON.stringify({ chainId, position, receivedAt, record: fieldsOf(record), link: fieldsOf(link) }));
  }
}

function pageAfter({ chain_id, position }: Pick<ChainRow, "chain_id" | "position">): Sql {
  return sql`SELECT chain_id, position, received_at, record, link FROM records
    WHERE (chain_id, position) > (${chain_id}, ${position}) ORDER BY chain_id, position LIMIT ${PAGE_ROWS}`;
}

/** The rows of the first page, and those after it. */
async function allRows(options: Options, first: readonly ChainRow[]): Promise<readonly ChainRow[]> {
  const rows = [...first];
  let page = first;
  for (let last = page.at(-1); last && page.length === PAGE_ROWS; last = page.at(-1)) {
    page = await select<ChainRow>(options, pageAfter(last));
    rows.push(...page);
  }
  return rows;
}

const CHECKPOINTS = sql`SELECT checkpoint FROM checkpoints ORDER BY chain_id, sequence`;

function checkpointsIn(rows: readonly Row[] = []): Checkpoint[] {
  return rows.map(({ checkpoint }) => fieldsOf(String(checkpoint))).filter((fields) => v.is(Checkpoint, fields));
}

/** The gateway's public keys; `null` if it cannot be reached. */
export async function publishedKeys(origin: string): Promise<readonly CheckpointKey[] | null> {
  try {
    const response = await fetch(new URL(CHECKPOINT_KEYS_PATH, origin), { signal: AbortSignal.timeout(5000) });
    const { keys } = (await response.json()) as { keys?: unknown };
    return response.ok && Array.isArray(keys) ? (keys as CheckpointKey[]) : null;
  } catch {
    return null;
  }
}

/** Checkpoints that were not signed with their key, or with a key that is not published. */
async function invalidOf(checkpoints: readonly Checkpoint[], keys: readonly CheckpointKey[]): Promise<Checkpoint[]> {
  const states = await Promise.all(checkpoints.map((checkpoint) => verifyCheckpoint(checkpoint, keys)));
  return checkpoints.filter((_, at) => states[at] !== "valid");
}

/** The tenant that a chain's records name; `null` if none does. */
function tenantOf(rows: readonly StoredRow[]): string | null {
  for (const row of rows) {
    const tenant = textIn(row, "tenantId");
    if (tenant !== null) return tenant;
  }
  return null;
}

function textIn(row: StoredRow | null, name: string): string | null {
  const value = row && fieldsOf(row.record)[name];
  return typeof value === "string" ? value : null;
}

/** A row that was altered may hold anything. */
function fieldsOf(json: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(json)) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

async function select<T extends object = Row>({ database }: Options, statement: Sql): Promise<readonly T[]> {
  return (await execute({ owner: "audit", database }, statement)) as unknown as readonly T[]; // the columns that the statement names
}

function selectAll({ database }: Options, ...statements: readonly Sql[]): Promise<readonly (readonly Row[])[]> {
  return executeAll({ owner: "audit", database }, ...statements);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

const OPTIONS = { ...DATABASE_OPTIONS, origin: { type: "string" } } as const;

function readOptions(args: readonly string[]): Options | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS, takesWords: true }, (values, words) => {
    const common = databaseOptions(values);
    const origin = values.origin ?? (values.remote ? productionOrigin() : DEFAULT_ORIGIN);
    if (!/^https?:$/.test(URL.parse(origin)?.protocol ?? "")) throw new Error(`"${origin}" is not an address`);
    return { words, origin, ...common };
  });
}

function mistake(problem: string): CliError {
  return new CliError(`${problem}.\n\n${USAGE}`);
}

function quoted(text: string): string {
  return JSON.stringify(clean(text));
}

/** Text of others, without characters that a terminal would act on. */
function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, "?");
}
