// The password hash of the auth Worker as it is deployed, at its full cost.
import { scryptSync } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AuthWorker, newEmail, PASSWORD, SECRET, startAuth } from "../support/auth-worker.ts";

let backend: AuthWorker;
beforeAll(async () => {
  backend = await startAuth({ BETTER_AUTH_SECRET: SECRET });
});
afterAll(() => backend?.stop());

const signIn = (email: string, password: string) => backend.invoke("authenticateUser", email, password);

/** Signs up with `PASSWORD`. Returns the address. */
async function newUser(): Promise<string> {
  const email = newEmail();
  expect(await backend.invoke("registerUser", "Ada", email, PASSWORD)).toMatchObject({ valid: true, email });
  return email;
}

it("stores a password as its scrypt hash, and no session", async () => {
  const email = await newUser();
  const { DB } = (await backend.worker.getEnv()) as { DB: D1Database };
  const stored = await DB.prepare("SELECT password FROM account JOIN user ON user.id = userId WHERE email = ?")
    .bind(email)
    .first<string>("password");
  const [salt = "", hash] = stored?.split(":") ?? [];
  expect(salt).toMatch(/^[0-9a-f]{32}$/);
  const cost = { N: 2 ** 14, r: 16, p: 1, maxmem: 2 ** 26 };
  expect(hash).toBe(scryptSync(PASSWORD, salt, 64, cost).toString("hex"));
  expect(await DB.prepare("SELECT count(*) AS n FROM session").first("n")).toBe(0);
  expect(await signIn(email, PASSWORD)).toMatchObject({ valid: true, email });
});

it("takes the same time for a wrong password and an unknown address", async () => {
  const email = await newUser();
  const fastest = { known: Number.POSITIVE_INFINITY, unknown: Number.POSITIVE_INFINITY };
  for (let i = 0; i < 8; i++) {
    for (const [kind, address] of [
      ["known", email],
      ["unknown", newEmail()],
    ] as const) {
      const start = performance.now();
      expect(await signIn(address, `${PASSWORD} ${i}`)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
      fastest[kind] = Math.min(fastest[kind], performance.now() - start);
    }
  }
  const ratio = fastest.known / fastest.unknown;
  expect(ratio).toBeGreaterThan(0.5);
  expect(ratio).toBeLessThan(2);
});
