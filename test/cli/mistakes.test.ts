// Mistakes in the arguments of an operator's commands, which are found before anything is done.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { run as place, withPlaces } from "../../entrypoints/cli/place.ts";
import { run as rotate } from "../../entrypoints/cli/rotate.ts";
import { run as users } from "../../entrypoints/cli/users.ts";

it.each(["toString", "constructor", "__proto__"])("users has no command %s", async (name) => {
  await expect(users([name, "ada@example.com"])).rejects.toThrow(`There is no command "${name}"`);
});

it.each(["", "soon", "-1", "0.5", "Infinity", "1e9"])("a rotation does not wait %j seconds", async (settle) => {
  const folder = mkdtempSync(path.join(tmpdir(), "rotate-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "gateway.env");
  writeFileSync(file, "SERVICE_BINDING_SECRET=x\nHEALTH_TOKEN=x\n", { mode: 0o600 });
  const args = ["--remote", "--secrets", file, "--origin", "http://localhost:9", `--settle=${settle}`];
  await expect(rotate(args)).rejects.toThrow(`"${settle}" is not a number of seconds`);
});

it.each([[], [""], ["at x"], ["index.js"]])("place refuses %j, which has no place", async (...words) => {
  await expect(place(words)).rejects.toThrow("it has a place such as index.js:12:3456");
});

it("place names the mapping of a column, and leaves a place that is not in the bundle", () => {
  // Line 1 of the bundle: column 1 is a.ts:1:1, column 5 is a.ts:3:2.
  const map = new SourceMap({ version: 3, sources: ["a.ts"], names: [], mappings: "AAAA,IAEC" } as never); // Node's type asks for more
  expect(withPlaces("at x (index.js:1:9) at y (worker.js:1:2)", map)).toBe("at x (a.ts:3:2) at y (a.ts:1:1)");
  expect(withPlaces("at x (index.js:2:1)", map)).toBe("at x (index.js:2:1)");
});
