// The bundles that wrangler uploads: what is in them, what they bind, and their source maps.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { bindingLines } from "../../entrypoints/cli/deploy.ts";
import { sourceMapIn, withPlaces } from "../../entrypoints/cli/place.ts";
import {
  CONFIGS,
  ROOT,
  readConfig,
  servicesOf,
  withOwnBackends,
  writeAdaptedConfig,
} from "../../entrypoints/cli/workers.ts";
import { runWrangler } from "../../entrypoints/cli/wrangler.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";

/** The file in which a text of a minified bundle stands, if it stands in the line that is named. */
function placeOf(text: string, built: string, folder: string): string | undefined {
  const before = built.slice(0, built.indexOf(text)).split("\n");
  const [, file = "", line] =
    /^at x \((.+):(\d+):\d+\)$/.exec(
      withPlaces(`at x (worker.js:${before.length}:${(before.at(-1)?.length ?? 0) + 1})`, sourceMapIn(folder)),
    ) ?? [];
  return readFileSync(path.join(ROOT, file), "utf8").split("\n")[Number(line) - 1]?.includes(text) ? file : undefined;
}

it("builds the auth Worker without the local provider, and with a source map of this repository", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "bundle-"));
  try {
    const inputsOf = async (config: string, name: string) => {
      const metafile = path.join(folder, name, "meta.json");
      const output = ["--outdir", path.join(folder, name), "--metafile", metafile];
      const args = ["deploy", "--dry-run", "--minify", "-c", config, ...output];
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
    const built = readFileSync(path.join(folder, "production/worker.js"), "utf8");
    expect(placeOf("Set both or neither", built, path.join(folder, "production"))).toBe("entrypoints/auth/settings.ts");
  } finally {
    rmSync(folder, { recursive: true });
  }
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
