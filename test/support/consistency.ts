// Checks that hold after any calls, whatever went wrong during them: every call has one answer and
// one audit record, every ledger adds up to the work that was done, every audit chain verifies, and
// nothing secret or personal is where it must not be.
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
import { type ChainState, type StoredRow, verifyStored } from "../../contracts/audit-store.ts";
import type { WorkerKey } from "../../entrypoints/cli/workers.ts";
import type { AuditEvent } from "../../src/audit/event.ts";
import { catalog } from "../../src/tools/catalog.ts";
import { creditsOf } from "../../src/tools/price.ts";
import { auditEventsIn } from "./audit-log.ts";
import type { MadeCall } from "./call-log.ts";
import type { FaultControl } from "./faults/control.ts";
import type { System } from "./system.ts";

/** The calls, and whatever the checks need to know about them. */
export interface Evidence {
  readonly system: System;
  readonly control: FaultControl;
  /** Every tenant that made a call. */
  readonly tenants: readonly string[];
  readonly calls: readonly MadeCall[];
  /** Texts that may be in no log, audit record, ledger or refusal. */
  readonly secrets: readonly string[];
  /** Tenants whose backend lied about which work it did: their charges name other work. */
  readonly deceived?: ReadonlySet<string>;
}

interface Job {
  readonly status: string;
  readonly commission: { readonly jobId: string; readonly owner: string; readonly tier: string };
}

/** Lets unfinished work end, then returns a sentence for each fact that does not fit another. */
export async function inconsistencies(evidence: Evidence): Promise<readonly string[]> {
  const { control, tenants } = evidence;
  await poll(async () => !(await control.jobs<Job>()).some(({ status }) => /queued|running/.test(status)), 5_000);
  await control.passTime(tenants, async () => (await unfinished(evidence)).length === 0);
  const problems = [
    ...answerProblems(evidence),
    ...evidence.system.logs().filter((line) => line.includes('"event":"http.crashed"')),
    ...(await unfinished(evidence)),
    ...(await ledgerProblems(evidence)),
    ...(await chainProblems(evidence)),
    ...(await recordProblems(evidence)),
  ];
  return [...problems, ...(await leaks(evidence))];
}

