// Audit records in a hash chain: a record that was altered, removed, inserted or moved is found by
// every reader who has the rest. The fields about a person are hashed apart, with a salt: without
// both, the record still verifies. Checkpoints are signed with Ed25519 (RFC 8032). No I/O: used by
// the gateway, which numbers records, by the store and by the command line.
import * as v from "valibot";
import { canonicalJson, fromBase64url, toBase64url } from "./rpc/encoding.ts";

/** Fields of an event about a person or in a person's words. Erasure removes them. */
export const PERSONAL_FIELDS = ["subject", "tenantId", "clientId", "input"] as const;

/** SHA-256 of a text in UTF-8, base64url. Synchronous, as that of `node:crypto`. */
export type Sha256 = (text: string) => string;

const Digest = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/));
const ChainId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/));
const Sequence = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** The place of a record in its chain. */
export const ChainLink = v.strictObject({
  id: ChainId,
  /** From 1, without a gap. */
  sequence: Sequence,
  /** Hash of the record before; empty for the first one. */
  previous: v.union([v.literal(""), Digest]),
  hash: Digest,
  /** Of the digest of the personal fields: they are not found by trial. Absent once erased. */
  salt: v.optional(ChainId),
  /** Digest of the personal fields. Present once they are erased. */
  personal: v.optional(Digest),
});
export type ChainLink = v.InferOutput<typeof ChainLink>;

/** A numbered record: an event's own fields, and its place. */
export const ChainedRecord = v.looseObject({ type: v.string(), at: v.string(), chain: ChainLink });
export type ChainedRecord = v.InferOutput<typeof ChainedRecord>;

/** The last record of a chain, or of a part of it. */
export interface ChainHead {
  /** 0 before the first record. */
  readonly sequence: number;
  readonly hash: string;
}

/** The head of a chain without records. */
export const EMPTY_CHAIN: ChainHead = { sequence: 0, hash: "" };

/** The name of a tenant's chain; `null`: the chain of events without a tenant. */
export function chainNameOf(tenantId: string | null): string {
  return tenantId === null ? "platform" : `tenant/${tenantId}`;
}

/** The id of the chain `name`. It is public, so it does not contain the name. */
export function chainIdOf(name: string, sha256: Sha256): string {
  return sha256(`chain${name}`).slice(0, 22);
}

/**
 * Adds `event` to the chain `id` after `head`. `salt`: 16 random bytes, base64url. The event is
 * plain JSON without a field `chain`.
 */
export function linkRecord<Event extends object>(
  event: Event,
  { id, head, salt }: { readonly id: string; readonly head: ChainHead; readonly salt: string },
  sha256: Sha256,
): Event & { readonly chain: ChainLink } {
  const chain = { id, sequence: head.sequence + 1, previous: head.hash, salt };
  const personal = sha256(salt + canonicalJson(personalPartOf(event)));
  return { ...event, chain: { ...chain, hash: hashOf(event, { ...chain, personal }, sha256) } };
}

/** The record without the fields about a person. It still verifies. */
export function eraseRecord(record: ChainedRecord, sha256: Sha256): ChainedRecord {
  const { chain, ...event } = record;
  const { salt, ...place } = chain;
  if (salt === undefined) return record;
  const personal = sha256(salt + canonicalJson(personalPartOf(event)));
  return { ...commonPartOf(event), chain: { ...place, personal } } as ChainedRecord; // type and at are no personal fields
}

/** A finding of `verifyRecords`. */
export interface ChainProblem {
  /**
   * `malformed`: no record of a chain. `foreign`: of another chain. `altered`: its content does not
   * have its hash. `replaced`: the next record, a checkpoint or the head knows another hash of it.
   * `missing`: removed, up to `until`. `repeated`: a second record of this number. `moved`: not in
   * its place. `beyond_head`: of a number that was never given.
   */
  readonly problem: "malformed" | "foreign" | "altered" | "replaced" | "missing" | "repeated" | "moved" | "beyond_head";
  /** The record's number; `null` if it has none. */
  readonly sequence: number | null;
  /** Position in the list, from 0; `null` for a record that is not there. */
  readonly index: number | null;
  /** Last number of several that are missing. */
  readonly until?: number;
}

/** Facts about a chain beside its records. */
export interface ChainEvidence {
  readonly id: string;
  /** The last record before the first of the list. Default: the list begins with the first one. */
  readonly after?: ChainHead;
  /**
   * The last record that was numbered. Without it, and without checkpoints, a removed end is not
   * found.
   */
  readonly head?: ChainHead;
  /** Checkpoints whose signature is valid. */
  readonly checkpoints?: readonly ChainHead[];
}

interface Placed {
  readonly record: ChainedRecord;
  readonly index: number;
}

/** Every problem of a chain's records, in the order of the list; empty if they verify. */
export function verifyRecords(records: readonly unknown[], evidence: ChainEvidence, sha256: Sha256): ChainProblem[] {
  const after = evidence.after ?? EMPTY_CHAIN;
  const problems: ChainProblem[] = [];
  const bySequence = new Map<number, Placed>();
  let highest = 0;
  records.forEach((record, index) => {
    const problem = problemOf(record, evidence.id, sha256);
    const sequence = v.is(ChainedRecord, record) ? record.chain.sequence : null;
    if (problem) problems.push({ problem, sequence, index });
    if (!v.is(ChainedRecord, record) || sequence === null || problem === "foreign") return;
    if (bySequence.has(sequence)) problems.push({ problem: "repeated", sequence, index });
    else if (sequence < highest || sequence <= after.sequence) problems.push({ problem: "moved", sequence, index });
    highest = Math.max(highest, sequence);
    if (!bySequence.has(sequence)) bySequence.set(sequence, { record, index });
  });
  return [...problems, ...linkProblems(bySequence, after, evidence)];
}

