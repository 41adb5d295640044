// Which room may import which, where the compiler does not see to it, and the names that other systems depend on.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { CONFIGS, ROOT, readConfig, type WorkerKey } from "../../entrypoints/cli/workers.ts";

const files = readdirSync(ROOT, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
  .filter((file) => /^(contracts|src|entrypoints)\//.test(file))
  .toSorted();

/** What a file imports: packages by name, files by their path from the root. */
function importsOf(file: string): string[] {
  const source = readFileSync(path.join(ROOT, file), "utf8");
  const found = Array.from(source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g), ([, target = ""]) => target);
  return found.map((target) => (target.startsWith(".") ? path.join(path.dirname(file), target) : target));
}

const importers = (matches: (target: string) => boolean) => files.filter((file) => importsOf(file).some(matches));
const room = (folder: string) => files.filter((file) => file.startsWith(folder));

describe("the rooms of the house", () => {
  it.each([
    ["src/mcp/", /^src\/(oauth|tools|pipeline|audit|resources|prompts)\//],
    ["src/oauth/", /^src\/(mcp|tools|pipeline|resources|prompts)\//],
    ["src/tools/", /^src\/(mcp|oauth|pipeline|audit|prompts)\//],
    ["src/resources/", /^src\/(mcp|oauth|pipeline|audit|tools|prompts)\//],
    ["src/prompts/", /^src\/(mcp|oauth|pipeline|audit|tools|resources)\//],
    ["src/pipeline/", /^src\/(mcp|oauth)\//],
    ["src/audit/", /^src\/(mcp|oauth|pipeline|resources|prompts)\//],
  ])("%s does not know %s", (folder, foreign) => {
    expect(room(folder).length).toBeGreaterThan(0);
    for (const file of room(folder))
      expect(
        importsOf(file).filter((target) => foreign.test(target)),
        file,
      ).toEqual([]);
  });

  it("contracts import valibot and each other, nothing else", () => {
    for (const file of room("contracts/")) {
      expect(
        importsOf(file).filter((target) => target !== "valibot" && !target.startsWith("contracts/")),
        file,
      ).toEqual([]);
    }
  });

  it("a library has one door", () => {
    expect(
      importers((target) => target === "@cloudflare/workers-oauth-provider").filter(
        (file) => !/^src\/(oauth|durable)\//.test(file),
      ),
    ).toEqual([]);
    expect(
      importers((target) => target === "cloudflare:workers").filter((file) => !file.startsWith("entrypoints/")),
    ).toEqual([
      "src/durable/grant-object.ts",
      "src/durable/mcp-session-object.ts",
      "src/durable/one-time-mark.ts",
      "src/durable/rate-counter.ts",
      "src/durable/user-revocations.ts",
    ]);
    expect(importers((target) => target.startsWith("@modelcontextprotocol/"))).toEqual([]);
  });

  it("the local stand-in is imported by the development entry only", () => {
    expect(importers((target) => target === "entrypoints/auth/local-provider.ts")).toEqual([
      "entrypoints/auth/local.ts",
    ]);
  });
});

describe("names that other systems depend on", () => {
  const configs = (Object.keys(CONFIGS) as WorkerKey[]).map((worker) => readConfig(worker));
  const text = (worker: WorkerKey) => readFileSync(path.join(ROOT, CONFIGS[worker]), "utf8");
  const values = (source: string, key: string) =>
    Array.from(source.matchAll(new RegExp(`^${key} = "([^"]+)"`, "gm")), ([, value]) => value);

  it("every Worker pins one compatibility date", () => {
    expect(configs.length).toBe(5);
    for (const worker of Object.keys(CONFIGS) as WorkerKey[])
      expect(values(text(worker), "compatibility_date"), worker).toEqual(["2026-08-04"]);
  });

  it("Workers have the names they are deployed under", () => {
    expect(
      Object.fromEntries(
        (Object.keys(CONFIGS) as WorkerKey[]).map((worker) => [worker, values(text(worker), "name")[0]]),
      ),
    ).toEqual({
      local: "stackbilt-local",
      gateway: "stackbilt-mcp-gateway",
      auth: "stackbilt-auth",
      stackbilder: "edge-stack-architect-v2",
      "img-forge": "img-forge-mcp",
    });
  });

  it("the gateway binds what its backends and the platform are called", () => {
    const source = text("gateway");
    expect([...values(source, "binding"), ...values(source, "class_name")]).toEqual([
      "OAUTH_KV",
      "PLATFORM_EVENTS_QUEUE",
      "AUTH_SERVICE",
      "STACKBILDER",
      "IMG_FORGE",
      "OneTimeMark",
      "GrantObject",
      "UserRevocations",
      "RateCounter",
      "McpSessionObject",
    ]);
    expect(values(source, "service").map((service, at) => `${service}#${values(source, "entrypoint")[at]}`)).toEqual([
      "stackbilt-auth#AuthEntrypoint",
      "edge-stack-architect-v2#StackbilderEntrypoint",
      "img-forge-mcp#ImgForgeEntrypoint",
    ]);
    expect(values(source, "queue")).toEqual(["stackbilt-user-events"]);
    expect(source).not.toMatch(/^routes?\b/m);
  });

  it("each counter of a minute is named after its number, and counts alone", () => {
    const limits = Array.from(
      text("gateway").matchAll(
        /^\[\[ratelimits\]\]\nname = "(\w+)"\nnamespace_id = "(\d+)"\nsimple = \{ limit = (\d+), period = (\d+) \}$/gm,
      ),
      ([, name, namespace, limit, period]) => ({ name, namespace, limit, period }),
    );
    const numbers = [5, 10, 20, 30, 60, 300, 1000, 3000];
    expect(limits.map(({ name, limit, period }) => [name, limit, period])).toEqual(
      numbers.map((n) => [`LIMIT_${n}`, `${n}`, "60"]),
    );
    expect(new Set(limits.map(({ namespace }) => namespace)).size).toBe(numbers.length);
  });
});
