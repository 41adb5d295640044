// Deployment: the settings that it refuses, and the content of a production bundle.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { bindingLines, productionVariables, replacedBy } from "../../entrypoints/cli/deploy.ts";
import {
  CONFIGS,
  ROOT,
  readConfig,
  servicesOf,
  variablesOf,
  withOwnBackends,
  writeAdaptedConfig,
} from "../../entrypoints/cli/workers.ts";
import { runWrangler } from "../../entrypoints/cli/wrangler.ts";
import { startCloudflareApi } from "../support/cloudflare-api.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";

const HOST = "mcp.stackbilt.dev";

it("refuses a variable that has only its value for development", () => {
  expect(() => productionVariables("gateway", HOST, {})).toThrow(/^Set AUTH_BASE_URL in the environment/);
  expect(() => productionVariables("auth", "auth.stackbilt.dev", {})).toThrow(
    /^Set SOCIAL_RETURN_URLS in the environment/,
  );
  expect(() => productionVariables("img-forge", undefined, {})).toThrow(/^Set IMAGE_BASE_URL in the environment/);
});

it("refuses an origin without TLS", () => {
  expect(() => productionVariables("gateway", HOST, { AUTH_BASE_URL: "http://auth.stackbilt.dev" })).toThrow(
    /must begin with https/,
  );
});

it("requires PUBLIC_SIGNUPS_ENABLED for the gateway", () => {
  expect(() => productionVariables("gateway", HOST, { AUTH_BASE_URL: "https://auth.stackbilt.dev" })).toThrow(
    /^Set PUBLIC_SIGNUPS_ENABLED/,
  );
});

it("refuses an id that is for development only", () => {
  const environment = { AUTH_BASE_URL: "https://auth.stackbilt.dev", PUBLIC_SIGNUPS_ENABLED: "false" };
  expect(() => productionVariables("gateway", HOST, environment)).toThrow(/kv namespace create/);
});

it("builds the auth Worker without the local provider", async () => {
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
    expect(local).toEqual(expect.arrayContaining(["local.ts", "local-provider.ts"]));
    expect(production.filter((file) => file.startsWith("local-provider") || file === "local.ts")).toEqual([]);
    expect(production).toContain("worker.ts");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("copies a config with every variable and the new origin", () => {
  const target = path.join(ROOT, ".test/bundle/gateway.toml");
  writeAdaptedConfig("gateway", target, { origin: "http://localhost:9000" });
  const copy = readFileSync(target, "utf8");
  expect(variablesOf(copy)).toMatchObject({
    API_BASE_URL: "http://localhost:9000",
    AUTH_BASE_URL: "http://localhost:9000",
  });
  expect(variablesOf(copy).ALLOWED_ORIGINS).toBe("http://localhost:6274,http://127.0.0.1:6274");
});

it("builds the auth Worker without its binding to the gateway, for the first deployment", async () => {
  const config = path.join(ROOT, ".test/first/wrangler.toml");
  writeAdaptedConfig("auth", config, { unbound: "stackbilt-mcp-gateway" });
  const bindingsOf = async (file: string) => {
    const { code, output } = await runWrangler(["deploy", "--dry-run", "-c", file]);
    expect(code).toBe(0);
    return [output.includes("env.DB"), output.includes("env.GATEWAY_ADMIN")];
  };
  expect(await bindingsOf(config)).toEqual([true, false]);
  expect(await bindingsOf(path.join(ROOT, CONFIGS.auth))).toEqual([true, true]);
});

it("says before an upload which version it replaces", async () => {
  const api = await startCloudflareApi(new Map([["stackbilt-reference-auth", new Map()]]));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    api.close();
  });
  for (const [name, value] of Object.entries(api.environment)) vi.stubEnv(name, value);
  expect(await replacedBy("stackbilt-reference-auth")).toBe(
    "  It replaces the version of 2026-11-01T00:00:00.000Z by ada@example.com.",
  );
  expect(await replacedBy("stackbilt-reference-audit")).toBe("  It is a new Worker.");
  api.close();
  vi.stubEnv("CLOUDFLARE_API_TOKEN", "");
  expect(await replacedBy("stackbilt-reference-auth")).toContain("does not say");
});

it("binds the Workers that wrangler.toml names, and those of this repository on a developer's machine", async () => {
  const copy = copyRepository();
  onTestFinished(() => removeCopy(copy));
  const file = path.join(copy, "wrangler.toml");
  const products = ["stackbilt-auth", "edge-stack-architect-v2", "img-forge-mcp", "stackbilt-reference-audit"];
  const before = readConfig("gateway");
  const changed = products.reduce(
    (toml, name, at) => toml.replace(servicesOf(before)[at]?.service ?? "", name),
    before,
  );
  writeFileSync(file, changed);
  const { code, output } = await runWrangler(["deploy", "--dry-run", "-c", file]);
  expect(code).toBe(0);
  for (const name of products) expect(output).toContain(name);
  expect(bindingLines(changed).slice(0, 4)).toEqual([
    "  AUTH_SERVICE is stackbilt-auth, AuthEntrypoint: an existing Worker, not of this repository",
    "  STACKBILDER is edge-stack-architect-v2, StackbilderEntrypoint: an existing Worker, not of this repository",
    "  IMG_FORGE is img-forge-mcp, ImgForgeEntrypoint: an existing Worker, not of this repository",
    "  AUDIT is stackbilt-reference-audit, AuditEntrypoint",
  ]);
  expect(withOwnBackends(changed)).toBe(before);
});