/** The problem of one record by itself. */
function problemOf(record: unknown, id: string, sha256: Sha256): "malformed" | "foreign" | "altered" | null {
  if (!v.is(ChainedRecord, record)) return "malformed";
  const { chain, ...event } = record;
  if (chain.id !== id) return "foreign";
  const isErased = chain.salt === undefined;
  // An erased record with such a field is a forged one: nothing covers the field.
  if (isErased && Object.keys(personalPartOf(event)).length > 0) return "altered";
  if (!isErased && chain.personal !== undefined) return "altered";
  const personal = isErased ? chain.personal : sha256(chain.salt + canonicalJson(personalPartOf(event)));
  if (personal === undefined) return "altered";
  return hashOf(event, { ...chain, personal }, sha256) === chain.hash ? null : "altered";
}

/** Records that are missing, and those that others know by another hash. */
function linkProblems(
  bySequence: ReadonlyMap<number, Placed>,
  after: ChainHead,
  { head, checkpoints = [] }: ChainEvidence,
): ChainProblem[] {
  const problems: ChainProblem[] = [];
  const known = [...checkpoints, ...(head ? [head] : [])].filter(({ sequence }) => sequence > after.sequence);
  let expected = after;
  const expect = (next: number) => {
    if (next <= expected.sequence + 1) return;
    const missing = { problem: "missing", sequence: expected.sequence + 1, index: null } as const;
    problems.push(next - 1 > missing.sequence ? { ...missing, until: next - 1 } : missing);
  };
  for (const [sequence, { record, index }] of [...bySequence].toSorted(([a], [b]) => a - b)) {
    if (sequence <= after.sequence) continue;
    expect(sequence);
    const { hash, previous } = record.chain;
    if (sequence === expected.sequence + 1 && previous !== expected.hash)
      problems.push({ problem: "replaced", ...placeOf(bySequence, expected.sequence) });
    if (known.some((witness) => witness.sequence === sequence && witness.hash !== hash))
      problems.push({ problem: "replaced", sequence, index });
    if (head && sequence > head.sequence) problems.push({ problem: "beyond_head", sequence, index });
    expected = { sequence, hash };
  }
  expect(Math.max(0, ...known.map(({ sequence }) => sequence)) + 1);
  return problems;
}

function placeOf(bySequence: ReadonlyMap<number, Placed>, sequence: number) {
  return { sequence, index: bySequence.get(sequence)?.index ?? null };
}

function isPersonal(name: string): boolean {
  return (PERSONAL_FIELDS as readonly string[]).includes(name);
}

function personalPartOf(event: object): object {
  return Object.fromEntries(Object.entries(event).filter(([name]) => isPersonal(name)));
}

function commonPartOf(event: object): object {
  return Object.fromEntries(Object.entries(event).filter(([name]) => !isPersonal(name)));
}

/** The event is a field of its own, so that none of its fields can stand for one of the chain's. */
function hashOf(
  event: object,
  { id, sequence, previous, personal }: Omit<ChainLink, "hash"> & { readonly personal: string },
  sha256: Sha256,
): string {
  return sha256(previous + canonicalJson({ chainId: id, sequence, event: commonPartOf(event), personal }));
}

/** The hash of a record at an instant, signed: proof that the chain was not rewritten later. */
export const Checkpoint = v.object({
  type: v.literal("audit.checkpoint"),
  chainId: ChainId,
  sequence: Sequence,
  hash: Digest,
  /** ISO 8601, UTC. */
  at: v.string(),
  /** `kid` of the public key. */
  keyId: v.string(),
  /** Ed25519, base64url. */
  signature: v.string(),
});
export type Checkpoint = v.InferOutput<typeof Checkpoint>;

/** A public key as the gateway publishes it: a JWK (RFC 8037). */
export interface CheckpointKey {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
}

/** Address of the public keys at the gateway, as a JWK set (RFC 7517). */
export const CHECKPOINT_KEYS_PATH = "/.well-known/audit-keys.json";

/** Signs a checkpoint. `key`: an Ed25519 private key. */
export async function signCheckpoint(
  statement: Pick<Checkpoint, "chainId" | "sequence" | "hash" | "at">,
  { kid, key }: { readonly kid: string; readonly key: CryptoKey },
): Promise<Checkpoint> {
  const unsigned = { type: "audit.checkpoint", ...statement, keyId: kid } as const;
  const signature = await crypto.subtle.sign("Ed25519", key, signedBytes(unsigned));
  return { ...unsigned, signature: toBase64url(new Uint8Array(signature)) };
}

/** Checks the signature of a checkpoint against the published keys. */
export async function verifyCheckpoint(
  checkpoint: Checkpoint,
  keys: readonly Pick<CheckpointKey, "kid" | "x">[],
): Promise<"valid" | "invalid" | "unknown_key"> {
  const published = keys.find(({ kid }) => kid === checkpoint.keyId);
  if (!published) return "unknown_key";
  try {
    const key = await crypto.subtle.importKey("raw", fromBase64url(published.x), "Ed25519", false, ["verify"]);
    const signature = fromBase64url(checkpoint.signature);
    return (await crypto.subtle.verify("Ed25519", key, signature, signedBytes(checkpoint))) ? "valid" : "invalid";
  } catch {
    return "invalid";
  }
}

function signedBytes({ type, chainId, sequence, hash, at, keyId }: Omit<Checkpoint, "signature">) {
  return new TextEncoder().encode(canonicalJson({ type, chainId, sequence, hash, at, keyId }));
}
