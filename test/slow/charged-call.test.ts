// A charged call beside `npm run dev`, from a sibling's one line to the account page and to the
// proof in the audit store: `npm run audit -- verify` on the records that the real gateway made,
// as they are and after a row was changed.
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type ChainedRecord, EMPTY_CHAIN, linkRecord } from "../../contracts/audit-record.ts";
import { linkedPart, type StoredRow, storeIdOf } from "../../contracts/audit-store.ts";
import { EVENTUALLY } from "../support/eventually.ts";
import { openLocalDatabase } from "../support/local-database.ts";
import { newKeyOwner, originOf, type Running, startDev, startSibling, stop } from "../support/local-dev.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";
import type { User } from "../support/user.ts";

const copy = copyRepository();
const state = mkdtempSync(path.join(copy, ".state-"));
const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");

let dev: Running;
let origin: string;
let user: User;
let apiKey: string;
let db: DatabaseSync;
beforeAll(async () => {
  dev = startDev(copy, "--port", "0", "--persist-to", state);
  origin = await originOf(dev);
  ({ user, apiKey } = await newKeyOwner(origin));
  db = openLocalDatabase(state, "records");
}, 180_000);
afterAll(async () => {
  db?.close();
  await stop(dev);
  removeCopy(copy);
});

/** The structured content of a tool, called as an MCP client without a session does. */
async function call(name: string, args: object): Promise<Record<string, unknown> | undefined> {
  const response = await fetch(`${origin}/mcp`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } }),
  });
  const text = await response.text();
  const json = text.trimStart().startsWith("{") ? text : (/^data: (\{.*"result".*)$/m.exec(text)?.[1] ?? "");
  return (JSON.parse(json) as { result: { structuredContent?: Record<string, unknown> } }).result.structuredContent;
}

async function verify(...args: string[]) {
  const command = ["entrypoints/cli/launch.mjs", "audit", "verify", "--origin", origin, "--persist-to", state];
  const child = spawn(process.execPath, [...command, ...args], { cwd: copy });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, stdout };
}

interface Row extends StoredRow {
  readonly chain_id: string;
  readonly sequence: number | null;
  readonly trace_id: string;
  readonly message_id: string;
}
type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = ({ record }: StoredRow) => JSON.parse(record) as Fields;

/** The rows of the user, in the order of arrival, once `count` of them are stored. */
function stored(count = 0): Promise<readonly Row[]> {
  const query = `SELECT * FROM records WHERE chain_id = (SELECT chain_id FROM records
    WHERE json_extract(record, '$.type') = 'key.created') ORDER BY position`;
  return vi.waitFor(() => {
    const rows = db.prepare(query).all() as unknown as Row[];
    if (rows.length < count) throw new Error(`${rows.length} of ${count} records are stored.`);
    return rows;
  }, EVENTUALLY);
}

describe("a picture that a sibling draws in a user's session", () => {
  it("takes one line beside npm run dev, with the line that it prints", async () => {
    const [line = ""] = /WRANGLER_REGISTRY_PATH=.*/.exec(dev.output()) ?? [];
    expect(line).toBe(`WRANGLER_REGISTRY_PATH=${state}/registry npx wrangler dev`);
    const sibling = await startSibling(copy, line);
    try {
      const draw = async (headers: Record<string, string>) =>
        (await fetch(sibling.address, { method: "POST", headers, body: "A kite" })).json();
      const picture = { status: "completed", url: expect.stringMatching(`^${origin}/images/`) };
      expect(await draw({ "x-api-key": apiKey })).toMatchObject(picture);
      expect(await draw({}), "in its own name").toMatchObject(picture);
      expect(await draw({ "x-api-key": "sb_live_wrong" })).toMatchObject({ code: "unauthenticated" });
    } finally {
      await sibling.stop();
    }
  });

  it("is charged on the account page, beside one that an MCP client drew", async () => {
    expect(await call("image_generate", { prompt: "a boat", quality_tier: "draft" })).toMatchObject({
      status: "completed",
    });
    const { html } = await user.open(`${origin}/apps`);
    expect(html.match(/<code>image_generate<\/code>, 1 credit: charged/g)).toHaveLength(2);
    expect(html).toContain("2 of 25 credits used this month (plan free)");
  });
});