/** True as soon as `isSo` is, false after the time. */
async function poll(isSo: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; ) {
    if (await isSo()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return isSo();
}

// Answers

function answerProblems({ calls, deceived = new Set() }: Evidence): string[] {
  const wrong = calls.filter(({ answers, isBroken }) => answers !== (isBroken ? 0 : 1));
  // Work that failed frees its key.
  const made = calls.filter(({ idempotencyKey, tenantId, outcome, value }) => {
    const isDone = outcome === "ok" && value?.status !== "failed";
    return isDone && idempotencyKey !== undefined && !deceived.has(tenantId);
  });
  const keyed = Map.groupBy(made, ({ tenantId, tool, idempotencyKey }) => `${tenantId} ${tool} ${idempotencyKey}`);
  const works = [...keyed.values()].map((same) => ({
    during: same[0]?.during,
    ids: new Set(same.map(({ value }) => value?.job_id ?? value?.flowId)),
  }));
  const refused = calls.filter(({ outcome }) => MISTAKEN.includes(outcome));
  return [
    ...wrong.map(({ during, tool, entrance, answers }) => `${tool} over ${entrance} had ${answers} answers: ${during}`),
    ...works
      .filter(({ ids }) => ids.size > 1)
      .map(({ during, ids }) => `one key made ${[...ids].join(", ")}: ${during}`),
    ...refused.map(({ during, tool, refusal }) => `${tool} was answered with ${refusal}: ${during}`),
  ];
}

/** Outcomes that blame the client, or no one, for what went wrong behind the gateway. */
const MISTAKEN: readonly string[] = ["http_401", "http_500", "unauthenticated"];

// Ledgers

type Row = Readonly<Record<string, string | number | null>>;

async function rowsOf(system: System, worker: WorkerKey, object: string, name: string, query: string): Promise<Row[]> {
  const storage = await system.worker(worker).getDurableObjectStorage(object, { name });
  return (await storage.exec(query)) as Row[];
}

const ledgerRows = (system: System, tenantId: string, query: string) =>
  rowsOf(system, "auth", "LEDGERS", tenantId, query);
const logRows = (system: System, tenantId: string | null, query: string) =>
  rowsOf(system, "gateway", "AUDIT_LOG", chainNameOf(tenantId), query);

/** Calls, reservations and records that still wait for something. */
async function unfinished({ system, tenants }: Evidence): Promise<string[]> {
  const found = tenants.map(async (tenantId) => {
    const open = await logRows(system, tenantId, "SELECT callId FROM open_calls WHERE open IS NOT NULL");
    const waiting = await logRows(system, tenantId, "SELECT position FROM outbox");
    const reserved = await ledgerRows(
      system,
      tenantId,
      "SELECT reservation_id FROM reservations WHERE state = 'reserved'",
    );
    return [
      ...open.map(({ callId }) => `call ${callId} of ${tenantId} is not settled`),
      ...reserved.map((row) => `reservation ${row.reservation_id} of ${tenantId} is still held`),
      ...(waiting.length > 0 ? [`${waiting.length} records of ${tenantId} were not sent`] : []),
    ];
  });
  return (await Promise.all(found)).flat();
}

async function ledgerProblems({ system, control, tenants, deceived = new Set() }: Evidence): Promise<string[]> {
  const jobs = await control.jobs<Job>();
  const found = tenants.map(async (tenantId) => {
    const sums = await ledgerRows(
      system,
      tenantId,
      `SELECT e.period, sum(amount) AS left, sum(iif(kind = 'allowance', amount, 0)) AS allowance,
        (SELECT coalesce(sum(credits), 0) FROM reservations r WHERE r.period = e.period AND state = 'committed') AS committed
       FROM entries e GROUP BY e.period`,
    );
    const charges = await ledgerRows(
      system,
      tenantId,
      "SELECT reference, credits FROM reservations WHERE state = 'committed'",
    );
    const done = jobs.filter(
      ({ status, commission }) => status === "completed" && commission.owner === `tenant/${tenantId}`,
    );
    const due = done.map(({ commission }) => `${commission.jobId} ${priceOf(commission.tier)}`);
    const charged = charges.map(({ reference, credits }) => `${reference} ${credits}`);
    const sumProblems = sums
      .filter(({ left, allowance, committed }) => Number(left) !== Number(allowance) - Number(committed))
      .map((sum) => `the ledger of ${tenantId} does not add up: ${JSON.stringify(sum)}`);
    if (deceived.has(tenantId)) return sumProblems;
    return [
      ...sumProblems,
      ...surplus(charged, due).map((charge) => `${tenantId} was charged for ${charge}, which was not done`),
      ...surplus(due, charged).map((charge) => `${tenantId} was not charged for ${charge}`),
    ];
  });
  return (await Promise.all(found)).flat();
}

function priceOf(quality_tier: string): number {
  const { price = 0 } = catalog.get("image_generate") ?? {};
  return creditsOf(price, { quality_tier });
}

/** The items of `all` that are not in `others`, or fewer times. */
function surplus(all: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return all.filter((item) => {
    const at = left.indexOf(item);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}

// Audit chains

const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");

async function selectAll<T>(system: System, query: string): Promise<T[]> {
  const { DB } = (await system.worker("audit").getEnv()) as { DB: D1Database };
  return (await DB.prepare(query).all<T>()).results;
}

/** The chains whose last record at the gateway is not the last one in the store. */
export async function chainsBehind({ system, tenants }: Pick<Evidence, "system" | "tenants">): Promise<string[]> {
  const states = new Map((await statesOf(system)).map((state) => [state.chain_id, state]));
  const found = [...tenants, null].map(async (tenantId) => {
    const [head] = await logRows(system, tenantId, "SELECT sequence, hash FROM chain");
    const { sequence = 0, hash = "" } = states.get(chainIdOf(chainNameOf(tenantId), sha256)) ?? {};
    const isBehind = head && (head.sequence !== sequence || head.hash !== hash);
    return isBehind ? [`the store is behind the audit log of ${tenantId}`] : [];
  });
  return (await Promise.all(found)).flat();
}

const statesOf = (system: System) => selectAll<ChainState>(system, "SELECT * FROM chains");

/**
 * Waits until the store has all that the gateway has, and checks it as `npm run audit -- verify`
 * does.
 */
async function chainProblems({ system, tenants }: Evidence): Promise<string[]> {
  const behind = () => chainsBehind({ system, tenants });
  await poll(
    async () => (await behind()).length === 0 && (await selectAll(system, "SELECT * FROM gaps")).length === 0,
    30_000,
  );
  const rows = await selectAll<StoredRow & { chain_id: string }>(
    system,
    "SELECT * FROM records ORDER BY chain_id, position",
  );
  const checkpoints = (await selectAll<{ checkpoint: string }>(system, "SELECT checkpoint FROM checkpoints")).map(
    ({ checkpoint }) => v.parse(Checkpoint, JSON.parse(checkpoint)),
  );
  const { keys } = (await (await system.fetch(CHECKPOINT_KEYS_PATH)).json()) as { keys: CheckpointKey[] };
  const verdicts = await Promise.all(checkpoints.map((checkpoint) => verifyCheckpoint(checkpoint, keys)));
  const broken = (await statesOf(system)).flatMap((state) => {
    const own = rows.filter(({ chain_id }) => chain_id === state.chain_id);
    const witnesses = checkpoints.filter(({ chainId }) => chainId === state.chain_id);
    return verifyStored(own, state, witnesses, sha256);
  });
  return [
    ...(await behind()),
    ...broken.map(({ row, ...problem }) => `the audit chain does not verify: ${JSON.stringify(problem)}`),
    ...(await selectAll(system, "SELECT * FROM gaps")).map((gap) => `a gap in a chain: ${JSON.stringify(gap)}`),
    ...(await selectAll(system, "SELECT * FROM rejected")).map((one) => `a rejected record: ${JSON.stringify(one)}`),
    ...verdicts
      .filter((verdict) => verdict !== "valid")
      .map((verdict) => `the signature of a checkpoint is ${verdict}`),
  ];
}

// Records

/**
 * A call that a tool answered has one outcome in the audit records: its own, or that it was settled
 * after its process had ended. A call without an answer of a tool has at most one. A record that
 * was sent again has the `callId` of the first.
 */
async function recordProblems({ system, calls }: Evidence): Promise<string[]> {
  const stored = await selectAll<{ record: string }>(system, "SELECT record FROM records");
  const events = [...stored.map(({ record }) => JSON.parse(record) as AuditEvent), ...auditEventsIn(system.logs())];
  const outcomes = (type: AuditEvent["type"]) =>
    Map.groupBy(
      events.filter((event) => event.type === type),
      ({ traceId }) => traceId,
    );
  const [called, settled] = [outcomes("tool.called"), outcomes("call.settled")];
  return calls.flatMap(({ traceId, outcome, isBroken, during, tool, entrance }) => {
    const own = (called.get(traceId) ?? []).filter((event) => event.type === "tool.called");
    const ended = new Map(own.map((event) => [event.callId ?? event.at, event.outcome]));
    const recorded = [...ended.values()].join();
    const isUnheard = isBroken || outcome.startsWith("http_");
    const answered = outcome === "error_-32602" ? "unknown_tool" : outcome;
    const isRight = isUnheard ? ended.size <= 1 : recorded === answered || (recorded === "" && settled.has(traceId));
    return isRight ? [] : [`${tool} over ${entrance} was ${outcome}, recorded as [${recorded}]: ${during}`];
  });
}

// Secrets

async function leaks({ system, tenants, calls, secrets }: Evidence): Promise<string[]> {
  const store = ["records", "rejected", "checkpoints", "gaps", "chains"].map((table) =>
    selectAll(system, `SELECT * FROM ${table}`),
  );
  const logs = tenants.map((tenantId) => logRows(system, tenantId, "SELECT * FROM open_calls"));
  const ledgers = tenants.map((tenantId) => ledgerRows(system, tenantId, "SELECT * FROM reservations"));
  const places: Readonly<Record<string, string>> = {
    "a log": system.logs().join("\n"),
    "the audit store": JSON.stringify(await Promise.all(store)),
    "an audit log": JSON.stringify(await Promise.all(logs)),
    "a ledger": JSON.stringify(await Promise.all(ledgers)),
  };
  // A refusal may name what its own client sent.
  const told = calls.flatMap(({ refusal, tool, input }) =>
    secrets
      .filter((secret) => refusal.includes(secret) && !`${tool}${JSON.stringify(input)}`.includes(secret))
      .map((secret) => `a refusal of ${tool} has ${secret}: ${refusal}`),
  );
  const kept = Object.entries(places).flatMap(([place, text]) =>
    secrets
      .filter((secret) => text.includes(secret))
      .map((secret) => `${place} has ${JSON.stringify(secret)}: ${around(text, secret)}`),
  );
  return [...told, ...kept];
}

function around(text: string, secret: string): string {
  const at = text.indexOf(secret);
  return text.slice(Math.max(0, at - 200), at + 100);
}
