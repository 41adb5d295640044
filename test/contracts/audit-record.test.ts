// The hash chain of audit records, and signed checkpoints.
import { createHash, generateKeyPairSync, type JsonWebKey, randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  type ChainedRecord,
  type ChainHead,
  type CheckpointKey,
  chainIdOf,
  chainNameOf,
  EMPTY_CHAIN,
  eraseRecord,
  linkRecord,
  PERSONAL_FIELDS,
  signCheckpoint,
  verifyCheckpoint,
  verifyRecords,
} from "../../contracts/audit-record.ts";
import { randomText } from "../../src/crypto/random.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");
const id = chainIdOf(chainNameOf("t1"), sha256);
const EVENT = {
  type: "tool.called",
  at: "2026-11-27T05:00:00.000Z",
  subject: "user:1", // a colon and a space are in no hash
  tenantId: "t1",
  clientId: "c1",
  outcome: "ok",
  input: { prompt: "<17 characters>" },
};

/** A chain of `length` records, as the queue's consumer receives it. */
function chainOf(length: number): ChainedRecord[] {
  const records: ChainedRecord[] = [];
  let head: ChainHead = EMPTY_CHAIN;
  for (let n = 0; n < length; n++) {
    const event = { ...EVENT, traceId: n.toString(16).padStart(32, "0"), durationMs: n };
    const record = linkRecord(event, { id, head, salt: randomText(16) }, sha256);
    head = record.chain;
    records.push(JSON.parse(JSON.stringify(record)));
  }
  return records;
}

const headOf = (records: readonly ChainedRecord[]): ChainHead => records.at(-1)?.chain ?? EMPTY_CHAIN;
const verify = (records: readonly unknown[], more: object = {}) => verifyRecords(records, { id, ...more }, sha256);
const found = (records: readonly unknown[], more: object = {}) =>
  verify(records, more).map(({ problem, sequence }) => `${problem} ${sequence}`);
/** A record with other content, and a hash that fits it. */
function forged({ chain, ...event }: ChainedRecord, changes: object): ChainedRecord {
  const head = { sequence: chain.sequence - 1, hash: chain.previous };
  return linkRecord({ ...event, ...changes }, { id, head, salt: chain.salt ?? "" }, sha256);
}

describe("a chain of audit records", () => {
  it("verifies as it was made, with its head and checkpoints, whole or from a later record on", () => {
    const records = chainOf(20);
    const head = headOf(records);
    expect(verify(records, { head, checkpoints: [records[6]?.chain, head] })).toEqual([]);
    expect(verify(records.slice(5), { after: records[4]?.chain, head })).toEqual([]);
    expect(verify([], { head: EMPTY_CHAIN })).toEqual([]);
  });

  it("names any field that was altered, at any depth, by its record", () => {
    for (const [name, value] of Object.entries({ ...EVENT, outcome: "ok", durationMs: 3, traceId: "x" })) {
      const records = chainOf(6);
      const record = records[3] as ChainedRecord;
      const other = typeof value === "object" ? { prompt: "<18 characters>" } : `${value}!`;
      records[3] = { ...record, [name]: other };
      expect(found(records), name).toEqual(["altered 4"]);
      const { [name]: _, ...without } = record;
      records[3] = without as ChainedRecord;
      expect(found(records)[0], `without ${name}`).toMatch(/^(altered|malformed) /);
      records[3] = { ...record, added: 1 };
      expect(found(records)).toEqual(["altered 4"]);
    }
  });

  it("names one removed, repeated, moved, inserted or rewritten record of a random chain", () => {
    for (let round = 0; round < 60; round++) {
      const length = randomInt(3, 12);
      const at = randomInt(1, length - 1);
      const number = at + 1;
      const attack = (change: (records: ChainedRecord[], record: ChainedRecord) => void) => {
        const records = chainOf(length);
        const head = headOf(records);
        change(records, records[at] as ChainedRecord);
        return found(records, { head });
      };
      expect(attack((records) => records.splice(at, 1))).toEqual([`missing ${number}`]);
      expect(attack((records, record) => records.splice(at, 0, record))).toEqual([`repeated ${number}`]);
      expect(attack((records, record) => records.splice(0, 0, ...records.splice(at, 1), record))).toContain(
        `repeated ${number}`,
      );
      expect(
        attack((records, record) => void records.splice(at - 1, 2, record, records[at - 1] as ChainedRecord)),
      ).toEqual([`moved ${at}`]);
      const other = chainOf(at + 1)[at] as ChainedRecord;
      expect(attack((records) => records.splice(at, 0, other))).toContain(`repeated ${number}`);
      expect(attack((records, record) => records.splice(at, 1, forged(record, { outcome: "lied" })))).toEqual([
        `replaced ${number}`,
      ]);
      expect(
        attack((records, record) =>
          records.splice(at, 0, { ...record, chain: { ...record.chain, id: "x".repeat(22) } }),
        ),
      ).toEqual([`foreign ${number}`]);
    }
  });

  it("names a removed or added end only with the head or a checkpoint", () => {
    const records = chainOf(8);
    const head = headOf(records);
    const shorter = records.slice(0, 5);
    expect(verify(shorter)).toEqual([]);
    const missing = [{ problem: "missing", sequence: 6, until: 8, index: null }];
    expect(verify(shorter, { head })).toEqual(missing);
    expect(verify(shorter, { checkpoints: [head] })).toEqual(missing);
    expect(found(records, { head: records[5]?.chain })).toEqual(["beyond_head 7", "beyond_head 8"]);
    expect(found([], { head })).toEqual(["missing 1"]);
  });

  it("names a record that a checkpoint knows otherwise, if all that follow were rewritten too", () => {
    const records = chainOf(4);
    const checkpoint = headOf(records);
    const rewritten = chainOf(4);
    expect(verify(rewritten)).toEqual([]);
    expect(found(rewritten, { checkpoints: [checkpoint] })).toEqual(["replaced 4"]);
  });

  it("reports what is no record instead of failing", () => {
    const [record] = chainOf(1) as [ChainedRecord];
    const bad = [
      null,
      1,
      "x",
      {},
      { ...record, chain: null },
      { ...record, chain: { ...record.chain, sequence: 1.5 } },
    ];
    expect(found([record, ...bad])).toEqual(bad.map(() => "malformed null"));
  });
});

