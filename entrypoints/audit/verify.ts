// Verification of one tenant's records against both chains and the signed checkpoints, a page of
// rows at a time: its memory does not grow with the store.
import * as v from "valibot";
import { MAX_PROBLEMS } from "../../contracts/audit.ts";
import { type ChainHead, Checkpoint, type CheckpointKey, verifyCheckpoint } from "../../contracts/audit-record.ts";
import {
  type ChainState,
  cutOf,
  emptyState,
  lastNumber,
  lastPlace,
  type StoredRow,
  type StoreProblem,
  verifyLate,
  verifyNumbers,
  verifyPlaces,
} from "../../contracts/audit-store.ts";
import { sha256 } from "./messages.ts";
import { activityOf } from "./read.ts";

/** Rows, or checkpoints, in memory at once. */
const PAGE_ROWS = 500;

/** The fields of a published key that a signature is checked with. */
type PublicKey = Pick<CheckpointKey, "kid" | "x">;

/** A problem as the contract lists it. */
interface Found extends Pick<StoreProblem, "chain" | "sequence"> {
  readonly problem: StoreProblem["problem"] | "invalid_signature";
  readonly traceId: string | null;
}

/** The store as it is when the check begins: later arrivals are of a later check. */
interface Snapshot {
  readonly db: D1Database;
  readonly state: ChainState;
  readonly lastCheckpoint: number;
}

/** Checks the tenant's records. `keys`: the gateway's; without them, signatures are not checked. */
export async function verifyChain(db: D1Database, chainId: string, keys: readonly PublicKey[] | undefined) {
  const snapshot = await snapshotOf(db, chainId);
  const problems: Found[] = [];
  let problemCount = 0;
  const add = (found: readonly Found[]) => {
    problemCount += found.length;
    problems.push(...found.slice(0, MAX_PROBLEMS - problems.length));
  };
  const records = await checkPlaces(snapshot, add);
  await checkNumbers(snapshot, keys, add);
  const now = await snapshotOf(db, chainId);
  // Retention deleted rows meanwhile: they are no problem, and the check begins anew.
  if (now.state.cut_position !== snapshot.state.cut_position) return verifyChain(db, chainId, keys);
  return { isIntact: problemCount === 0, areSignaturesChecked: keys !== undefined, records, problems };
}

type Add = (found: readonly Found[]) => void;

async function snapshotOf(db: D1Database, chainId: string): Promise<Snapshot> {
  // One transaction: a checkpoint arrives after its records.
  const [states, checkpoints] = (await db.batch([
    db.prepare("SELECT * FROM chains WHERE chain_id = ?1").bind(chainId),
    db.prepare("SELECT coalesce(max(rowid), 0) AS last FROM checkpoints"),
  ])) as [D1Result<ChainState>, D1Result<{ last: number }>];
  const state = states.results[0] ?? emptyState(chainId);
  return { db, state, lastCheckpoint: checkpoints.results[0]?.last ?? 0 };
}

const COLUMNS = "position, received_at, record, link, sequence FROM records WHERE chain_id = ?1";

interface Row extends StoredRow {
  /** `$.chain.sequence` of the record. */
  readonly sequence: number | null;
}

/** Checks the store's chain, in the order of arrival. Returns the number of rows. */
async function checkPlaces({ db, state }: Snapshot, add: Add): Promise<number> {
  const { chain_id: id } = state;
  let [records, from, after] = [0, -1, cutOf(state).place];
  for (;;) {
    const { results: rows } = await db
      .prepare(`SELECT ${COLUMNS} AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4`)
      .bind(id, from, state.position, PAGE_ROWS)
      .all<Row>();
    const isLast = rows.length < PAGE_ROWS;
    const evidence = { id, after, ...(isLast && { head: { sequence: state.position, hash: state.link_hash } }) };
    add([...verifyPlaces(rows, evidence, sha256), ...verifyLate(rows, state, sha256)].map(foundOf));
    records += rows.length;
    if (isLast) return records;
    [from, after] = [rows.at(-1)?.position ?? from, lastPlace(rows, after)];
  }
}

/** Checks the gateway's chain, in the order of the numbers, with its checkpoints. */
async function checkNumbers(snapshot: Snapshot, keys: readonly PublicKey[] | undefined, add: Add): Promise<void> {
  const { db, state } = snapshot;
  const { chain_id: id } = state;
  let after = cutOf(state).number;
  let from = after.sequence;
  for (;;) {
    const { results: rows } = await db
      .prepare(`SELECT ${COLUMNS} AND sequence > ?2 AND position <= ?3 ORDER BY sequence LIMIT ?4`)
      .bind(id, from, state.position, PAGE_ROWS)
      .all<Row>();
    const isLast = rows.length < PAGE_ROWS;
    const until = isLast ? Number.MAX_SAFE_INTEGER : (rows.at(-1)?.sequence ?? from);
    const checkpoints = await checkpointsIn(snapshot, { from, until }, keys, add);
    const evidence = { id, after, checkpoints, ...(isLast && { head: state }) };
    add(verifyNumbers(rows, evidence, sha256).map(foundOf));
    if (isLast) return;
    [from, after] = [until, lastNumber(rows, after)];
  }
}

/** The checkpoints of these numbers that are evidence. */
async function checkpointsIn(
  { db, state, lastCheckpoint }: Snapshot,
  { from, until }: { readonly from: number; readonly until: number },
  keys: readonly PublicKey[] | undefined,
  add: Add,
): Promise<readonly ChainHead[]> {
  const evidence: ChainHead[] = [];
  let page: readonly CheckpointRow[] = [];
  do {
    ({ results: page } = await db
      .prepare(
        `SELECT rowid AS place, sequence, checkpoint FROM checkpoints WHERE chain_id = ?1 AND sequence > ?2
        AND sequence <= ?3 AND rowid > ?4 AND rowid <= ?5 ORDER BY rowid LIMIT ?6`,
      )
      .bind(...[state.chain_id, from, until, page.at(-1)?.place ?? 0, lastCheckpoint, PAGE_ROWS])
      .all<CheckpointRow>());
    const heads = await Promise.all(page.map((row) => evidenceIn(row, keys)));
    const forged = page.filter((_, at) => heads[at] === null);
    add(forged.map(({ sequence }) => ({ chain: "gateway", problem: "invalid_signature", sequence, traceId: null })));
    evidence.push(...heads.filter((head) => head !== null));
  } while (page.length === PAGE_ROWS);
  return evidence;
}

interface CheckpointRow {
  readonly place: number;
  readonly sequence: number;
  /** JSON, unless the row was altered. */
  readonly checkpoint: string;
}

/** The head that a checkpoint proves; `null` for one that was not signed with one of `keys`. */
async function evidenceIn({ checkpoint }: CheckpointRow, keys: readonly PublicKey[] | undefined) {
  const signed = v.safeParse(v.pipe(v.string(), v.parseJson(), Checkpoint), checkpoint);
  if (!signed.success || (keys && (await verifyCheckpoint(signed.output, keys)) !== "valid")) return null;
  const { sequence, hash } = signed.output;
  return { sequence, hash };
}

function foundOf({ chain, problem, sequence, row }: StoreProblem): Found {
  return { chain, problem, sequence, traceId: row && activityOf(row).traceId };
}
