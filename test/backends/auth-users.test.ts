// Sign-up and sign-in with a password, at the auth Worker over real RPC, on its own database.
import { createHash, randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { countAttempt } from "../../entrypoints/auth/sign-in-attempts.ts";
import { newEmail, PASSWORD, useAuth } from "../support/auth-worker.ts";

const worker = useAuth();
const { call, register, signIn, newUser } = worker;

describe("sign-up", () => {
  it("creates a user who can sign in", async () => {
    const email = newEmail();
    const user = await register(email, PASSWORD, "Ada Lovelace");
    expect(user).toEqual({
      valid: true,
      userId: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
      email,
      name: "Ada Lovelace",
    });
    expect(await signIn(email)).toEqual(user);
  });

  it("returns EMAIL_EXISTS for a taken address in any capitalization", async () => {
    const { email } = await newUser();
    expect(await register(email.toUpperCase())).toEqual({ valid: false, error: "EMAIL_EXISTS" });
  });

  it("succeeds exactly once for parallel requests with one address", async () => {
    const email = newEmail();
    const replies = await Promise.all(Array.from({ length: 5 }, (_, i) => register(email, `${PASSWORD} number ${i}`)));
    expect(replies.filter((reply) => reply.valid)).toHaveLength(1);
    expect(replies.filter((reply) => !reply.valid && reply.error === "EMAIL_EXISTS")).toHaveLength(4);
    expect(await signIn(email, `${PASSWORD} number ${replies.findIndex((reply) => reply.valid)}`)).toMatchObject({
      valid: true,
    });
  });

  it("accepts names and addresses in any script, and normalizes composed characters", async () => {
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

  it.each([
    ["14 characters", "fourteen chars"],
    ["a repeated pattern", "abababababababab"],
    ["a padded obvious word", "Password-Password-1!"],
    ["a row of keys", "qwertyuiopasdfghjkl"],
    ["the user's own name", "ada.lovelace-ada.lovelace"],
    ["more than 1,024 bytes", "long enough ".repeat(100)],
    ["not a string", 15],
  ])("refuses a password that is %s", async (_, password) => {
    expect(await call("registerUser", "Ada Lovelace", "ada.lovelace@example.com", password)).toEqual({
      valid: false,
      error: "WEAK_PASSWORD",
    });
  });

  it("names a weak password before it tells of an address", async () => {
    const { email } = await newUser();
    expect(await register(email, "password1234567")).toEqual({ valid: false, error: "WEAK_PASSWORD" });
  });

  it.each(["no-at-sign", "two@at@example.com", "a@localhost", " spaced@example.com", `${"a".repeat(250)}@example.com`])(
    "refuses the address %j",
    async (email) => {
      expect(await register(email)).toEqual({ valid: false, error: "EMAIL_NOT_USABLE" });
    },
  );

  it.each(["", "A\u202Eda", "x".repeat(101), { toString: 1 }])("refuses the name %j", async (name) => {
    expect(await call("registerUser", name, newEmail(), PASSWORD)).toEqual({ valid: false, error: "NAME_NOT_USABLE" });
  });

  it("accepts an address that a failed sign-up left behind", async () => {
    const email = newEmail();
    const past = "2026-01-01T00:00:00.000Z";
    await worker.db
      .prepare(
        "INSERT INTO user (id, name, email, emailVerified, createdAt, updatedAt, sessionVersion) VALUES (?, 'Half', ?, 0, ?, ?, 0)",
      )
      .bind(randomUUID(), email, past, past)
      .run();
    expect(await register(email)).toMatchObject({ valid: true, name: "Ada" });
    expect(await signIn(email)).toMatchObject({ valid: true, name: "Ada" });
  });

  it("throws internal and leaves no user behind when the second insert fails", async () => {
    const email = newEmail();
    await worker.db
      .prepare("CREATE TRIGGER broken BEFORE INSERT ON account BEGIN SELECT RAISE(ABORT, 'broken'); END")
      .run();
    await expect(register(email)).rejects.toThrow(/^Error: internal$/);
    await worker.db.prepare("DROP TRIGGER broken").run();
    expect(await worker.db.prepare("SELECT id FROM user WHERE email = ?").bind(email).first()).toBeNull();
    expect(await register(email)).toMatchObject({ valid: true });
  });
});

describe("sign-in", () => {
  it("returns the same error for a wrong password and an unknown address", async () => {
    const { email } = await newUser();
    expect(await signIn(email, "another green turtle")).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    expect(await signIn(newEmail())).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
  });

  it.each([[[]], [[null, null]], [["a@example.com"]], [[{}, []]], [["a@example.com", ""]]])(
    "returns INVALID_CREDENTIALS for the arguments %j",
    async (args) => {
      expect(await call("authenticateUser", ...args)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    },
  );

  it("refuses a disabled user like a wrong password", async () => {
    const { userId, email } = await newUser();
    await worker.disable(userId);
    expect(await signIn(email)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
  });

  it("throws internal when the database fails, not a wrong password", async () => {
    await worker.db.prepare("ALTER TABLE sign_in_attempts RENAME TO gone").run();
    await expect(signIn(newEmail())).rejects.toThrow(/^Error: internal$/);
    await worker.db.prepare("ALTER TABLE gone RENAME TO sign_in_attempts").run();
  });

  it("refuses even the right password during the pause after failures, and accepts it afterwards", async () => {
    const { email } = await newUser();
    await countFailures(email);
    expect(await signIn(email, "a wrong guess")).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    expect(await signIn(email)).toEqual({ valid: false, error: "RATE_LIMITED" });
    await endPause(email);
    expect(await signIn(email)).toMatchObject({ valid: true });
    expect(await signIn(email)).toMatchObject({ valid: true });
  });

  it("doubles each pause up to 15 minutes, and does not extend a pause for an attempt during it", async () => {
    const email = newEmail();
    let now = 1_900_000_000;
    const pauses: number[] = [];
    for (let i = 0; i < 22; i++) {
      expect(await countAttempt(worker.db, { email }, now)).toBe(true);
      const pause = Math.max(0, ((await counterOf(email))?.next_at ?? 0) - now);
      if (pause > 0) expect(await countAttempt(worker.db, { email }, now + pause - 1)).toBe(false);
      pauses.push(pause);
      now += pause;
    }
    expect(pauses.slice(0, 9)).toEqual(Array(9).fill(0));
    expect(pauses.slice(9)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]);
    expect(await countAttempt(worker.db, { email }, now + 7200)).toBe(true);
    expect(await counterOf(email)).toMatchObject({ attempts: 1 });
  });

  it.each(["a known", "an unknown"])(
    "checks one of thirty parallel guesses at %s address after a pause, and starts the next pause",
    async (kind) => {
      const email = kind === "a known" ? (await newUser()).email : newEmail();
      await countFailures(email);
      const replies = await Promise.all(Array.from({ length: 30 }, (_, i) => signIn(email, `a wrong guess ${i}`)));
      expect(replies.filter((reply) => !reply.valid && reply.error === "INVALID_CREDENTIALS")).toHaveLength(1);
      expect(replies.filter((reply) => !reply.valid && reply.error === "RATE_LIMITED")).toHaveLength(29);
      const paused = await counterOf(email);
      expect(paused?.attempts).toBe(15);
      expect(await signIn(email)).toEqual({ valid: false, error: "RATE_LIMITED" });
      expect(await counterOf(email)).toEqual(paused);
      await endPause(email);
      expect(await signIn(email)).toMatchObject(
        kind === "a known" ? { valid: true } : { valid: false, error: "INVALID_CREDENTIALS" },
      );
      expect(await counterOf(email)).toEqual(kind === "a known" ? null : { attempts: 16, next_at: expect.any(Number) });
    },
  );

  it("accepts a known browser while a stranger guesses, and limits what is guessed in its name", async () => {
    const { email } = await newUser();
    const from = (knownBrowser: string, password: string) =>
      call("authenticateUser", email, password, { knownBrowser });
    await countFailures(email);
    await signIn(email, "a wrong guess");
    expect(await signIn(email)).toEqual({ valid: false, error: "RATE_LIMITED" });
    expect(await from("browser-1", PASSWORD)).toMatchObject({ valid: true, email });
    expect(await signIn(email)).toEqual({ valid: false, error: "RATE_LIMITED" });
    await countFailures(`${email}\nbrowser-2`);
    await from("browser-2", "a wrong guess");
    expect(await from("browser-2", PASSWORD)).toEqual({ valid: false, error: "RATE_LIMITED" });
    expect(await from("browser-1", PASSWORD)).toMatchObject({ valid: true });
  });

  it("allows ten of a hundred parallel attempts", async () => {
    const email = newEmail();
    const allowed = await Promise.all(
      Array.from({ length: 100 }, () => countAttempt(worker.db, { email }, 1_900_000_000)),
    );
    expect(allowed.filter(Boolean)).toHaveLength(10);
  });
});

describe("an address with a domain that is not Latin", () => {
  const spellings = (local: string) => [
    `${local}@bücher.example`,
    `${local}@bücher.example`.normalize("NFD"),
    `${local}@BÜCHER.EXAMPLE`,
    `${local}@xn--bcher-kva.example`,
    `${local}@XN--BCHER-KVA.example`,
    `${local}@bücher。example`,
    `${local}@bücher．example`,
    `${local}@bücher.example.`,
  ];

  it("is one account in every spelling, at sign-up and sign-in, and is shown as people write it", async () => {
    for (const first of [0, 3]) {
      const local = randomUUID();
      const all = spellings(local);
      const user = await register(all[first] ?? "");
      expect(user).toMatchObject({ valid: true, email: `${local}@bücher.example` });
      for (const spelling of all) {
        expect(await signIn(spelling), spelling).toEqual(user);
        expect(await register(spelling), spelling).toEqual({ valid: false, error: "EMAIL_EXISTS" });
      }
    }
  });

  it("is not decoded, as part of a URL, to the address of another", async () => {
    const local = randomUUID();
    for (const domain of ["example.com/path", "exa%6Dple.com", "example.com:80"])
      expect(await register(`${local}@${domain}`)).toMatchObject({ email: `${local}@${domain}`.toLowerCase() });
  });

  it("has one counter of attempts", async () => {
    const all = spellings(randomUUID());
    await countFailures(all[3] ?? "");
    await signIn(all[4] ?? "", "a wrong guess");
    for (const spelling of all) expect(await signIn(spelling)).toEqual({ valid: false, error: "RATE_LIMITED" });
  });

  it("keeps the accounts that an earlier version made for it, also two for two spellings", async () => {
    const local = randomUUID();
    const [unicode = "", , , ascii = ""] = spellings(local);
    const older: string[] = [];
    for (const [spelling, password] of [
      [unicode, PASSWORD],
      [ascii, `${PASSWORD} too`],
    ] as const) {
      const email = newEmail();
      const user = await register(email, password);
      await worker.db.prepare("UPDATE user SET email = ? WHERE email = ?").bind(spelling, email).run();
      if (user.valid) older.push(user.userId);
    }
    for (const spelling of spellings(local)) {
      expect(await signIn(spelling)).toMatchObject({ valid: true, userId: older[0] });
      expect(await signIn(spelling, `${PASSWORD} too`)).toMatchObject({
        valid: true,
        userId: older[1],
        email: unicode,
      });
      expect(await register(spelling)).toEqual({ valid: false, error: "EMAIL_EXISTS" });
    }
  });
});

/**
 * Counts 14 failures, none of them in a pause. The pause after the next one is 64 seconds, longer
 * than a test on a slow machine.
 */
async function countFailures(counter: string): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  await worker.db
    .prepare("INSERT INTO sign_in_attempts VALUES (?, 14, ?, ?)")
    .bind(hash(counter), now, now + 3600)
    .run();
}

async function endPause(email: string): Promise<void> {
  await worker.db.prepare("UPDATE sign_in_attempts SET next_at = 0 WHERE email_hash = ?").bind(hash(email)).run();
}

const counterOf = (email: string) =>
  worker.db
    .prepare("SELECT attempts, next_at FROM sign_in_attempts WHERE email_hash = ?")
    .bind(hash(email))
    .first<{ attempts: number; next_at: number }>();
const hash = (text: string) => createHash("sha256").update(text).digest("base64url");
