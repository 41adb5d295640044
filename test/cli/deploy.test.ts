// What a deployment refuses, and what a production bundle does not contain.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { productionVariables } from "../../entrypoints/cli/deploy.ts";
import { CONFIGS, ROOT, variablesOf, writeAdaptedConfig } from "../../entrypoints/cli/workers.ts";
import { runWrangler } from "../../entrypoints/cli/wrangler.ts";

const HOST = "mcp.stackbilt.dev";

test("a variable that is for development only must be given", () => {
  expect(() => productionVariables("gateway", HOST, {})).toThrow(/^Set AUTH_BASE_URL in the environment/);
  expect(() => productionVariables("auth", "auth.stackbilt.dev", {})).toThrow(
    /^Set SOCIAL_RETURN_URLS in the environment/,
  );
  expect(() => productionVariables("img-forge", undefined, {})).toThrow(/^Set IMAGE_BASE_URL in the environment/);
});

test("an origin without TLS is refused", () => {
  expect(() => productionVariables("gateway", HOST, { AUTH_BASE_URL: "http://auth.stackbilt.dev" })).toThrow(
    /must begin with https/,
  );
});

test("whether people may sign in is said at every deployment", () => {
  expect(() => productionVariables("gateway", HOST, { AUTH_BASE_URL: "https://auth.stackbilt.dev" })).toThrow(
    /^Set PUBLIC_SIGNUPS_ENABLED/,
  );
});

test("an id that is for development only must be replaced", () => {
  const environment = { AUTH_BASE_URL: "https://auth.stackbilt.dev", PUBLIC_SIGNUPS_ENABLED: "false" };
  expect(() => productionVariables("gateway", HOST, environment)).toThrow(/kv namespace create/);
});

test("the auth Worker's production bundle knows no stand-in for GitHub and Google", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "bundle-"));
  try {
    const inputsOf = async (config: string, name: string) => {
      const metafile = path.join(folder, name, "meta.json");
      const args = ["deploy", "--dry-run", "-c", config, "--outdir", path.join(folder, name), "--metafile", metafile];
      expect(await runWrangler(args)).toMatchObject({ code: 0 });
      const { inputs } = JSON.parse(readFileSync(metafile, "utf8")) as { inputs: Record<string, unknown> };
      return Object.keys(inputs)
        .filter((file) => /entrypoints\/auth\/|^[a-z-]+\.ts$/.test(file))
        .map((file) => path.basename(file));
    };
    const local = await inputsOf(
      writeAdaptedConfig("auth", path.join(ROOT, ".test/bundle/wrangler.toml"), { main: "local.ts" }),
      "local",
    );
    const production = await inputsOf(path.join(ROOT, CONFIGS.auth), "production");
    expect(local).toEqual(expect.arrayContaining(["local.ts", "social-stand-in.ts"]));
    expect(production.filter((file) => file.includes("stand-in") || file === "local.ts")).toEqual([]);
    expect(production).toContain("worker.ts");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a copied config keeps every variable and names the new origin", () => {
  const target = path.join(ROOT, ".test/bundle/gateway.toml");
  writeAdaptedConfig("gateway", target, { origin: "http://localhost:9000" });
  const copy = readFileSync(target, "utf8");
  expect(variablesOf(copy)).toMatchObject({
    API_BASE_URL: "http://localhost:9000",
    AUTH_BASE_URL: "http://localhost:9000",
  });
  expect(variablesOf(copy).ALLOWED_ORIGINS).toBe("http://localhost:6274,http://127.0.0.1:6274");
});
