// The chain of the audit store. Each record that arrives gets the next place in one chain a tenant,
// also a record that the gateway did not number, so that no stored row can be altered, removed or
// moved unnoticed. No I/O: used by the store and by the command line.
import {
  type ChainedRecord,
  type ChainHead,
  type ChainLink,
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
  const store = verifyRecords(
    rows.map(storeRecordOf),
    {
      id: storeIdOf(state.chain_id, sha256),
      after: { sequence: state.cut_position, hash: state.cut_link_hash },
      head: { sequence: state.position, hash: state.link_hash },
    },
    sha256,
  ).map((problem): StoreProblem => ({ chain: "store", ...problem, row: rowAt(rows, problem) }));
  return [...store, ...misplaced(rows), ...gatewayProblems(rows, state, checkpoints, sha256)];
}

/** Rows whose column `position` differs from their link, which a reader sorts by. */
function misplaced(rows: readonly StoredRow[]): StoreProblem[] {
  return rows.flatMap((row, index) => {
    const { sequence } = parsed(row.link) as Partial<ChainLink>;
    if (sequence === row.position) return [];
    return [{ chain: "store", problem: "moved", sequence: row.position, index, row } as const];
  });
}

function gatewayProblems(
  rows: readonly StoredRow[],
  { chain_id: id, ...state }: ChainState,
  checkpoints: readonly ChainHead[],
  sha256: Sha256,
): StoreProblem[] {
  const numbered = rows
    .map((row) => ({ row, record: parsed(row.record) as ChainedRecord }))
    .filter(({ record }) => "chain" in record)
    .toSorted((a, b) => (a.record.chain?.sequence ?? 0) - (b.record.chain?.sequence ?? 0));
  // Numbers up to the cut that arrived late have no neighbours any more: each is checked by itself.
  const isLate = ({ record }: { readonly record: ChainedRecord }) =>
    (record.chain?.sequence ?? 0) <= state.cut_sequence;
  const late = numbered.filter(isLate).flatMap(({ row, record }) => {
    const after = { sequence: (record.chain?.sequence ?? 1) - 1, hash: record.chain?.previous ?? "" };
    return verifyRecords([record], { id, after }, sha256).map((problem) => ({ ...problem, row }));
  });
  const rest = numbered.filter((one) => !isLate(one));
  const evidence = {
    ...{ id, checkpoints },
    after: { sequence: state.cut_sequence, hash: state.cut_hash },
    head: { sequence: state.sequence, hash: state.hash },
  };
  const records = rest.map(({ record }) => record);
  const problems = verifyRecords(records, evidence, sha256).map((problem) => ({
    ...problem,
    row: problem.index === null ? null : (rest[problem.index]?.row ?? null),
  }));
  return [...late, ...problems].map((problem) => ({ chain: "gateway", ...problem }));
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

function rowAt(rows: readonly StoredRow[], { index }: ChainProblem): StoredRow | null {
  return index === null ? null : (rows[index] ?? null);
}
