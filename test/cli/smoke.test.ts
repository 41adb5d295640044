// `npm run smoke`, against servers that each have one fault. connect.test.ts and setup.test.ts have
// the real gateway.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { CliError } from "../../entrypoints/cli/cli-error.ts";
import { keysOfBackends } from "../../entrypoints/cli/production/deployed-system.ts";
import { run } from "../../entrypoints/cli/smoke.ts";

/** A reply: status, headers, body. */
type Reply = readonly [status: number, headers: Readonly<Record<string, string>>, body: string | object];

/** The replies of a gateway without a fault. */
function flawless(origin: string, { method, url = "", headers }: IncomingMessage): Reply {
  const metadata = "/.well-known/oauth-protected-resource/mcp";
  if (url === "/mcp" && headers.origin !== undefined) return [403, {}, { error: "forbidden_origin" }];
  if (url === "/mcp") return [401, { "www-authenticate": `Bearer resource_metadata="${origin}${metadata}"` }, ""];
  if (url === "/" && method === "GET") return [200, { "content-type": "text/html" }, `<code>${origin}/mcp</code>`];
  if (url === metadata) return [200, {}, { resource: `${origin}/mcp`, authorization_servers: [origin] }];
  if (url === "/health") return [200, {}, { status: "ok", version: "0.1.0" }];
  const backend = { isReachable: true, areKeysEqual: true };
  if (url === "/health?deep=1") return [200, {}, { status: "ok", notes: [], backends: { AUDIT: backend } }];
  if (url !== "/.well-known/oauth-authorization-server") return [404, {}, ""];
  const endpoints = { authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token` };
  return [200, {}, { issuer: origin, ...endpoints, code_challenge_methods_supported: ["S256"] }];
}

const closing: (() => void)[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
});

type Fault = (url: string, origin: string, request: IncomingMessage) => Reply | null;

/** The origin of a gateway that `fault` changes. */
async function startGateway(fault: Fault): Promise<string> {
  let origin = "";
  const listener: RequestListener = (request, response) => {
    const [status, headers, body] = fault(request.url ?? "", origin, request) ?? flawless(origin, request);
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  };
  const server = createServer(listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  closing.push(() => server.close().closeAllConnections());
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return origin;
}

/** The outcome of the command against a gateway that `fault` changes. */
async function smoke(fault: Fault = () => null) {
  vi.stubEnv("HEALTH_TOKEN", "a token of the tests");
  return runSmoke("--url", await startGateway(fault));
}

async function runSmoke(...args: readonly string[]) {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  try {
    await run(args);
    return { code: 0, output: lines.join("\n") };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { code: 1, output: [...lines, error.message].join("\n") };
  }
}

const refusedHealthToken: Fault = (url) => (url === "/health?deep=1" ? [401, {}, {}] : null);

const backends =
  (state: object) =>
  (url: string): Reply | null =>
    url === "/health?deep=1"
      ? [503, {}, { status: "degraded", backends: { AUDIT: { isReachable: true, ...state } } }]
      : null;

it("a smoke test passes for a gateway without a fault", async () => {
  const { code, output } = await smoke();
  expect(code, output).toBe(0);
  expect(output.match(/✓ [\w -]+?(?= {2})/g)?.map((line) => line.slice(2))).toEqual(
    ["health", "front page", "challenge", "resource", "authorization", "issuer", "bad token", "other origins"].concat([
      "source maps",
      "backends",
    ]),
  );
});

it.each<[what: string, fault: Fault, problem: RegExp]>([
  [
    "a setting that is missing",
    (url) =>
      url === "/health" ? [500, {}, { error: "config", error_description: "AUTH_BASE_URL is missing." }] : null,
    /✗ health +The gateway answers 500: AUTH_BASE_URL is missing\.\n +Correct the setting/,
  ],
  [
    "the front page of another Worker",
    (url) => (url === "/" ? [200, { "content-type": "text/html" }, "a shop"] : null),
    /✗ front page +The front page does not name/,
  ],
  [
    "an issuer of another host",
    (url, origin) =>
      url === "/.well-known/oauth-authorization-server"
        ? [
            200,
            {},
            {
              issuer: origin,
              authorization_endpoint: "https://old.stackbilt.dev/authorize",
              token_endpoint: `${origin}/token`,
              code_challenge_methods_supported: ["S256"],
            },
          ]
        : null,
    /✗ issuer +The gateway at \S+ names https:\/\/old\.stackbilt\.dev\/authorize/,
  ],
  [
    "an auth Worker that does not respond",
    (url, _, { headers }) => (url === "/mcp" && headers.authorization ? [503, {}, ""] : null),
    /✗ bad token +A token that was never issued gets 503\. The auth Worker does not respond/,
  ],
  [
    "an endpoint that serves pages of any origin",
    (url, _, { headers }) =>
      url === "/mcp" && headers.origin ? [401, { "access-control-allow-origin": "*" }, ""] : null,
    /✗ other origins +A page of another origin gets 401, allowed by \*/,
  ],
  [
    "an endpoint that serves clients without a sign-in",
    (url) => (url === "/mcp" ? [200, {}, { jsonrpc: "2.0", id: 1, result: {} }] : null),
    /✗ challenge +The endpoint serves clients without a sign-in\./,
  ],
  [
    "a source map that is public",
    (url) => (url === "/index.js.map" ? [200, {}, "{}"] : null),
    /✗ source maps +\/index\.js\.map is public/,
  ],
  [
    "a wrong HEALTH_TOKEN",
    refusedHealthToken,
    /✗ backends +The gateway refuses the HEALTH_TOKEN\.\s+Store that of your file again: npx wrangler secret put/,
  ],
  ["a backend that cannot be reached", backends({ isReachable: false }), /✗ backends +AUDIT cannot be reached/],
  ["a backend with other keys", backends({ areKeysEqual: false }), /✗ backends +AUDIT has other keys/],
])("a smoke test names %s, and what to do", async (_what, fault, problem) => {
  const { code, output } = await smoke(fault);
  expect([code, output]).toEqual([1, expect.stringMatching(problem)]);
  expect(output).toContain("npm run rollback");
});

it("a smoke test of a host that does not answer says so once, and recommends no rollback", async () => {
  const { code, output } = await runSmoke("--url", "http://127.0.0.1:9");
  expect(code).toBe(1);
  expect(output.match(/cannot be reached/g)).toHaveLength(1);
  expect(output).toContain("Nothing was checked. A new host needs some minutes");
  expect(output).not.toContain("rollback");
});

it("a smoke test that fails for its key alone recommends another key, and no rollback", async () => {
  vi.stubEnv("KEY", "sb_live_revoked");
  const { code, output } = await runSmoke("--url", await startGateway(() => null), "--key", "KEY");
  expect(code, output).toBe(1);
  expect(output).toContain("The gateway works: use another key.");
  expect(output).not.toContain("rollback");
});

it("a redirect in place of a source map is none", async () => {
  const { code, output } = await smoke((url) => (url.endsWith(".map") ? [302, { location: "/" }, ""] : null));
  expect(code, output).toBe(0);
});

it("a smoke test sends the HEALTH_TOKEN of the default file to the gateway of production.toml only", async () => {
  const home = mkdtempSync(path.join(tmpdir(), "smoke-"));
  closing.push(() => rmSync(home, { recursive: true }));
  const file = path.join(home, "gateway.env");
  writeFileSync(file, "HEALTH_TOKEN=of the file\n");
  for (const [name, value] of Object.entries({ HOME: home, HEALTH_TOKEN: "" })) vi.stubEnv(name, value);
  vi.resetModules();
  const { healthTokenFor } = await import("../../entrypoints/cli/smoke.ts");
  const { DEFAULT_SECRETS_FILE } = await import("../../entrypoints/cli/secret-file.ts");
  expect(DEFAULT_SECRETS_FILE).toBe(file);
  expect(healthTokenFor("http://localhost:8790", file)).toBe("of the file");
  expect(healthTokenFor("http://localhost:8790")).toBeUndefined();
  expect(() => healthTokenFor("http://localhost:8790", path.join(home, "none.env"))).toThrow("no line HEALTH_TOKEN=…");
  expect(() => healthTokenFor("http://localhost:8790", home)).toThrow(`${home} is not a file.`);
});

it("a smoke test takes no key as an argument, which other users could see", async () => {
  const { code, output } = await runSmoke("--url", "http://127.0.0.1:9", "--key", "sb_live_0123");
  expect([code, output]).toEqual([1, expect.stringContaining("the name of an environment variable")]);
});

it("a wrong HEALTH_TOKEN also stops a rotation, which says what to do", async () => {
  await expect(keysOfBackends(await startGateway(refusedHealthToken), "another token")).rejects.toThrow(
    /refuses the HEALTH_TOKEN\. Store that of your file again: npx wrangler secret put HEALTH_TOKEN --name /,
  );
});
