// Deployment: the settings that it refuses, and the content of a production bundle.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { productionVariables } from "../../entrypoints/cli/deploy.ts";
import { CONFIGS, ROOT, variablesOf, writeAdaptedConfig } from "../../entrypoints/cli/workers.ts";
import { runWrangler } from "../../entrypoints/cli/wrangler.ts";

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
