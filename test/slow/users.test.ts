// `npm run users` on the database of a local system, which it changes as an operator does.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyMigrations } from "../../entrypoints/cli/migrations.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { openLocalDatabase } from "../support/local-database.ts";

const stateFolder = mkdtempSync(path.join(tmpdir(), "users-"));
/** Starting wrangler takes seconds. */
const SLOW_MS = 120_000;
const PAST = "2026-01-01T00:00:00.000Z";

let db: DatabaseSync;
beforeAll(async () => {
  await applyMigrations(stateFolder);
  db = openLocalDatabase(stateFolder, "user");
  const insert = db.prepare(
    "INSERT INTO user (id, email, name, emailVerified, createdAt, updatedAt, sessionVersion) VALUES (?, ?, ?, 0, ?, ?, 3)",
  );
  insert.run("u_ada", "ada@example.com", "Ada", PAST, PAST);
  insert.run("u_kim", "kim@xn--bcher-kva.example", "김민준 'x'; DROP TABLE user; --", PAST, PAST);
  insert.run("u_old", "old@bücher.example", "Ü \u001b[31m", PAST, PAST);
  db.exec("INSERT INTO tenants (id, user_id, tier, source, created_at) VALUES ('t_ada', 'u_ada', 'free', 'oauth', 0)");
}, 60_000);
afterAll(() => {
  db.close();
  rmSync(stateFolder, { recursive: true, force: true });
});

async function users(...args: string[]) {
  return launch([...args, "--persist-to", stateFolder]);
}

async function launch(args: readonly string[]) {
  const child = spawn(process.execPath, ["entrypoints/cli/launch.mjs", "users", ...args], { cwd: ROOT });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

/** The row of a user, as the auth Worker reads it. */
function row(id: string): Record<string, unknown> {
  const columns = "u.disabledAt, u.sessionVersion, u.signedOutAt, t.tier, t.is_delinquent AS isDelinquent";
  return {
    ...db.prepare(`SELECT ${columns} FROM user u LEFT JOIN tenants t ON t.user_id = u.id WHERE u.id = ?`).get(id),
  };
}

describe("an operator", { timeout: SLOW_MS }, () => {
  it("lists users in every script, in columns, and as JSON", async () => {
    const { code, stdout } = await users("list");
    expect(code).toBe(0);
    const [head = "", ...lines] = stdout.trim().split("\n");
    expect(head).toMatch(/^id +email +name +plan +standing +state$/);
    expect(lines).toHaveLength(3);
    expect(stdout).toContain("kim@bücher.example");
    expect(stdout).toContain("김민준 'x'; DROP TABLE user; --");
    expect(stdout, "no character that a terminal acts on").not.toContain("\u001b");
    const listed = JSON.parse((await users("list", "--limit", "2", "--json")).stdout);
    expect(listed).toHaveLength(2);
    expect(listed[0]).toMatchObject({ id: "u_ada", plan: "free", standing: "good", state: "active" });
  });

  it("shows a user by id, and by the e-mail address in each spelling", async () => {
    for (const name of ["u_kim", "KIM@XN--BCHER-KVA.example", "kim@bücher。example"])
      expect(JSON.parse((await users("show", name, "--json")).stdout), name).toMatchObject([{ id: "u_kim" }]);
    expect(JSON.parse((await users("show", "old@xn--bcher-kva.example", "--json")).stdout)).toMatchObject([
      { id: "u_old" },
    ]);
  });

  it("changes plan and standing, also of a user who has no tenant yet", async () => {
    for (const id of ["u_ada", "u_kim"]) {
      expect((await users("plan", id, "pro")).stdout).toMatch(new RegExp(`${id} .* pro +good +active`));
      expect((await users("standing", id, "unpaid")).stdout).toMatch(/ pro +unpaid +active/);
      expect(row(id)).toMatchObject({ tier: "pro", isDelinquent: 1, signedOutAt: null });
    }
  });

  it("signs a user out: every sign-in up to then has ended", async () => {
    const before = Date.now();
    expect((await users("sign-out", "ada@example.com")).code).toBe(0);
    const { sessionVersion, signedOutAt } = row("u_ada");
    expect(sessionVersion).toBe(4);
    expect(Date.parse(String(signedOutAt))).toBeGreaterThanOrEqual(before);
    expect(Date.parse(String(signedOutAt))).toBeLessThanOrEqual(Date.now());
  });

  it("changes nothing if two accounts have spellings of one address, and then takes the id", async () => {
    db.exec("UPDATE user SET email = 'kim@bücher.example' WHERE id = 'u_old'");
    const { code, stderr } = await users("sign-out", "kim@bücher.example");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^Several users have this address.*u_kim.*u_old/s)]);
    expect([row("u_kim"), row("u_old")]).toMatchObject([{ signedOutAt: null }, { signedOutAt: null }]);
  });

  it("disables a user, which also ends every sign-in, and enables the user without reviving any", async () => {
    expect((await users("disable", "u_old")).stdout).toMatch(/disabled/);
    const disabled = row("u_old");
    expect(disabled).toMatchObject({ sessionVersion: 4, signedOutAt: expect.stringMatching(/^20.*Z$/) });
    expect(Date.parse(String(disabled?.disabledAt))).toBeGreaterThan(Date.parse(PAST));
    await users("disable", "u_old");
    expect(row("u_old"), "a second time").toEqual(disabled);
    expect((await users("enable", "u_old")).stdout).toMatch(/active/);
    expect(row("u_old")).toEqual({ ...disabled, disabledAt: null });
  });
});

describe("a mistake of an operator changes nothing and is named", { timeout: SLOW_MS }, () => {
  it.each([
    [["show", "none@example.com"], /^There is no user "none@example\.com"\./],
    [["disable", "x@y') OR 1=1; --"], /^There is no user "x@y'\) OR 1=1; --"\./],
    [["plan", "u_ada", "gold"], /^There is no plan "gold"; use one of free, hobby, pro, enterprise\./],
    [["plan", "u_ada"], /^plan takes a user and one of free, hobby/],
    [["standing", "u_ada", "bad"], /^There is no standing "bad"; use one of good, unpaid\./],
    [["disable"], /^disable takes a user\./],
    [["disable", "u_ada", "now"], /^disable takes a user only\./],
    [["delete", "u_ada"], /^There is no command "delete"\./],
    [[], /^Name a command\./],
    [["list", "--limit", "0"], /^"0" is not a limit\./],
    [["list", "--all"], /--all/],
  ])("%j", async (args, problem) => {
    const { code, stderr, stdout } = await users(...args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.trim()).toMatch(problem);
  });

  it("a folder without a database", async () => {
    const { code, stderr } = await launch(["list", "--persist-to", path.join(stateFolder, "elsewhere")]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^There is no database in .*Start `npm run dev` once/)]);
  });

  it("a deployed database whose id is not set", async () => {
    const { code, stderr } = await launch(["list", "--remote"]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/production.toml: \[auth.ids\] DB is no id of the account/),
    ]);
  });
});
