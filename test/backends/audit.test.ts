// The audit store over a real queue, a real database and real RPC: what is stored is complete, and
// each row that was altered, removed or moved is named.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { audit } from "../../contracts/audit.ts";
import {
  type ChainHead,
  type ChainLink,
  chainIdOf,
  chainNameOf,
  EMPTY_CHAIN,
  linkRecord,
  signCheckpoint,
} from "../../contracts/audit-record.ts";
import { linkedPart, storeIdOf } from "../../contracts/audit-store.ts";
import { consume } from "../../entrypoints/audit/consume.ts";
import { writeAdaptedConfig } from "../../entrypoints/cli/workers.ts";
import { type Backend, startBackend, unwrap } from "../support/backend.ts";
import { EVENTUALLY } from "../support/eventually.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");

let backend: Backend<typeof audit>;
beforeAll(async () => {
  const configPath = ".test/audit/wrangler.toml";
  writeAdaptedConfig("audit", configPath, { batchSeconds: 0 });
  backend = await startBackend({ contract: audit, configPath, entrypoint: "AuditEntrypoint", d1: "DB" });
});
afterAll(() => backend?.stop());

type Numbered = object & { readonly chain: ChainLink };

const database = async (): Promise<D1Database> => (await backend.worker.getEnv()).DB;
const run = async (sql: string, ...values: unknown[]) =>
  (
    await (
      await database()
    )
      .prepare(sql)
      .bind(...values)
      .all()
  ).results;
const chainOf = (tenantId: string) => chainIdOf(chainNameOf(tenantId), sha256);
const newTenant = () => `tenant-${randomUUID()}`;

function event(tenantId: string, fields: object = {}) {
  const traceId = randomBytes(16).toString("hex");
  const call = { type: "tool.called", at: new Date().toISOString(), traceId, subject: "u1", tenantId, clientId: "c1" };
  return { ...call, tool: "flow_advance", outcome: "ok", input: { flowId: "f" }, ...fields };
}

/** The first `count` numbered records of a tenant. */
function chainFor(tenantId: string, count: number): Numbered[] {
  const records: Numbered[] = [];
  for (let n = 0; n < count; n++) {
    const head = records.at(-1)?.chain ?? EMPTY_CHAIN;
    const salt = randomBytes(16).toString("base64url");
    records.push(linkRecord(event(tenantId), { id: chainOf(tenantId), head, salt }, sha256));
  }
  return records;
}

async function send(...messages: unknown[]): Promise<void> {
  await (await backend.queue()).sendBatch(messages.map((body) => ({ body })));
}

const verify = (tenant: string, input: object = {}) => unwrap(backend.call("verify", input, { tenant }));
const INTACT = { isIntact: true, areSignaturesChecked: false, problems: [] };
const listed = async (tenant: string) => (await unwrap(backend.call("listActivity", {}, { tenant }))).activity;

async function arrived(tenantId: string, count: number): Promise<void> {
  await vi.waitFor(async () => expect(await verify(tenantId)).toMatchObject({ records: count }), EVENTUALLY);
}

/** A tenant with three numbered records and two unnumbered ones, the last of which came last. */
async function filledTenant(): Promise<string> {
  const tenant = newTenant();
  const [one, two, three] = chainFor(tenant, 3);
  await send(one, event(tenant, { risk: "READ_ONLY" }), two, three, event(tenant, { risk: "READ_ONLY" }));
  await arrived(tenant, 5);
  expect(await verify(tenant)).toEqual({ ...INTACT, records: 5 });
  return tenant;
}

