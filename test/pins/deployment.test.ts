// Names and numbers in the wrangler.toml files that deployed systems depend on, pinned as literals.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type Audience, BACKENDS } from "../../contracts/backends.ts";
import { AUDIENCES, CONFIGS, ROOT, serviceOf, WORKERS, type WorkerKey } from "../../entrypoints/cli/workers.ts";

/** Each backend's deployed name and entrypoint. A backend of contracts/backends.ts needs a row. */
const DEPLOYED: Readonly<Record<Audience, string>> = {
  auth: "stackbilt-reference-auth#AuthEntrypoint",
  stackbilder: "stackbilt-reference-stackbilder#StackbilderEntrypoint",
  "img-forge": "stackbilt-reference-img-forge#ImgForgeEntrypoint",
  audit: "stackbilt-reference-audit#AuditEntrypoint",
};

describe("names that other systems depend on", () => {
  const text = (worker: WorkerKey) => readFileSync(path.join(ROOT, CONFIGS[worker]), "utf8");
  const values = (source: string, key: string) =>
    Array.from(source.matchAll(new RegExp(`^${key} = "([^"]+)"`, "gm")), ([, value]) => value);

  it("every Worker pins the same compatibility date", () => {
    expect(WORKERS).toEqual(["local", "gateway", ...AUDIENCES]);
    for (const worker of WORKERS) expect(values(text(worker), "compatibility_date"), worker).toEqual(["2026-08-04"]);
  });

  it("the gateway has its deployed name, and so has the local router", () => {
    expect([values(text("gateway"), "name")[0], values(text("local"), "name")[0]]).toEqual([
      "stackbilt-mcp-gateway",
      "stackbilt-local",
    ]);
  });

  it.each(AUDIENCES)("the backend %s has the name and the entrypoint that the gateway binds", (audience) => {
    const row = DEPLOYED[audience] ?? "no row";
    expect(row, `Add a row for "${audience}" to DEPLOYED in this file: "deployed name#entrypoint".`).not.toBe("no row");
    const { service, entrypoint } = serviceOf(audience);
    expect([`${service}#${entrypoint}`, values(text(audience), "name")[0]]).toEqual([row, service]);
    const main = path.join(ROOT, path.dirname(CONFIGS[audience]), values(text(audience), "main")[0] ?? "");
    expect(readFileSync(main, "utf8")).toContain(`export class ${entrypoint} `);
  });

  it("the gateway binds its backends, queue and storage", () => {
    const source = text("gateway");
    expect([...values(source, "binding"), ...values(source, "class_name")]).toEqual([
      "OAUTH_KV",
      "PLATFORM_EVENTS_QUEUE",
      ...Object.keys(BACKENDS),
      "OneTimeMark",
      "GrantObject",
      "UserObject",
      "RateCounter",
      "McpSessionObject",
      "AuditLogObject",
      "ErasureObject",
    ]);
    expect(values(source, "queue")).toEqual(["stackbilt-user-events"]);
    expect(source).not.toMatch(/^routes?\b/m);
  });

  it("each limit per minute is named after its number and has a namespace of its own", () => {
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
