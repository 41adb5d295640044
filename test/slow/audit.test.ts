// `npm run audit` on the database of a local system, before and after rows of it were changed.
import { spawn } from "node:child_process";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type ChainHead,
  chainIdOf,
  chainNameOf,
  EMPTY_CHAIN,
  linkRecord,
  signCheckpoint,
} from "../../contracts/audit-record.ts";
import { linkedPart, storeIdOf } from "../../contracts/audit-store.ts";
import { applyMigrations } from "../../entrypoints/cli/migrations.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { openLocalDatabase } from "../support/local-database.ts";

const stateFolder = mkdtempSync(path.join(tmpdir(), "audit-"));
const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");
const AT = "2026-11-27T00:00:00.000Z";
const TRACE = "a".repeat(32);
const chainId = chainIdOf(chainNameOf("t_ada"), sha256);

let db: DatabaseSync;
let gateway: Server;
let origin = "";
beforeAll(async () => {
  await applyMigrations(stateFolder);
  db = openLocalDatabase(stateFolder, "records");
  const numbered = fill();
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { d, x } = privateKey.export({ format: "jwk" });
  const jwk = { kty: "OKP", crv: "Ed25519", d, x } as JsonWebKey;
  const key = await crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["sign"]);
  const statement = { chainId, sequence: numbered.sequence, hash: numbered.hash, at: AT };
  const checkpoint = JSON.stringify(await signCheckpoint(statement, { kid: "k1", key }));
  db.prepare("INSERT INTO checkpoints VALUES (?, ?, ?, ?)").run(chainId, numbered.sequence, numbered.hash, checkpoint);
  const published = { ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "EdDSA", use: "sig" };
  gateway = createServer((_, response) => response.end(JSON.stringify({ keys: [published] }))).listen(0);
  origin = `http://localhost:${(gateway.address() as AddressInfo).port}`;
}, 120_000);
afterAll(() => {
  db.close();
  gateway.close();
  rmSync(stateFolder, { recursive: true, force: true });
});

/** Stores two numbered records and one without a number, which is the last. */
function fill(): ChainHead {
  const salt = () => randomBytes(16).toString("base64url");
  let head: ChainHead = EMPTY_CHAIN;
  let stored: ChainHead = EMPTY_CHAIN;
  for (const tool of ["flow_create", "flow_advance", "flow_status"]) {
    const event = { type: "tool.called", at: AT, traceId: TRACE, subject: "u_ada", tenantId: "t_ada", tool };
    const record = tool === "flow_status" ? event : linkRecord(event, { id: chainId, head, salt: salt() }, sha256);
    if ("chain" in record) head = record.chain as ChainHead;
    const place = { id: storeIdOf(chainId, sha256), head: stored, salt: salt() };
    const { chain: link } = linkRecord(linkedPart(record, AT), place, sha256);
    stored = link;
    db.prepare(
      "INSERT INTO records (chain_id, position, received_at, message_id, record, link) VALUES (?, ?, ?, ?, ?, ?)",
    ).run(chainId, link.sequence, AT, tool, JSON.stringify(record), JSON.stringify(link));
  }
  db.prepare("INSERT INTO chains (chain_id, position, link_hash, sequence, hash) VALUES (?, ?, ?, ?, ?)").run(
    ...[chainId, stored.sequence, stored.hash, head.sequence, head.hash],
  );
  return head;
}

async function audit(...args: string[]) {
  const command = ["entrypoints/cli/launch.mjs", "audit", ...args, "--persist-to", stateFolder];
  const child = spawn(process.execPath, command, { cwd: ROOT });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

it("an operator verifies the store, looks up a trace and a tenant, and exports everything", async () => {
  expect(await audit("verify", "--origin", origin)).toMatchObject({
    code: 0,
    stdout: "Every record verifies: 3 records in 1 chains, 1 checkpoints.\n",
  });
  const unreached = await audit("verify", "--origin", "http://localhost:1");
  expect(unreached).toMatchObject({ code: 0, stdout: expect.stringContaining("signatures of checkpoints were not") });
  expect((await audit("trace", TRACE)).stdout).toMatch(/flow_status.*flow_advance.*flow_create/s);
  expect(JSON.parse((await audit("tenant", "t_ada", "--limit", "1", "--json")).stdout)).toMatchObject([
    { tool: "flow_status" },
  ]);
  expect((await audit("tenant", "t_kim")).stdout).toContain("There are no such records");
  const lines = (await audit("export")).stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
  expect(lines).toMatchObject([{ type: "audit.checkpoint" }, { position: 1 }, { position: 2 }, { position: 3 }]);
}, 120_000);

it("an operator sees which row was altered, removed or moved, and that a checkpoint is forged", async () => {
  const attempt = async (change: string, sentence: RegExp) => {
    const saved = db.prepare("SELECT chain_id, position, received_at, message_id, record, link FROM records").all();
    db.exec(change);
    const { code, stdout } = await audit("verify", "--origin", origin);
    expect([code, stdout]).toEqual([1, expect.stringMatching(sentence)]);
    db.exec("DELETE FROM records");
    const insert = "INSERT INTO records (chain_id, position, received_at, message_id, record, link)";
    for (const row of saved) db.prepare(`${insert} VALUES (?, ?, ?, ?, ?, ?)`).run(...Object.values(row));
  };
  await attempt("DELETE FROM records WHERE position = 3", /^missing: row 3, tenant t_ada, chain /m);
  const tool = "UPDATE records SET record = json_set(record, '$.tool', 'x') WHERE position =";
  await attempt(`${tool} 3`, /^altered: row 3, trace a{32}, tenant t_ada, chain /m);
  await attempt(`${tool} 2`, /^altered: record 2 \(row 2\), trace a{32}, tenant t_ada, chain /m);
  const swap = [9, 1, 2].map((to, at) => `UPDATE records SET position = ${to} WHERE position = ${[1, 2, 9][at]};`);
  await attempt(swap.join(""), /^moved: row 1,/m);
  db.exec("UPDATE checkpoints SET checkpoint = json_set(checkpoint, '$.hash', replace(hash, substr(hash, 1, 1), '-'))");
  const forged = await audit("verify", "--origin", origin);
  expect([forged.code, forged.stdout]).toEqual([1, expect.stringContaining("invalid signature: checkpoint 2")]);
}, 120_000);

it("a mistake is named, with the usage", async () => {
  expect(await audit("trace", "'; DROP TABLE records")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is not a trace id/),
  });
  expect(await audit("toString")).toMatchObject({ code: 1, stderr: expect.stringContaining("There is no command") });
  expect(await audit("verify", "--help")).toMatchObject({ code: 0, stdout: expect.stringContaining("Usage:") });
}, 60_000);