describe("records that arrive", () => {
  it("in order, out of order and twice are each stored once, and verify", async () => {
    const tenant = newTenant();
    const [one, two, three, four] = chainFor(tenant, 4);
    await send(one, one);
    await arrived(tenant, 1);
    await send(four, one);
    await arrived(tenant, 2);
    expect(await run("SELECT first, last FROM gaps WHERE chain_id = ?", chainOf(tenant))).toEqual([
      { first: 2, last: 3 },
    ]);
    expect((await verify(tenant)).problems).toMatchObject([{ chain: "gateway", problem: "missing", sequence: 2 }]);
    await send(three, two, four);
    await arrived(tenant, 4);
    expect(await run("SELECT * FROM gaps WHERE chain_id = ?", chainOf(tenant))).toEqual([]);
    expect(await verify(tenant)).toMatchObject({ isIntact: true, records: 4 });
  });

  it("are kept apart if they are no records, and block no other one", async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    const [good, second] = chainFor(tenant, 2) as [Numbered, Numbered];
    const hostile = [
      "text",
      null,
      { type: "tool.called" },
      { ...event(tenant), at: "yesterday" },
      { ...good, tool: "image_generate" },
      { ...good, tenantId: other },
      { ...good, chain: { ...good.chain, sequence: "1" } },
      { ...event(tenant), chain: null },
      { ...event(tenant), input: JSON.parse(`${"[".repeat(1_500)}${"]".repeat(1_500)}`) as unknown },
    ];
    await send(...hostile, good);
    await arrived(tenant, 1);
    const forged = linkRecord(event(tenant), { id: chainOf(tenant), head: EMPTY_CHAIN, salt: "s".repeat(22) }, sha256);
    await send(forged, second);
    await arrived(tenant, 2);
    expect(await verify(tenant)).toMatchObject({ isIntact: true });
    expect(await verify(other)).toMatchObject({ records: 0 });
    const rejected = await run("SELECT reason, count(*) AS n FROM rejected GROUP BY reason ORDER BY reason");
    expect(rejected.map(({ reason }) => reason)).toEqual([
      "altered",
      "foreign_chain",
      "malformed_chain",
      "no_record",
      "number_taken",
      "too_deep",
    ]);
  });

  it("are stored beside one that the database refuses, which is tried again", async () => {
    const tenant = newTenant();
    const refused = { ...event(tenant), tool: "refused_by_the_database" };
    await run(
      `CREATE TRIGGER refuse BEFORE INSERT ON records WHEN NEW.record LIKE '%refused_by_the_database%'
       BEGIN SELECT RAISE(ABORT, 'refused'); END`,
    );
    const bodies = [event(tenant), refused, ...chainFor(tenant, 2)];
    const messages = bodies.map((body) => ({ id: randomUUID(), body, attempts: 1, ack: vi.fn(), retry: vi.fn() }));
    const deliver = async (batch: object[]) => consume({ messages: batch } as never, await database());
    await deliver(messages);
    expect(await verify(tenant)).toMatchObject({ records: 3 });
    expect(messages.map(({ ack, retry }) => [ack.mock.calls.length, retry.mock.calls])).toEqual([
      [1, []],
      [0, [[{ delaySeconds: 2 }]]],
      [1, []],
      [1, []],
    ]);
    await run("DROP TRIGGER refuse");
    await deliver(messages.filter(({ ack }) => ack.mock.calls.length === 0));
    expect(await verify(tenant)).toMatchObject({ records: 4, isIntact: true });
  });

  it("are read by their own tenant only, newest first", async () => {
    const tenant = await filledTenant();
    const activity = await listed(tenant);
    expect(activity).toHaveLength(5);
    expect(activity.map(({ at }) => at)).toEqual(
      activity
        .map(({ at }) => at)
        .toSorted()
        .toReversed(),
    );
    const traceId = activity[0]?.traceId ?? "";
    expect((await unwrap(backend.call("findTrace", { traceId }, { tenant }))).records).toEqual([activity[0]]);
    const other = { tenant: newTenant() };
    expect(await unwrap(backend.call("findTrace", { traceId }, other))).toEqual({ records: [] });
    expect(await unwrap(backend.call("listActivity", {}, other))).toEqual({ activity: [] });
    expect(await backend.call("findTrace", { traceId: "' OR 1=1 --" }, { tenant })).toMatchObject({
      error: { code: "invalid_input" },
    });
  });
});

describe("a stored row", () => {
  const at = (position: number) => `chain_id = ? AND position = ${position}`;
  it.each([
    ["altered", 1, `UPDATE records SET record = json_set(record, '$.outcome', 'timeout') WHERE ${at(1)}`, "gateway"],
    ["altered", 2, `UPDATE records SET record = json_set(record, '$.tool', 'other') WHERE ${at(2)}`, "store"],
    ["altered", 5, `UPDATE records SET record = json_set(record, '$.subject', 'u2') WHERE ${at(5)}`, "store"],
    ["missing", 1, `DELETE FROM records WHERE ${at(1)}`, "store"],
    ["missing", 3, `DELETE FROM records WHERE ${at(3)}`, "store"],
    ["missing", 5, `DELETE FROM records WHERE ${at(5)}`, "store"],
  ])("%s is named: row %i", async (problem, sequence, sql, chain) => {
    const tenant = await filledTenant();
    await run(sql, chainOf(tenant));
    const result = await verify(tenant);
    expect(result.isIntact).toBe(false);
    expect(result.problems).toContainEqual(expect.objectContaining({ chain, problem, sequence }));
  });

  it("that changed places with another is named", async () => {
    const tenant = await filledTenant();
    for (const [from, to] of [
      [2, 99],
      [4, 2],
      [99, 4],
    ])
      await run(`UPDATE records SET position = ${to} WHERE ${at(from as number)}`, chainOf(tenant));
    expect((await verify(tenant)).problems).toContainEqual(
      expect.objectContaining({ chain: "store", problem: "moved", sequence: 2 }),
    );
  });

  it("that was put in place of the last one, with a state that fits, is found by its checkpoint", async () => {
    const tenant = newTenant();
    const [one, two] = chainFor(tenant, 2) as [Numbered, Numbered];
    const signed = { keyId: "k", signature: "s", at: new Date().toISOString() };
    const { id: chainId, sequence, hash } = two.chain;
    await send(one, two, { type: "audit.checkpoint", chainId, sequence, hash, ...signed });
    await arrived(tenant, 2);
    await vi.waitFor(
      async () => expect(await run("SELECT 1 FROM checkpoints WHERE chain_id = ?", chainId)).toHaveLength(1),
      EVENTUALLY,
    );
    await run(`DELETE FROM records WHERE ${at(2)}`, chainId);
    const first = await run(`SELECT json_extract(link, '$.hash') AS hash FROM records WHERE ${at(1)}`, chainId);
    await run(
      "UPDATE chains SET position = 1, link_hash = ?, sequence = 1, hash = ? WHERE chain_id = ?",
      ...[first[0]?.hash, one.chain.hash, chainId],
    );
    expect((await verify(tenant)).problems).toContainEqual(
      expect.objectContaining({ chain: "gateway", problem: "missing", sequence: 2 }),
    );
  });
});

