// The operator's file with the root secret: which one a command takes, and one command at a time.
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { claimSecretsFile } from "../../entrypoints/cli/secret-file.ts";
import { refuseWeakSecrets } from "../../entrypoints/cli/setup/steps.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "secrets-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const fileWith = (text: string, mode = 0o600) => {
  const file = path.join(folder, "gateway.env");
  writeFileSync(file, text, { mode });
  return file;
};

it("refuses a folder, a folder that does not exist, a file of others, and one in the repository", () => {
  expect(() => claimSecretsFile(folder)).toThrow(`${folder} is not a file: name one with --secrets.`);
  expect(() => claimSecretsFile(path.join(folder, "none/x.env"))).toThrow(/none is no folder .* \(ENOENT\)/);
  expect(() => claimSecretsFile(fileWith("", 0o644))).toThrow(/Others can read .*: run `chmod 600` on it/);
  expect(() => claimSecretsFile(path.join(ROOT, "gateway.env"))).toThrow("outside of the repository");
});

it("gives the file to one command at a time, also by another name, and again after a crash", () => {
  const file = fileWith("");
  const link = path.join(folder, "link.env");
  symlinkSync(file, link);
  writeFileSync(`${file}.lock`, String(process.ppid));
  for (const name of [file, link]) expect(() => claimSecretsFile(name)).toThrow(/Another command uses .*: wait for/);
  writeFileSync(`${file}.lock`, "999999999"); // no system gives such an id
  claimSecretsFile(file);
  claimSecretsFile(file);
  expect(existsSync(`${file}.lock`)).toBe(true);
});

it("names a secret that the gateway would refuse", () => {
  expect(() => refuseWeakSecrets(fileWith("HEALTH_TOKEN=short\n"))).toThrow(/HEALTH_TOKEN must be at least 32 bytes/);
  expect(() => refuseWeakSecrets(fileWith(`SERVICE_BINDING_SECRET=${"change-me".repeat(5)}\n`))).toThrow("placeholder");
  refuseWeakSecrets(fileWith(`HEALTH_TOKEN=${"0123456789abcdef".repeat(2)}\nOTHER=x\n`));
});
