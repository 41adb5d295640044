// Messages of the platform's event queue: numbered records, records without a number, checkpoints.
// The queue has other producers, so each message is checked in full.
import { createHash } from "node:crypto";
import * as v from "valibot";
import { ChainedRecord, Checkpoint, chainIdOf, chainNameOf, verifyRecords } from "../../contracts/audit-record.ts";

/** SHA-256, base64url. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

const TEXT_MAX_CHARACTERS = 256;
const short = v.pipe(v.string(), v.maxLength(TEXT_MAX_CHARACTERS));

/** Fields of every record. */
const Event = v.looseObject({
  type: v.pipe(v.string(), v.regex(/^[a-z]+(?:[._][a-z]+)+$/), v.maxLength(TEXT_MAX_CHARACTERS)),
  at: v.pipe(v.string(), v.isoTimestamp()),
  traceId: v.optional(short),
  /** Absent once a person's fields are erased. */
  tenantId: v.optional(v.nullable(short)),
});
type Event = v.InferOutput<typeof Event>;

/** A message that is understood; or the reason why not. */
export type Message =
  | { readonly kind: "record"; readonly chainId: string; readonly record: Event & Partial<ChainedRecord> }
  | { readonly kind: "checkpoint"; readonly chainId: string; readonly checkpoint: Checkpoint }
  | { readonly kind: "rejected"; readonly reason: string };

/** Reads one message. Never throws. */
export function readMessage(raw: unknown): Message {
  try {
    return messageOf(JSON.parse(JSON.stringify(raw)));
  } catch {
    return { kind: "rejected", reason: "no_json" };
  }
}

/** Levels of a message. SQLite reads no JSON of more than a thousand. */
const MAX_DEPTH = 100;

function isTooDeep(value: unknown, left = MAX_DEPTH): boolean {
  if (typeof value !== "object" || value === null) return false;
  return left === 0 || Object.values(value).some((member) => isTooDeep(member, left - 1));
}

function messageOf(body: unknown): Message {
  if (isTooDeep(body)) return { kind: "rejected", reason: "too_deep" };
  if (v.is(Checkpoint, body)) {
    const { chainId } = body;
    return { kind: "checkpoint", chainId, checkpoint: v.parse(Checkpoint, body) };
  }
  if (!v.is(Event, body)) return { kind: "rejected", reason: "no_record" };
  if (!("chain" in body)) return unnumbered(body);
  if (!v.is(ChainedRecord, body)) return { kind: "rejected", reason: "malformed_chain" };
  const { id, sequence, previous } = body.chain;
  // A record cannot be put into the chain of another tenant.
  const { tenantId } = body as Event;
  if (tenantId !== undefined && chainOf(tenantId) !== id) return { kind: "rejected", reason: "foreign_chain" };
  const [problem] = verifyRecords([body], { id, after: { sequence: sequence - 1, hash: previous } }, sha256);
  return problem ? { kind: "rejected", reason: problem.problem } : { kind: "record", chainId: id, record: body };
}

function unnumbered(record: Event): Message {
  if (record.tenantId === undefined) return { kind: "rejected", reason: "no_tenant" };
  return { kind: "record", chainId: chainOf(record.tenantId), record };
}

/** Id of the tenant's chain at the gateway. */
export function chainOf(tenantId: string | null): string {
  return chainIdOf(chainNameOf(tenantId), sha256);
}
