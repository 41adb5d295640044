// Better Auth's password hash at a thousandth of its cost, in the same format: what it computes at
// full cost, a tenth of a second each time, is the same for every test. test/slow has the real one.
import { randomBytes, scryptSync } from "node:crypto";

const COST = { N: 16, r: 16, p: 1 };

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16).toString("hex");
  return `${salt}:${digestOf(password, salt)}`;
}

export async function verifyPassword(hash: string, password: string): Promise<boolean> {
  const [salt = "", digest] = hash.split(":");
  return digestOf(password, salt) === digest;
}

function digestOf(password: string, salt: string): string {
  return scryptSync(password.normalize("NFKC"), salt, 64, COST).toString("hex");
}