describe("npm run audit -- verify", () => {
  it("passes over the records of both entrances, and checks a checkpoint with the gateway's published key", async () => {
    await call("image_list_models", {});
    // Signed in, key made, twice an intent and an outcome, and a call that has no number.
    await stored(7);
    makeCheckpointDue();
    await call("flow_create", { projectDescription: "A kiosk" });
    await vi.waitFor(
      () => expect(db.prepare("SELECT count(*) AS n FROM checkpoints").get()).toEqual({ n: 1 }),
      EVENTUALLY,
    );
    const rows = await stored(9);
    expect(new Set(rows.map((row) => fieldsOf(row).channel))).toEqual(new Set([undefined, "mcp", "rpc"]));
    const { code, stdout } = await verify("--json");
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ isIntact: true, checkpoints: 1, areSignaturesChecked: true, problems: [] }),
    ]);
  });

  /** The outcome of the charged call, and the record before it. */
  async function charged(): Promise<{ readonly row: Row; readonly before: Row; readonly last: Row }> {
    const rows = await stored();
    const at = rows.findIndex((row) => fieldsOf(row).type === "tool.called" && fieldsOf(row).credits === 1);
    const [row, before, last] = [rows[at], rows[at - 1], rows.at(-1)];
    if (!row || !before || !last) throw new Error("There is no charged call after another record.");
    return { row, before, last };
  }

  const at = ({ chain_id, position }: Row) => `chain_id = '${chain_id}' AND position = ${position}`;
  const named = (problem: string, { sequence, position, trace_id }: Row) =>
    new RegExp(`^${problem}: record ${sequence} \\(row ${position}\\), trace ${trace_id}, tenant `, "m");
  const placed = (problem: string, { position }: Row) => new RegExp(`^${problem}: row ${position},`, "m");

  /** Exchanges the values of a column of two rows. */
  const swap = (column: string, one: Row, other: Row) => {
    const [first, second] = [one, other].map((row) => row[column as keyof Row]);
    const set = db.prepare(`UPDATE records SET ${column} = ? WHERE chain_id = ? AND message_id = ?`);
    for (const [value, row] of [
      [column === "record" ? "{}" : -1, one],
      [first, other],
      [second, one],
    ] as const)
      set.run(value as string, row.chain_id, row.message_id);
  };

  const CHANGES: readonly (readonly [string, (rows: Awaited<ReturnType<typeof charged>>) => readonly RegExp[]])[] = [
    [
      "an altered charge",
      ({ row }) => {
        db.exec(`UPDATE records SET record = json_set(record, '$.credits', 0) WHERE ${at(row)}`);
        return [named("altered", row)];
      },
    ],
    [
      "a record of another tool, in a call that has no number",
      () => {
        const unnumbered = "sequence IS NULL AND json_extract(record, '$.tool') = 'image_list_models'";
        const row = db.prepare(`SELECT * FROM records WHERE ${unnumbered}`).get() as unknown as Row;
        db.exec(`UPDATE records SET record = json_set(record, '$.tool', 'flow_create') WHERE ${at(row)}`);
        return [placed("altered", row)];
      },
    ],
    [
      "a removed record",
      ({ row }) => {
        db.exec(`DELETE FROM records WHERE ${at(row)}`);
        return [placed("missing", row), new RegExp(`^missing: record ${row.sequence},`, "m")];
      },
    ],
    [
      "a removed last record",
      ({ last }) => {
        db.exec(`DELETE FROM records WHERE ${at(last)}`);
        return [placed("missing", last), new RegExp(`^missing: record ${last.sequence},`, "m")];
      },
    ],
    [
      "a pair of rows that changed places",
      ({ row, before }) => {
        swap("position", row, before);
        return [placed("moved", row), placed("moved", before)];
      },
    ],
    [
      "a pair of records that changed rows",
      ({ row, before }) => {
        swap("record", row, before);
        return [placed("altered", row), placed("altered", before)];
      },
    ],
    [
      "a pair of records that changed numbers",
      ({ row, before }) => {
        const renumber = db.prepare(
          "UPDATE records SET record = json_set(record, '$.chain.sequence', ?) WHERE chain_id = ? AND position = ?",
        );
        for (const [sequence, { chain_id, position }] of [
          [9999, row],
          [row.sequence, before],
          [before.sequence, row],
        ] as const)
          renumber.run(sequence, chain_id, position);
        const renumbered = [
          { ...row, sequence: before.sequence },
          { ...before, sequence: row.sequence },
        ];
        return renumbered.map((one) => named("altered", one));
      },
    ],
    [
      "a forged signature of a checkpoint",
      () => {
        db.exec("UPDATE checkpoints SET checkpoint = json_set(checkpoint, '$.at', '2020-01-01T00:00:00.000Z')");
        return [/^invalid signature: checkpoint \d+/m];
      },
    ],
    [
      "a history that was rewritten with every hash and its end",
      ({ row }) => {
        const { sequence } = db
          .prepare("SELECT sequence FROM checkpoints WHERE chain_id = ?")
          .get(row.chain_id) as Fields;
        rewriteHistory(row.chain_id, (record) => ({ ...record, credits: 0 }));
        return [new RegExp(`^replaced: record ${sequence} `, "m")];
      },
    ],
  ];
  it.each(CHANGES)("names it, with exit code 1: %s", async (_, change) => {
    const tables = ["records", "chains", "checkpoints"].map((table) => ({ table, rows: rowsOf(table) }));
    const sentences = change(await charged());
    const { code, stdout } = await verify();
    for (const { table, rows } of tables) replaceRows(table, rows);
    for (const sentence of sentences) expect(stdout).toMatch(sentence);
    expect([code, stdout]).toEqual([1, expect.stringContaining("The store does not verify")]);
  });

  it("passes again once the store is as it was", async () => {
    expect(await verify()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Every record verifies: /) });
  });
});

