// Secrets of the local system: made once, kept, and derived again if the root secret changes.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseEnv } from "node:util";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { importIdentityKeys } from "../../contracts/rpc/verify.ts";
import { ensureLocalSecrets } from "../../entrypoints/cli/local-secrets.ts";
import { AUDIENCES } from "../../entrypoints/cli/workers.ts";

const GATEWAY = ".dev.vars";
const AUTH = "entrypoints/auth/.dev.vars";
const IMAGES = "entrypoints/img-forge/.dev.vars";
let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "secrets-"));
  for (const name of AUDIENCES) mkdirSync(path.join(root, "entrypoints", name), { recursive: true });
  onTestFinished(() => rmSync(root, { recursive: true }));
});

const read = (file: string) => parseEnv(readFileSync(path.join(root, file), "utf8"));

it("makes a root secret and derived keys in an empty checkout, readable by their owner only", async () => {
  expect(await ensureLocalSecrets(root)).toBe(true);
  expect(Buffer.from(read(GATEWAY).SERVICE_BINDING_SECRET ?? "", "base64url")).toHaveLength(32);
  expect(Buffer.from(read(AUTH).BETTER_AUTH_SECRET ?? "", "base64url")).toHaveLength(32);
  expect(await importIdentityKeys(read(IMAGES).IDENTITY_KEYS ?? "")).toHaveLength(1);
  expect(read(IMAGES).IDENTITY_KEYS).not.toBe(read(AUTH).IDENTITY_KEYS);
  expect(statSync(path.join(root, GATEWAY)).mode & 0o077).toBe(0);
});

it("changes nothing in a second run", async () => {
  await ensureLocalSecrets(root);
  const before = [GATEWAY, AUTH, IMAGES].map((file) => readFileSync(path.join(root, file), "utf8"));
  expect(await ensureLocalSecrets(root)).toBe(false);
  expect([GATEWAY, AUTH, IMAGES].map((file) => readFileSync(path.join(root, file), "utf8"))).toEqual(before);
});

it("keeps a developer's own lines and secrets, and derives keys from a new root secret", async () => {
  await ensureLocalSecrets(root);
  const keys = read(IMAGES).IDENTITY_KEYS;
  const own = `# mine\nPUBLIC_SIGNUPS_ENABLED=false\nSERVICE_BINDING_SECRET="${"s".repeat(20)}${"t".repeat(20)}"`;
  writeFileSync(path.join(root, GATEWAY), own);
  const better = read(AUTH).BETTER_AUTH_SECRET;
  await ensureLocalSecrets(root);
  expect(readFileSync(path.join(root, GATEWAY), "utf8")).toBe(own);
  expect(read(IMAGES).IDENTITY_KEYS).not.toBe(keys);
  expect(read(AUTH).BETTER_AUTH_SECRET).toBe(better);
});

it("lists both keys during a rotation, the current one first", async () => {
  await ensureLocalSecrets(root);
  const before = read(IMAGES).IDENTITY_KEYS ?? "";
  const old = read(GATEWAY).SERVICE_BINDING_SECRET;
  writeFileSync(
    path.join(root, GATEWAY),
    `SERVICE_BINDING_SECRET=${"n".repeat(31)}x\nSERVICE_BINDING_SECRET_PREVIOUS=${old}\n`,
  );
  await ensureLocalSecrets(root);
  const [current, previous] = (read(IMAGES).IDENTITY_KEYS ?? "").split(",");
  expect(previous).toBe(before);
  expect(current).not.toBe(before);
});
