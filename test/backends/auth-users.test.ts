// Signing up and signing in with a password, at the auth Worker over real RPC, on its own database.
import { createHash, randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { mayAttempt } from "../../entrypoints/auth/sign-in-attempts.ts";
import { fresh, PASSWORD, usePeople } from "../support/auth-worker.ts";

const people = usePeople();
const { call, register, signIn, newUser } = people;

describe("signing up", () => {
  test("makes a user with whom one can sign in", async () => {
    const email = fresh();
    const user = await register(email, PASSWORD, "Ada Lovelace");
    expect(user).toEqual({
      valid: true,
      userId: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
      email,
      name: "Ada Lovelace",
    });
    expect(await signIn(email)).toEqual(user);
  });

  test("a taken address is EMAIL_EXISTS, however it is capitalised", async () => {
    const { email } = await newUser();
    expect(await register(email.toUpperCase())).toEqual({ valid: false, error: "EMAIL_EXISTS" });
  });

  test("of many at once with one address, exactly one wins", async () => {
    const email = fresh();
    const replies = await Promise.all(Array.from({ length: 5 }, (_, i) => register(email, `${PASSWORD} number ${i}`)));
    expect(replies.filter((reply) => reply.valid)).toHaveLength(1);
    expect(replies.filter((reply) => !reply.valid && reply.error === "EMAIL_EXISTS")).toHaveLength(4);
    expect(await signIn(email, `${PASSWORD} number ${replies.findIndex((reply) => reply.valid)}`)).toMatchObject({
      valid: true,
    });
  });

  test("names and addresses in any script are welcome, and composed characters are one spelling", async () => {
    const local = randomUUID();
    expect(
      await register(`Jürgen-${local}@example.com`.normalize("NFD"), "пароль из многих слов", "  김  민준 "),
    ).toMatchObject({
      valid: true,
      email: `jürgen-${local}@example.com`.normalize("NFC"),
      name: "김 민준",
    });
    expect(await signIn(`jürgen-${local}@EXAMPLE.com`.normalize("NFC"), "пароль из многих слов")).toMatchObject({
      valid: true,
    });
  });

  test.each([
    ["14 characters", "fourteen chars"],
    ["one pattern over and over", "abababababababab"],
    ["an obvious word, padded", "Password-Password-1!"],
    ["the keyboard", "qwertyuiopasdfghjkl"],
    ["the person's own name", "ada.lovelace-ada.lovelace"],
    ["more than 1,024 bytes", "long enough ".repeat(100)],
    ["not a string", 15],
  ])("a password that is %s is refused", async (_, password) => {
    expect(await call("registerUser", "Ada Lovelace", "ada.lovelace@example.com", password)).toEqual({
      valid: false,
      error: "INVALID_CREDENTIALS",
    });
  });

  test.each([
    ["Ada", "no-at-sign"],
    ["Ada", "two@at@example.com"],
    ["Ada", "a@localhost"],
    ["Ada", " spaced@example.com"],
    ["Ada", `${"a".repeat(250)}@example.com`],
    ["", "empty-name@example.com"],
    ["A\u202Eda", "turned-around@example.com"],
    ["x".repeat(101), "long-name@example.com"],
    [{ toString: 1 }, "object@example.com"],
  ])("%j with %j is refused", async (name, email) => {
    expect(await call("registerUser", name, email, PASSWORD)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
  });

  test("an address that a broken sign-up left behind can be used again", async () => {
    const email = fresh();
    const long = "2026-01-01T00:00:00.000Z";
    await people.db
      .prepare(
        "INSERT INTO user (id, name, email, emailVerified, createdAt, updatedAt, sessionVersion) VALUES (?, 'Half', ?, 0, ?, ?, 0)",
      )
      .bind(randomUUID(), email, long, long)
      .run();
    expect(await register(email)).toMatchObject({ valid: true, name: "Ada" });
    expect(await signIn(email)).toMatchObject({ valid: true, name: "Ada" });
  });

  test("a sign-up that fails half-way is an internal error, and leaves nothing behind", async () => {
    const email = fresh();
    await people.db
      .prepare("CREATE TRIGGER broken BEFORE INSERT ON account BEGIN SELECT RAISE(ABORT, 'broken'); END")
      .run();
    await expect(register(email)).rejects.toThrow(/^Error: internal$/);
    await people.db.prepare("DROP TRIGGER broken").run();
    expect(await people.db.prepare("SELECT id FROM user WHERE email = ?").bind(email).first()).toBeNull();
    expect(await register(email)).toMatchObject({ valid: true });
  });

  test("no password and no session is stored in the clear", async () => {
    const { userId } = await newUser();
    const { results } = await people.db
      .prepare("SELECT password FROM account WHERE userId = ?")
      .bind(userId)
      .all<{ password: string }>();
    expect(results).toEqual([{ password: expect.stringMatching(/^[0-9a-f]{32}:[0-9a-f]{128}$/) }]);
    expect(await people.db.prepare("SELECT count(*) AS n FROM session").first("n")).toBe(0);
  });
});

describe("signing in", () => {
  test("a wrong password and an unknown address read the same", async () => {
    const { email } = await newUser();
    expect(await signIn(email, "another green turtle")).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    expect(await signIn(fresh())).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
  });

  test("a wrong password and an unknown address take as long", async () => {
    const { email } = await newUser();
    const fastest = { known: Number.POSITIVE_INFINITY, unknown: Number.POSITIVE_INFINITY };
    for (let i = 0; i < 8; i++) {
      for (const [kind, address] of [
        ["known", email],
        ["unknown", fresh()],
      ] as const) {
        const start = performance.now();
        await signIn(address, `${PASSWORD} ${i}`);
        fastest[kind] = Math.min(fastest[kind], performance.now() - start);
      }
    }
    const ratio = fastest.known / fastest.unknown;
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  test.each([[[]], [[null, null]], [["a@example.com"]], [[{}, []]], [["a@example.com", ""]]])(
    "with %j it is INVALID_CREDENTIALS",
    async (args) => {
      expect(await call("authenticateUser", ...args)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    },
  );

  test("a disabled user is refused like a wrong password", async () => {
    const { userId, email } = await newUser();
    await people.disable(userId);
    expect(await signIn(email)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
  });

  test("a database that is not there is an internal error, not a wrong password", async () => {
    await people.db.prepare("ALTER TABLE sign_in_attempts RENAME TO gone").run();
    await expect(signIn(fresh())).rejects.toThrow(/^Error: internal$/);
    await people.db.prepare("ALTER TABLE gone RENAME TO sign_in_attempts").run();
  });

  test("after ten failures even the right password must wait, seconds later it is good again", async () => {
    const { email } = await newUser();
    for (let i = 0; i < 10; i++)
      expect(await signIn(email, `wrong ${i}`)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    expect(await signIn(email)).toEqual({ valid: false, error: "RATE_LIMITED" });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await signIn(email)).toMatchObject({ valid: true });
    expect(await signIn(email)).toMatchObject({ valid: true });
  }, 20_000);

  test("pauses grow to a quarter of an hour and no further, and a try during a pause does not prolong it", async () => {
    const email = fresh();
    let now = 1_900_000_000;
    const pauses: number[] = [];
    for (let i = 0; i < 22; i++) {
      expect(await mayAttempt(people.db, email, now)).toBe(true);
      const pause = Math.max(0, ((await stored(email))?.next_at ?? 0) - now);
      if (pause > 0) expect(await mayAttempt(people.db, email, now + pause - 1)).toBe(false);
      pauses.push(pause);
      now += pause;
    }
    expect(pauses.slice(0, 9)).toEqual(Array(9).fill(0));
    expect(pauses.slice(9)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]);
    expect(await mayAttempt(people.db, email, now + 7200)).toBe(true);
    expect(await stored(email)).toMatchObject({ attempts: 1 });
  }, 60_000);

  test.each(["somebody", "nobody"])(
    "of thirty guesses at %s's password at once after a pause, one is made, and then there is the next pause",
    async (whose) => {
      const email = whose === "somebody" ? (await newUser()).email : fresh();
      // A pause after the fifteenth is a minute long, so that no machine is too slow for this test.
      const now = Math.floor(Date.now() / 1000);
      await people.db
        .prepare("INSERT INTO sign_in_attempts VALUES (?, 14, ?, ?)")
        .bind(hash(email), now, now + 3600)
        .run();
      const replies = await Promise.all(Array.from({ length: 30 }, (_, i) => signIn(email, `a wrong guess ${i}`)));
      expect(replies.filter((reply) => !reply.valid && reply.error === "INVALID_CREDENTIALS")).toHaveLength(1);
      expect(replies.filter((reply) => !reply.valid && reply.error === "RATE_LIMITED")).toHaveLength(29);
      const paused = await stored(email);
      expect(paused?.attempts).toBe(15);
      expect(await signIn(email)).toEqual({ valid: false, error: "RATE_LIMITED" });
      expect(await stored(email)).toEqual(paused);
      await people.db
        .prepare("UPDATE sign_in_attempts SET next_at = ? WHERE email_hash = ?")
        .bind(now, hash(email))
        .run();
      expect(await signIn(email)).toMatchObject(
        whose === "somebody" ? { valid: true } : { valid: false, error: "INVALID_CREDENTIALS" },
      );
      expect(await stored(email)).toEqual(whose === "somebody" ? null : { attempts: 16, next_at: expect.any(Number) });
    },
  );

  test("of a hundred attempts in parallel, ten are made", async () => {
    const email = fresh();
    const allowed = await Promise.all(Array.from({ length: 100 }, () => mayAttempt(people.db, email, 1_900_000_000)));
    expect(allowed.filter(Boolean)).toHaveLength(10);
  });
});

const stored = (email: string) =>
  people.db
    .prepare("SELECT attempts, next_at FROM sign_in_attempts WHERE email_hash = ?")
    .bind(hash(email))
    .first<{ attempts: number; next_at: number }>();
const hash = (text: string) => createHash("sha256").update(text).digest("base64url");