/** The next record of each tenant's log finds its checkpoint due. It would be due after an hour. */
function makeCheckpointDue(): void {
  const folder = path.join(state, "v3/do/stackbilt-mcp-gateway-AuditLogObject");
  for (const file of readdirSync(folder).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name))) {
    const log = new DatabaseSync(path.join(folder, file));
    log.exec("UPDATE chain SET checkpoint_at_ms = 1 WHERE sequence > 0");
    log.close();
  }
}

function rowsOf(table: string): readonly Fields[] {
  const columns = db.prepare(`SELECT name FROM pragma_table_info('${table}')`).all(); // without generated ones
  return db.prepare(`SELECT ${columns.map(({ name }) => name).join(", ")} FROM ${table}`).all() as Fields[];
}

function replaceRows(table: string, rows: readonly Fields[]): void {
  db.exec(`DELETE FROM ${table}`);
  for (const row of rows) {
    const names = Object.keys(row);
    const insert = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
    db.prepare(insert).run(...(Object.values(row) as string[]));
  }
}

/** Changes the records of a chain as one who holds the database can: with new hashes everywhere. */
function rewriteHistory(chainId: string, alter: (record: Fields) => Fields): void {
  const salt = () => randomBytes(16).toString("base64url");
  const rows = db
    .prepare("SELECT * FROM records WHERE chain_id = ? ORDER BY position")
    .all(chainId) as unknown as Row[];
  const records = new Map<number, ChainedRecord>();
  let head = EMPTY_CHAIN;
  for (const row of rows
    .filter(({ sequence }) => sequence !== null)
    .toSorted((a, b) => Number(a.sequence) - Number(b.sequence))) {
    const { chain: _, ...event } = fieldsOf(row);
    const record = linkRecord(alter(event), { id: chainId, head, salt: salt() }, sha256) as unknown as ChainedRecord;
    head = record.chain;
    records.set(row.position, record);
  }
  let end = EMPTY_CHAIN;
  for (const row of rows) {
    const record = records.get(row.position) ?? fieldsOf(row);
    const place = { id: storeIdOf(chainId, sha256), head: end, salt: salt() };
    const { chain: link } = linkRecord(linkedPart(record, row.received_at), place, sha256);
    end = link;
    db.prepare("UPDATE records SET record = ?, link = ? WHERE chain_id = ? AND position = ?").run(
      ...[JSON.stringify(record), JSON.stringify(link), chainId, row.position],
    );
  }
  db.prepare("UPDATE chains SET link_hash = ?, hash = ? WHERE chain_id = ?").run(end.hash, head.hash, chainId);
}