it("records whose time is over are deleted from the start, and the rest verifies", async () => {
  const tenant = newTenant();
  const records = chainFor(tenant, 5);
  await send(records[0], records[2], event(tenant));
  await arrived(tenant, 3);
  await run("UPDATE records SET received_at = '2020-01-01' WHERE chain_id = ? AND position <= 3", chainOf(tenant));
  await send(records[1], records[3]);
  await arrived(tenant, 5);
  await backend.worker.scheduled({ cron: "17 3 * * *", scheduledTime: new Date() });
  expect(await verify(tenant)).toEqual({ ...INTACT, records: 2 });
  await send(records[0], records[4]);
  await arrived(tenant, 3);
  expect(await verify(tenant)).toMatchObject({ isIntact: true });
  await run(
    "UPDATE records SET record = json_set(record, '$.tool', 'x') WHERE chain_id = ? AND sequence = 2",
    chainOf(tenant),
  );
  expect((await verify(tenant)).problems).toContainEqual(
    expect.objectContaining({ chain: "gateway", problem: "altered", sequence: 2 }),
  );
});

describe("the check of a store of many pages", () => {
  const ROWS = 1_203;
  let tenant = "";
  let records: Numbered[] = [];

  /** Puts the records into the database as they would arrive, and each third without a number. */
  beforeAll(async () => {
    tenant = newTenant();
    const id = chainOf(tenant);
    records = chainFor(tenant, (ROWS / 3) * 2);
    const at = new Date().toISOString();
    let [stored, next]: [ChainHead, number] = [EMPTY_CHAIN, 0];
    const rows = Array.from({ length: ROWS }, (_, n) => {
      const record: object = n % 3 === 2 ? event(tenant) : (records[next++] ?? {});
      const place = { id: storeIdOf(id, sha256), head: stored, salt: randomBytes(16).toString("base64url") };
      const { chain: link } = linkRecord(linkedPart(record, at), place, sha256);
      stored = link;
      return { position: link.sequence, record: JSON.stringify(record), link: JSON.stringify(link) };
    });
    for (let from = 0; from < ROWS; from += 200)
      await run(
        `INSERT INTO records (chain_id, position, received_at, message_id, record, link)
         SELECT ?1, value ->> 'position', ?2, value ->> 'position', value ->> 'record', value ->> 'link' FROM json_each(?3)`,
        ...[id, at, JSON.stringify(rows.slice(from, from + 200))],
      );
    const head = records.at(-1)?.chain ?? EMPTY_CHAIN;
    await run(
      "INSERT INTO chains (chain_id, position, link_hash, sequence, hash) VALUES (?, ?, ?, ?, ?)",
      ...[id, stored.sequence, stored.hash, head.sequence, head.hash],
    );
  });

  it("finds nothing where nothing was changed", async () => {
    expect(await verify(tenant)).toEqual({ ...INTACT, records: ROWS });
  });

  it.each([1, 500, 501, 751, 1_000, ROWS])("names the row %i that is missing", async (position) => {
    const where = "chain_id = ? AND position = ?";
    const [row = {}] = await run(
      `SELECT received_at, message_id, record, link FROM records WHERE ${where}`,
      chainOf(tenant),
      position,
    );
    await run(`DELETE FROM records WHERE ${where}`, chainOf(tenant), position);
    try {
      expect((await verify(tenant)).problems).toContainEqual(
        expect.objectContaining({ chain: "store", problem: "missing", sequence: position }),
      );
    } finally {
      await run(
        `INSERT INTO records (chain_id, position, received_at, message_id, record, link) VALUES (?, ?, ?, ?, ?, ?)`,
        ...[chainOf(tenant), position, ...Object.values(row)],
      );
    }
  });

  it("counts checkpoints that were signed with a published key as evidence, and names all others", async () => {
    const { publicKey, privateKey } = (await crypto.subtle.generateKey("Ed25519", true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    const { x = "" } = (await crypto.subtle.exportKey("jwk", publicKey)) as { x?: string };
    const keys = [{ kid: "k1", x }];
    const signed = async (sequence: number, hash: string, kid = "k1") =>
      signCheckpoint(
        { chainId: chainOf(tenant), sequence, hash, at: new Date().toISOString() },
        { kid, key: privateKey },
      );
    const hashAt = (sequence: number) => records[sequence - 1]?.chain.hash ?? "";
    const good = await signed(600, hashAt(600));
    await send(
      good,
      { ...(await signed(700, hashAt(700))), sequence: 701, hash: "f".repeat(43) },
      await signed(650, hashAt(650), "k2"),
    );
    const stored = () => run("SELECT 1 FROM checkpoints WHERE chain_id = ?", chainOf(tenant));
    await vi.waitFor(async () => expect(await stored()).toHaveLength(3), EVENTUALLY);
    const invalid = (sequence: number) => ({ chain: "gateway", problem: "invalid_signature", sequence, traceId: null });
    expect(await verify(tenant, { keys })).toEqual({
      ...{ isIntact: false, areSignaturesChecked: true, records: ROWS },
      problems: [invalid(701), invalid(650)],
    });
    await send(await signed(599, "f".repeat(43)));
    const replaced = expect.objectContaining({ chain: "gateway", problem: "replaced", sequence: 599 });
    await vi.waitFor(
      async () => expect((await verify(tenant, { keys })).problems).toContainEqual(replaced),
      EVENTUALLY,
    );
  });
});

describe("eraseTenant", () => {
  const erase = (tenant: string, subject: string) =>
    unwrap(backend.call("eraseTenant", {}, { tenant, identity: { subject } }));
  const storedFor = async (chainId: string) =>
    JSON.stringify(await run("SELECT record, link FROM records WHERE chain_id = ?", chainId));

  it("removes the fields about a person, of another tenant none, and both chains verify", async () => {
    const [tenant, other] = [await filledTenant(), await filledTenant()];
    const before = await storedFor(chainOf(other));
    for (let again = 0; again < 2; again++) {
      expect(await erase(tenant, "u1")).toEqual({ isErased: true });
      const stored = await storedFor(chainOf(tenant));
      for (const trace of [tenant, '\\"u1\\"', '\\"c1\\"', "flowId"]) expect(stored).not.toContain(trace);
      expect(await verify(tenant)).toEqual({ ...INTACT, records: 5 });
    }
    expect(await storedFor(chainOf(other))).toBe(before);
    expect((await listed(tenant)).map(({ clientId, tool }) => [clientId, tool])[0]).toEqual([null, "flow_advance"]);
    await run("UPDATE records SET record = json_set(record, '$.tool', 'x') WHERE chain_id = ?", chainOf(tenant));
    expect(await verify(tenant)).toMatchObject({ isIntact: false });
  });

  it("removes them from what arrives later, numbered or not, and from what was rejected", async () => {
    const tenant = newTenant();
    const records = chainFor(tenant, 4);
    await send(records[0], { ...records[1], tool: "altered" });
    await arrived(tenant, 1);
    await vi.waitFor(
      async () => expect(JSON.stringify(await run("SELECT message FROM rejected"))).toContain(tenant),
      EVENTUALLY,
    );
    await erase(tenant, "u1");
    await send(records[1], event(tenant), records[0], records[2], records[3]);
    await arrived(tenant, 5);
    expect(await verify(tenant)).toEqual({ ...INTACT, records: 5 });
    const stored = (await storedFor(chainOf(tenant))) + JSON.stringify(await run("SELECT message FROM rejected"));
    for (const trace of [tenant, "flowId"]) expect(stored).not.toContain(trace);
  });

  it("removes the user's id from records without a tenant", async () => {
    const [subject, other] = [`user-${randomUUID()}`, `user-${randomUUID()}`];
    const platform = chainIdOf(chainNameOf(null), sha256);
    const messages = [subject, other].map((id) => ({
      ...event(""),
      type: "user.revoked",
      tenantId: null,
      subject: id,
    }));
    await send(...messages);
    await vi.waitFor(async () => expect(await storedFor(platform)).toContain(other), EVENTUALLY);
    await erase(newTenant(), subject);
    expect(await storedFor(platform)).not.toContain(subject);
    expect(await storedFor(platform)).toContain(other);
  });
});
