// Revocations on their way from the auth Worker's database to the gateway.
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { auth, type SignIn } from "../../contracts/auth.ts";
import { CONFIGS, ROOT, workerName, writeAdaptedConfig } from "../../entrypoints/cli/workers.ts";
import { type AuthWorker, newEmail, PASSWORD, SECRET } from "../support/auth-worker.ts";
import { startBackends } from "../support/backend.ts";

type Row = { user_id: string; until: string };

let backend: AuthWorker;
let db: D1Database;
const AUTH = { contract: auth, entrypoint: "AuthEntrypoint", secrets: { BETTER_AUTH_SECRET: SECRET }, d1: "DB" };
/** Without a binding to the gateway. */
let alone: AuthWorker;

beforeAll(async () => {
  const fakes = { GATEWAY_ADMIN: "test/support/fakes/gateway-admin.ts" };
  const configPath = ".test/auth-alone/wrangler.toml";
  writeAdaptedConfig("auth", path.join(ROOT, configPath), { unbound: workerName("gateway") });
  [backend, alone] = await startBackends({ ...AUTH, configPath: CONFIGS.auth, fakes }, { ...AUTH, configPath });
  db = (await backend.worker.getEnv()).DB;
});
afterAll(() => backend?.stop());

const gateway = () => backend.harness.getWorker("fake-gateway-admin");
const behave = (how: "confirm" | "refuse" | "throw" | "hold") => gateway().fetch("/", { method: "POST", body: how });
const callsFor = async (userId: string) =>
  ((await (await gateway().fetch("/")).json()) as { userId: string }[]).filter((call) => call.userId === userId);
const rowsFor = async (userId: string) =>
  (await db.prepare("SELECT user_id, until FROM revocations WHERE user_id = ?").bind(userId).all<Row>()).results;
const runCron = () => backend.worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
const signOut = (userId: string, at: string) =>
  db.prepare("UPDATE user SET signedOutAt = ? WHERE id = ?").bind(at, userId).run();

async function newUserId(): Promise<string> {
  const user = (await backend.invoke("registerUser", "Ada", newEmail(), PASSWORD)) as SignIn;
  if (!user.valid) throw new Error(user.error);
  return user.userId;
}

beforeEach(() => behave("confirm"));

describe("the end of a user's sign-ins", () => {
  it("reaches the gateway once, with its instant", async () => {
    const userId = await newUserId();
    expect(await rowsFor(userId)).toEqual([]);
    await signOut(userId, "2026-01-02T03:04:05.678Z");
    await runCron();
    await runCron();
    const untilMs = Date.parse("2026-01-02T03:04:05.678Z");
    expect(await callsFor(userId)).toEqual([{ userId, options: { untilMs } }]);
    expect(await rowsFor(userId)).toEqual([]);
  });

  it("of a user who is disabled reaches it too", async () => {
    const userId = await newUserId();
    await db.prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE id = ?").bind(userId).run();
    await runCron();
    expect(await callsFor(userId)).toHaveLength(1);
  });

  it.each(["refuse", "throw"] as const)(
    "is delivered again for as long as the gateway does not confirm: %s",
    async (how) => {
      const [first, second] = [await newUserId(), await newUserId()];
      for (const userId of [first, second]) await signOut(userId, "2026-01-02T03:04:05.678Z");
      await behave(how);
      await runCron();
      await runCron();
      expect([await rowsFor(first), await rowsFor(second)].flat()).toHaveLength(2);
      await behave("confirm");
      await runCron();
      expect([await callsFor(first), await callsFor(second)].map(({ length }) => length)).toEqual([3, 3]);
      expect([await rowsFor(first), await rowsFor(second)].flat()).toEqual([]);
    },
  );

  it("reaches it though the gateway refuses as many others as a run delivers", async () => {
    await db.exec(
      `INSERT INTO revocations (user_id, until) WITH RECURSIVE n(at) AS (VALUES (1) UNION ALL SELECT at + 1 FROM n WHERE at < 60)
       SELECT 'refused_' || at, '2020-01-01T00:00:00.000Z' FROM n`.replaceAll("\n", " "),
    );
    try {
      const userId = await newUserId();
      await signOut(userId, "2026-01-02T03:04:05.678Z");
      for (let runs = 0; runs < 2; runs++) await runCron();
      expect(await rowsFor(userId)).toEqual([]);
      await runCron();
      expect((await callsFor("refused_60")).length, "each gets its turn").toBeGreaterThan(0);
    } finally {
      await db.exec("DELETE FROM revocations");
    }
  });

  it("is never an earlier instant in place of a later one", async () => {
    const userId = await newUserId();
    for (const at of ["2026-01-03T00:00:00.000Z", "2026-01-02T03:04:05.678Z"]) await signOut(userId, at);
    expect(await rowsFor(userId)).toEqual([{ user_id: userId, until: "2026-01-03T00:00:00.000Z" }]);
  });

  it("that is later than the one under way is kept", async () => {
    const userId = await newUserId();
    await signOut(userId, "2026-01-02T03:04:05.678Z");
    await behave("hold");
    const run = runCron();
    await expect.poll(() => callsFor(userId)).toHaveLength(1);
    await signOut(userId, "2026-01-03T00:00:00.000Z");
    await behave("confirm");
    await run;
    expect(await rowsFor(userId)).toEqual([{ user_id: userId, until: "2026-01-03T00:00:00.000Z" }]);
    await runCron();
    expect(await callsFor(userId)).toHaveLength(2);
  });
});

it("without a binding to the gateway, nothing is lost, and it is logged", async () => {
  const { DB } = await alone.worker.getEnv();
  const before = alone.harness.getLogs().length;
  await DB.exec("INSERT INTO revocations (user_id, until) VALUES ('u_ada', '2026-01-02T03:04:05.678Z')");
  await alone.worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
  expect((await DB.prepare("SELECT user_id FROM revocations").all()).results).toEqual([{ user_id: "u_ada" }]);
  const logged = alone.harness
    .getLogs()
    .slice(before)
    .map(({ message }) => message);
  expect(logged.filter((line) => line.includes("auth.revocations_undelivered"))).toEqual([
    expect.stringContaining("GATEWAY_ADMIN is not bound"),
  ]);
});
