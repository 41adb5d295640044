// The test projects, each for folders of test/. `src` runs inside workerd with the gateway's own
// bindings, all others in Node. `npm test` runs `src` and `fast`.
import path from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { AUDIENCES, configured, ROOT, serviceOf, workerName, writeAdaptedConfig } from "../entrypoints/cli/workers.ts";
import { EVENTUALLY } from "./support/eventually.ts";

/**
 * A project. `timeoutMs` is for one test; hooks, which start Workers, get twice that. Three files
 * run at a time, as a file also waits; the files of a process share modules, and so the system that
 * test/support/system.ts starts.
 */
function project(
  name: string,
  timeoutMs: number,
  { folders = [name], plugins = [] }: { folders?: string[]; plugins?: TestProjectInlineConfiguration["plugins"] } = {},
): TestProjectInlineConfiguration {
  return {
    plugins,
    test: {
      name,
      include: folders.map((folder) => `test/${folder}/**/*.test.ts`),
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs * 2,
      expect: { poll: EVENTUALLY },
      isolate: false,
      maxWorkers: 3,
    },
  };
}

/**
 * Takes the place of a backend where only the gateway's own logic is tested: it has no method, so
 * every call to it fails.
 */
const absent = (entrypoint: string) => `
  import { WorkerEntrypoint } from "cloudflare:workers";
  export class ${entrypoint} extends WorkerEntrypoint {}
  export default {};
`;

/**
 * The auth Worker for the gateway's Durable Objects, which have no other one. It knows every user;
 * the id says what is wrong with the user or with the service, at once or from the second question
 * on ("later"). A code's redemption is the first question, a refresh the next one.
 */
const auth = (entrypoint: string) => `
  import { WorkerEntrypoint } from "cloudflare:workers";
  const asked = new Map();
  export class ${entrypoint} extends WorkerEntrypoint {
    async getUser(call, { userId }) {
      const times = (asked.get(userId) ?? 0) + 1;
      asked.set(userId, times);
      const is = (state) => userId.startsWith("u_" + state) && (times > 1 || !userId.includes("_later"));
      if (is("gone")) return { ok: false, error: { code: "user_not_found" } };
      if (is("down") && times === (userId.includes("_later") ? 2 : 1)) throw new Error("a secret of the auth Worker");
      const standing = { isActive: !is("disabled"), isDelinquent: is("owing"), sessionVersion: is("raised") ? 1 : 0 };
      const signedOutAtMs = is("signedout") ? Date.now() : 0;
      return { ok: true, value: { userId, tenantId: "t_" + userId, email: "ada@example.com", name: "Ada", tier: "pro", ...standing, signedOutAtMs } };
    }
  }
  export default {};
`;

const insideWorkerd = cloudflareTest({
  // Without this, workerd prints each exception that a test provokes; the test sees it anyway.
  verbose: false,
  // A copy, because wrangler would read the developer's own .dev.vars beside the original.
  wrangler: { configPath: writeAdaptedConfig("gateway", path.join(ROOT, ".test/src/wrangler.toml"), {}) },
  miniflare: {
    cf: false,
    bindings: { SERVICE_BINDING_SECRET: "a root secret that only these tests know, 32+" },
    workers: AUDIENCES.map((worker) => ({
      name: workerName(worker),
      modules: [
        {
          type: "ESModule" as const,
          path: `${worker}.mjs`,
          contents: (worker === "auth" ? auth : absent)(serviceOf(worker).entrypoint),
        },
      ],
      compatibilityDate: configured("gateway", "compatibility_date"),
    })),
  },
});

export default defineConfig({
  test: {
    // Logs are shown with the failed test that produced them, and only then.
    silent: "passed-only",
    // Cached modules lose their source maps inside workerd, so a failure would point at a wrong
    // line.
    fsModuleCache: false,
    projects: [
      project("src", 60_000, { plugins: [insideWorkerd] }),
      project("fast", 60_000, { folders: ["backends", "cli", "contracts", "e2e", "pins"] }),
      project("conformance", 60_000),
      project("browser", 120_000),
      project("slow", 120_000),
    ],
  },
});