describe("an erased record", () => {
  it("has no field about a person, and verifies among others", () => {
    const records = chainOf(9);
    const erased = records.map((record, n) => (n % 2 ? eraseRecord(record, sha256) : record));
    expect(verify(erased, { head: headOf(records) })).toEqual([]);
    const text = JSON.stringify(erased[1]);
    for (const gone of [...PERSONAL_FIELDS, "salt", "user:1", "17 characters"]) expect(text).not.toContain(gone);
    expect(eraseRecord(erased[1] as ChainedRecord, sha256)).toEqual(erased[1]);
  });

  it("is named if any field, also a personal one, is put in or altered", () => {
    const erased = eraseRecord(chainOf(1)[0] as ChainedRecord, sha256);
    for (const change of [{ subject: "u2" }, { tenantId: null }, { input: {} }, { outcome: "x" }])
      expect(found([{ ...erased, ...change }])).toEqual(["altered 1"]);
    const { personal: _, ...chain } = erased.chain;
    expect(found([{ ...erased, chain }])).toEqual(["altered 1"]);
    expect(found([{ ...erased, chain: { ...erased.chain, salt: "s".repeat(22) } }])).toEqual(["altered 1"]);
  });
});

describe("a checkpoint", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" }: JsonWebKey = publicKey.export({ format: "jwk" });
  const published: CheckpointKey = { kty: "OKP", crv: "Ed25519", x, kid: "k1", alg: "EdDSA", use: "sig" };
  const signed = async () => {
    const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
    const key = await crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), "Ed25519", false, ["sign"]);
    const { sequence, hash } = headOf(chainOf(3));
    return signCheckpoint({ chainId: id, sequence, hash, at: EVENT.at }, { kid: "k1", key });
  };

  it("is valid under the published key of its id, and under no other", async () => {
    const checkpoint = await signed();
    expect(await verifyCheckpoint(checkpoint, [published])).toBe("valid");
    expect(await verifyCheckpoint(checkpoint, [{ ...published, kid: "k2" }])).toBe("unknown_key");
    const other = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }).x ?? "";
    expect(await verifyCheckpoint(checkpoint, [{ ...published, x: other }])).toBe("invalid");
  });

  it("is invalid once any field is altered", async () => {
    const checkpoint = await signed();
    const changes = { chainId: "y".repeat(22), sequence: 4, hash: "h".repeat(43), at: "2026-11-27T06:00:00.000Z" };
    for (const [name, value] of Object.entries({ ...changes, signature: "AA" }))
      expect(await verifyCheckpoint({ ...checkpoint, [name]: value }, [published]), name).toBe("invalid");
  });
});
