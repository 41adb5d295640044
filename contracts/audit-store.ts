// The chain of the audit store. Each record that arrives gets the next place in one chain a tenant,
// also a record that the gateway did not number, so that no stored row can be altered, removed or
// moved unnoticed. No I/O: used by the store and by the command line.
import * as v from "valibot";
import {
  type ChainEvidence,
  type ChainedRecord,
  type ChainHead,
  ChainLink,
  type ChainProblem,
  chainIdOf,
  type Sha256,
  verifyRecords,
} from "./audit-record.ts";

/** A stored row: the record as it arrived, and its place in the store's chain. */
export interface StoredRow {
  /** From 1, in the order of arrival. */
  readonly position: number;
  /** ISO 8601, UTC. */
  readonly received_at: string;
  /** JSON. */
  readonly record: string;
  /** JSON of a `ChainLink`. */
  readonly link: string;
}

/** Facts about both chains of a tenant, beside its rows. */
export interface ChainState {
  /** Id of the gateway's chain. */
  readonly chain_id: string;
  /** The last stored row. */
  readonly position: number;
  readonly link_hash: string;
  /** The highest number of the gateway's that arrived. */
  readonly sequence: number;
  readonly hash: string;
  /** The last row, and the last number, that retention has deleted; 0 and empty: none. */
  readonly cut_position: number;
  readonly cut_link_hash: string;
  readonly cut_sequence: number;
  readonly cut_hash: string;
  /** The instant from which records are kept without the fields about a person. */
  readonly erased_at?: string | null;
}

/** The state of a chain of which nothing has arrived. */
export function emptyState(chainId: string): ChainState {
  const empty = { position: 0, link_hash: "", sequence: 0, hash: "" };
  return { chain_id: chainId, ...empty, cut_position: 0, cut_link_hash: "", cut_sequence: 0, cut_hash: "" };
}

/** A problem, and the row that it is about, if that is there. */
export interface StoreProblem extends ChainProblem {
  readonly chain: "gateway" | "store";
  readonly row: StoredRow | null;
}

/** Id of the store's chain beside the gateway's chain `chainId`. */
export function storeIdOf(chainId: string, sha256: Sha256): string {
  return chainIdOf(`store/${chainId}`, sha256);
}

/**
 * The part that the store's chain covers: the record, or the hash of one that has a hash of its
 * own, so that the fields about a person can be erased from either.
 */
export function linkedPart(record: object, receivedAt: string): object {
  if (!("chain" in record)) return record;
  return { type: "stored", at: receivedAt, hash: (record.chain as ChainLink).hash };
}

/** Every problem of a tenant's rows, which are in the order of their positions. */
export function verifyStored(
  rows: readonly StoredRow[],
  state: ChainState,
  checkpoints: readonly ChainHead[],
  sha256: Sha256,
): StoreProblem[] {
  const { chain_id: id } = state;
  const placed = { id, after: cutOf(state).place, head: { sequence: state.position, hash: state.link_hash } };
  const numbered = rows
    .filter((row) => numberOf(row) > state.cut_sequence)
    .toSorted((a, b) => Number(numberOf(a)) - Number(numberOf(b)));
  const head = { sequence: state.sequence, hash: state.hash };
  return [
    ...verifyPlaces(rows, placed, sha256),
    ...verifyLate(rows, state, sha256),
    ...verifyNumbers(numbered, { id, after: cutOf(state).number, head, checkpoints }, sha256),
  ];
}

/** The last place, and the last number, that retention has deleted. */
export function cutOf(state: ChainState): { readonly place: ChainHead; readonly number: ChainHead } {
  return {
    place: { sequence: state.cut_position, hash: state.cut_link_hash },
    number: { sequence: state.cut_sequence, hash: state.cut_hash },
  };
}

/** Problems of the store's chain in rows that follow each other. `id`: of the gateway's chain. */
export function verifyPlaces(rows: readonly StoredRow[], evidence: ChainEvidence, sha256: Sha256): StoreProblem[] {
  const id = storeIdOf(evidence.id, sha256);
  const problems = verifyRecords(rows.map(storeRecordOf), { ...evidence, id }, sha256);
  return [...problems.map((problem) => ofChain("store", rows, problem)), ...misplaced(rows)];
}

/** Rows whose column `position` differs from their link, which a reader sorts by. */
function misplaced(rows: readonly StoredRow[]): StoreProblem[] {
  return rows.flatMap((row, index) => {
    const { sequence } = parsed(row.link) as Partial<ChainLink>;
    if (sequence === row.position) return [];
    return [{ chain: "store", problem: "moved", sequence: row.position, index, row } as const];
  });
}

/**
 * Problems of numbered records that retention has passed, or whose number is lost: they have no
 * neighbours any more, so each is checked by itself.
 */
export function verifyLate(
  rows: readonly StoredRow[],
  { chain_id: id, cut_sequence }: ChainState,
  sha256: Sha256,
): StoreProblem[] {
  return rows.flatMap((row) => {
    const record = parsed(row.record) as ChainedRecord;
    if (!("chain" in record) || numberOf(row) > cut_sequence) return [];
    const after = { sequence: (record.chain?.sequence ?? 1) - 1, hash: record.chain?.previous ?? "" };
    return verifyRecords([record], { id, after }, sha256).map((problem) => ofChain("gateway", [row], problem));
  });
}

/** Problems of the gateway's chain in rows that are in the order of their numbers. */
export function verifyNumbers(rows: readonly StoredRow[], evidence: ChainEvidence, sha256: Sha256): StoreProblem[] {
  const records = rows.map(({ record }) => parsed(record));
  return verifyRecords(records, evidence, sha256).map((problem) => ofChain("gateway", rows, problem));
}

/** The number of a record, which an altered row may hold as anything; 0 without one. */
function numberOf({ record }: StoredRow): number {
  const { chain } = parsed(record) as Partial<ChainedRecord>;
  return chain?.sequence ?? 0;
}

/** The last link of rows that follow each other, for the check of the next ones. */
export function lastPlace(rows: readonly StoredRow[], before: ChainHead): ChainHead {
  return headIn(
    rows.map(({ link }) => parsed(link)),
    before,
  );
}

/** The last number of rows in the order of their numbers, for the check of the next ones. */
export function lastNumber(rows: readonly StoredRow[], before: ChainHead): ChainHead {
  return headIn(
    rows.map(({ record }) => (parsed(record) as Partial<ChainedRecord>).chain ?? {}),
    before,
  );
}

function headIn(links: readonly object[], before: ChainHead): ChainHead {
  const last = links.findLast((link): link is ChainLink => v.is(ChainLink, link));
  return last ? { sequence: last.sequence, hash: last.hash } : before;
}

function storeRecordOf({ record, link, received_at }: StoredRow): object {
  return { ...linkedPart(parsed(record), received_at), chain: parsed(link) };
}

/** The JSON object; an empty one for anything else, which no hash fits. */
function parsed(json: string): object {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function ofChain(chain: StoreProblem["chain"], rows: readonly StoredRow[], problem: ChainProblem): StoreProblem {
  return { chain, ...problem, row: problem.index === null ? null : (rows[problem.index] ?? null) };
}
