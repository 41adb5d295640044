// `npm run connect`: against the real gateway, a server of the official SDK, and servers that each
// have one fault.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CliError } from "../../entrypoints/cli/cli-error.ts";
import { run } from "../../entrypoints/cli/connect.ts";
import { run as smoke } from "../../entrypoints/cli/smoke.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { clientSetups } from "../../src/discovery/clients.ts";
import { EVENTUALLY } from "../support/eventually.ts";
import { useIssuer } from "../support/issuer.ts";
import { accessTokenOf, connect as connectClient } from "../support/mcp-clients.ts";

const SLOW_MS = 60_000;

/** Runs the command in this process. */
async function connect(args: readonly string[], env: Readonly<Record<string, string>> = {}, command = run) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const lines: string[] = [];
  for (const stream of ["log", "error"] as const)
    vi.spyOn(console, stream).mockImplementation((line: string) => void lines.push(line));
  try {
    await command(args);
    return { code: 0, output: lines.join("\n") };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { code: 1, output: [...lines, error.message].join("\n") };
  }
}

const closing: (() => void)[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
});

/** The origin of a server on this machine, until the test ends. */
async function serve(listener: (...exchange: Parameters<RequestListener>) => void | Promise<void>): Promise<string> {
  const server = createServer((request, response) => void listener(request, response));
  await once(server.listen(0, "127.0.0.1"), "listening");
  closing.push(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("the set-up of clients", () => {
  it("is printed for each client, with the endpoint and a name", async () => {
    const { code, output } = await connect(["--url", "https://mcp.example.com/mcp"]);
    expect(code).toBe(0);
    expect(output).toContain("claude mcp add --transport http example https://mcp.example.com/mcp");
    for (const { name } of clientSetups({ url: "https://mcp.example.com/mcp", name: "example" }))
      expect(output).toContain(`\n${name}\n`);
  });

  it("is printed for one client", async () => {
    const command = ["entrypoints/cli/launch.mjs", "connect", "--client", "codex", "--name", "mine"];
    const { stdout: output } = await promisify(execFile)(process.execPath, command, { cwd: ROOT });
    expect(output).toContain("codex mcp add mine --url http://localhost:8790/mcp");
    expect(output).not.toContain("claude");
  });

  it("offers no local address to a client that connects from its vendor's servers", async () => {
    const { output } = await connect(["--client", "chatgpt"]);
    expect(output).toContain("needs a gateway with a public https address");
    expect(output).not.toContain("Developer mode");
  });

  it.each([
    ["https://mcp.example.co.uk/mcp", "example"],
    ["https://stackbilt-mcp-gateway.acme.workers.dev/mcp", "stackbilt-mcp-gateway"],
    ["https://192.0.2.1/mcp", "local"],
  ])("names the server of %s after its own host: %s", async (url, name) => {
    expect((await connect(["--url", url, "--client", "codex"])).output).toContain(`codex mcp add ${name} --url ${url}`);
  });

  it("quotes an address that a shell would change", async () => {
    const { output } = await connect(["--url", "https://example.com/$(id)'?a=1&b=2", "--client", "codex"]);
    expect(output).toContain("codex mcp add example --url 'https://example.com/$(id)%27?a=1&b=2'\n");
  });

  it("comes with what is wrong if this machine has no endpoint there", async () => {
    const { code, output } = await connect(["--url", "http://127.0.0.1:9/mcp", "--client", "codex"]);
    expect([code, output]).toEqual([
      0,
      expect.stringMatching(/codex mcp add.*This does not work yet\. http:\/\/127\.0\.0\.1:9 cannot be reached/s),
    ]);
  });

  it.each([
    ["an unknown client", ["--client", "netscape"], 'There is no client "netscape".'],
    ["an address that is none", ["--url", "mcp.example.com"], "--url takes an http or https address."],
    ["a password in the address", ["--url", "https://a:b@example.com/mcp"], "--url takes no password"],
    ["a name with a space", ["--name", "a b"], "--name takes letters, digits and hyphens."],
    ["an empty variable", ["--check", "--token-from", "NOT_SET_HERE"], "NOT_SET_HERE is empty."],
    ["a key in place of its variable", ["--check", "--token-from", "sb_live_x"], "takes the name of an environment"],
    ["a variable with more than a key", ["--check", "--token-from", "TWO_LINES"], "TWO_LINES has to be a key or token"],
    ["an option of the checks without them", ["--paid"], "need --check."],
    ["an option of the set-up with the checks", ["--check", "--name", "x"], "--check takes no --client and no --name."],
  ])("refuses %s, and prints no key", async (_, args, sentence) => {
    const { code, output } = await connect(args, { TWO_LINES: "sb_live_x\nsb_live_x" });
    expect(code).toBe(1);
    expect(output).toContain(sentence);
    expect(output).not.toContain("sb_live_x");
  });
});

it("an option that npm has taken is named, before anything is done without it", async () => {
  const { code, output } = await connect([], { npm_config_check: "true", npm_lifecycle_event: "connect" });
  expect(code).toBe(1);
  expect(output).toMatch(/^npm has taken --check for itself: write `npm run connect -- --check`\.\n/);
});

describe("the checks, against this gateway", () => {
  const { system, ownerOf, createKey } = useIssuer();

  it("pass from the challenge to a cancelled call", { timeout: SLOW_MS }, async () => {
    const { code, output } = await connect(["--check", "--url", `${system.origin}/mcp`]);
    expect(code, output).toBe(0);
    expect(output.match(/✓ (\w|-)+/g)?.map((line) => line.slice(2))).toEqual(
      "endpoint resource authorization registration sign-in token refresh connect list call picture cancel".split(" "),
    );
    expect(output).toContain("the refresh token is rotated");
    expect(output).toMatch(/image\/png, .*\.png/);
  });

  it("pass with an API key, without a sign-in", { timeout: SLOW_MS }, async () => {
    const client = await connectClient(system.origin, "auto");
    const key = await createKey(await ownerOf(accessTokenOf(client)), ["read"]);
    const { code, output } = await connect(["--check", "--url", `${system.origin}/mcp`, "--token-from", "KEY"], {
      KEY: key.key,
    });
    expect(code, output).toBe(0);
    expect(output).toContain("✓ call");
    expect(output).toMatch(/- sign-in +no sign-in/);
    expect(output).not.toContain(key.key);
  });

  it("pass as a smoke test, with a key also a list and a call", { timeout: SLOW_MS }, async () => {
    const client = await connectClient(system.origin, "auto");
    const { key } = await createKey(await ownerOf(accessTokenOf(client)), ["read"]);
    const { code, output } = await connect(["--url", system.origin, "--key", "KEY"], { KEY: key }, smoke);
    expect(code, output).toBe(0);
    expect(output).toMatch(
      /✓ other origins +403[\s\S]*✓ source maps +not public[\s\S]*- backends +needs HEALTH_TOKEN[\s\S]*✓ call/,
    );
  });

  it("name a key that is not valid", { timeout: SLOW_MS }, async () => {
    const { code, output } = await connect(["--check", "--url", `${system.origin}/mcp`, "--token-from", "KEY"], {
      KEY: "sb_live_wrong",
    });
    expect(code).toBe(1);
    expect(output).toMatch(/✗ endpoint +The key or token is refused \(401\): .*\n +Check that it is complete/);
    expect(output).toMatch(/- connect +needs the endpoint/);
  });

  it("name the address of the endpoint", { timeout: SLOW_MS }, async () => {
    const { code, output } = await connect(["--check", "--url", `${system.origin}/`]);
    expect(code).toBe(1);
    expect(output).toContain(`Use --url ${system.origin}/mcp`);
  });

  it("say what a page of the sign-in says", { timeout: SLOW_MS }, async () => {
    const { code, output } = await connect(["--check", "--url", `${system.origin}/mcp`, "--client-id", "unknown"]);
    expect(code).toBe(1);
    expect(output).toMatch(/✓ registration +the given client; it has to allow http:.*\/callback, on any port\n/);
    expect(output).toMatch(/✗ sign-in .*: This app is not known here\. Its registration is missing.*\n +Do what/);
  });

  it("name the gateway's own host at another one", { timeout: SLOW_MS }, async () => {
    const other = system.origin.replace("127.0.0.1", "localhost");
    const { code, output } = await connect(["--check", "--url", `${other}/mcp`]);
    expect(code).toBe(1);
    expect(output).toMatch(
      new RegExp(`not answer under this host name \\(421\\)\\.\n +This gateway is ${system.origin}`),
    );
  });
});

describe("the checks, against another server", () => {
  it("pass without a sign-in where none is needed, and draw nothing that may cost money", async () => {
    const unpaid = vi.fn<() => never>();
    const origin = await serve(async (request, response) => {
      const server = new McpServer({ name: "clock", version: "2.0.0" });
      server.registerTool("now", { annotations: { readOnlyHint: true } }, () => ({
        content: [{ type: "text", text: "noon" }],
      }));
      server.registerTool("image_generate", {}, unpaid);
      const transport = new StreamableHTTPServerTransport({});
      await server.connect(transport as never); // the SDK's own classes differ in an optional member
      await transport.handleRequest(request, response);
    });
    const { code, output } = await connect(["--check", "--url", `${origin}/mcp`]);
    expect(code, output).toBe(0);
    expect(output).toContain("serves clients without a sign-in");
    expect(output).toMatch(/✓ connect +clock 2\.0\.0/);
    expect(output).toMatch(/✓ list +2 tools: now, image_generate\n[\s\S]*✓ call +now returns content/);
    expect(output).toMatch(/- picture +costs a credit: --paid does it\n +- cancel +costs a credit/);
    expect(unpaid).not.toHaveBeenCalled();
  });

  it("say that there is no server", async () => {
    const { code, output } = await connect(["--check", "--url", "http://127.0.0.1:9/mcp"]);
    expect(code).toBe(1);
    expect(output).toMatch(/✗ endpoint +http:\/\/127\.0\.0\.1:9 cannot be reached/);
  });

  it.each<[string, number, Record<string, string>, string, RegExp]>([
    ["a web page", 200, { "content-type": "text/html" }, "<style>p{}</style><p>Hi</p>", /with text\/html, .*: Hi\n/],
    ["another API", 200, { "content-type": "application/json" }, '{"ok":true}', /with application\/json, not/],
    ["a redirect", 307, { location: "/v2" }, "", /Redirects to \/v2 \(307\).*\n.*--url http:.*\/v2\n/],
    ["a redirect to nowhere", 302, { location: "http://:x" }, "", /Redirects to http:\/\/:x \(302\)/],
    ["an overload", 429, {}, '{"error":{"message":"Slow\\ndown"}}', /Status 429: Slow down\n +Wait a moment/],
    [
      "a path of no use",
      401,
      { "www-authenticate": 'Bearer resource_metadata="/m"' },
      "",
      /resource_metadata is \/m\./,
    ],
  ])("name %s, with and without a token", async (_, status, headers, body, line) => {
    const origin = await serve((_request, response) => void response.writeHead(status, headers).end(body));
    const { code, output } = await connect(["--check", "--url", `${origin}/mcp`]);
    expect(code).toBe(1);
    expect(output).toMatch(line);
    expect(output).toContain("1 check failed.");
    const withToken = await connect(["--check", "--url", `${origin}/mcp`, "--token-from", "KEY"], { KEY: "none" });
    if (status !== 401) expect(withToken.output).toMatch(line);
  });

  it("name the transport of an old server", async () => {
    const origin = await serve(({ method }, response) => {
      if (method !== "GET") return void response.writeHead(404).end("Cannot POST /sse");
      response.writeHead(200, { "content-type": "text/event-stream" }).write("event: endpoint\ndata: /message\n\n");
    });
    const { code, output } = await connect(["--check", "--url", `${origin}/sse`]);
    expect(code).toBe(1);
    expect(output).toMatch(/✗ endpoint +It has the HTTP\+SSE transport of 2024-11-05 only\.\n +Many clients/);
  });

  it("name a server that has only server/discover an endpoint", { timeout: SLOW_MS }, async () => {
    const error = { jsonrpc: "2.0", id: 1, error: { code: -32601, message: "Method not found" } };
    const origin = await serve((_request, response) => void response.writeHead(404).end(JSON.stringify(error)));
    const { output } = await connect(["--check", "--url", `${origin}/mcp`]);
    expect(output).toMatch(/✓ endpoint +serves clients without a sign-in\n[\s\S]*✗ connect +The official client/);
  });

  it.each([
    ["ECONNREFUSED", /no server listens there\.\n +Start the server/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", /certificate is from an authority .*\n .*NODE_EXTRA_CA_CERTS/],
    ["ERR_SSL_WRONG_VERSION_NUMBER", /does not speak TLS\.\n +Use http:/],
    ["EHOSTUNREACH", /cannot be reached: EHOSTUNREACH\.\n +Check the address/],
  ])("say what the failure %s of a connection means", async (code, line) => {
    const error = new TypeError("fetch failed", { cause: Object.assign(new Error("none"), { code }) });
    vi.spyOn(globalThis, "fetch").mockRejectedValue(error);
    expect((await connect(["--check", "--url", "https://mcp.example.com/mcp"])).output).toMatch(line);
  });

  const METADATA = "/.well-known/oauth-protected-resource/mcp";
  const SERVER = "/.well-known/oauth-authorization-server";

  /** Responses of a server without a fault, up to its registration. */
  function flawless(origin: string): Record<string, object> {
    return {
      [METADATA]: { resource: `${origin}/mcp`, authorization_servers: [origin] },
      [SERVER]: {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
        code_challenge_methods_supported: ["S256"],
      },
    };
  }

  /** Serves what `flawless` has with the changes of `fault`. */
  async function faulty(fault: (origin: string) => Record<string, object>, challenge?: string): Promise<string> {
    let origin = "";
    origin = await serve((request: IncomingMessage, response) => {
      if (request.url === "/mcp") {
        const header = challenge ?? `Bearer resource_metadata="${origin}${METADATA}"`;
        return void response.writeHead(401, header === "" ? {} : { "www-authenticate": header }).end();
      }
      const documents = { ...flawless(origin), ...fault(origin) };
      const found = documents[request.url ?? ""];
      response.writeHead(found ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(found ?? {}));
    });
    return `${origin}/mcp`;
  }

  it.each<[string, (origin: string) => Record<string, object>, RegExp]>([
    [
      "metadata about another endpoint",
      (origin) => ({ [METADATA]: { resource: `${origin}/other`, authorization_servers: [origin] } }),
      /✗ resource .*not about .*\n.*RFC 9728 section 3\.3/,
    ],
    [
      "no authorization server",
      (origin) => ({ [METADATA]: { resource: `${origin}/mcp` } }),
      /✗ resource .*names no authorization server/,
    ],
    [
      "another issuer",
      (origin) => ({ [SERVER]: { ...flawless(origin)[SERVER], issuer: `${origin}/` } }),
      /✗ authorization .*issuer is .*\n.*RFC 8414 section 3\.3/,
    ],
    [
      "no PKCE",
      (origin) => ({ [SERVER]: { ...flawless(origin)[SERVER], code_challenge_methods_supported: ["plain"] } }),
      /✗ authorization .*PKCE with S256/,
    ],
    [
      "a token endpoint without https",
      (origin) => ({ [SERVER]: { ...flawless(origin)[SERVER], token_endpoint: "http://example.com/token" } }),
      /✗ authorization .*token_endpoint is not https/,
    ],
    [
      "no way to register",
      (origin) => ({ [SERVER]: { ...flawless(origin)[SERVER], registration_endpoint: undefined } }),
      /✗ registration .*cannot register themselves/,
    ],
    ["a refused registration", () => ({}), /✗ registration .*refused \(404\)/],
  ])("name %s", async (_, fault, line) => {
    const { code, output } = await connect(["--check", "--url", await faulty(fault)]);
    expect(code).toBe(1);
    expect(output).toMatch(line);
    expect(output).toContain("1 check failed.");
    expect(output).toMatch(/- token +needs a sign-in/);
  });

  it.each([
    ["access_denied", /✗ sign-in +Access was not allowed: access_denied\n +Allow it on the page/],
    ["invalid_scope", /✗ sign-in +Access was not allowed: invalid_scope\n +See RFC 6749/],
  ])("name the refusal %s of a sign-in in the browser", async (error, line) => {
    const registered = { "/register": { client_id: "registered" } };
    const url = await faulty(() => registered);
    vi.stubEnv("PATH", ""); // no browser opens
    const checking = connect(["--check", "--url", url]);
    const address = await vi.waitFor(() => {
      const [line = ""] = vi
        .mocked(console.log)
        .mock.calls.flat()
        .filter((text) => /in your browser/.test(text));
      return new URL(/http.*/.exec(line)?.[0] ?? "");
    }, EVENTUALLY);
    const back = new URL(address.searchParams.get("redirect_uri") ?? "");
    back.search = new URLSearchParams({ error, state: address.searchParams.get("state") ?? "" }).toString();
    expect(await (await fetch(back)).text()).toContain("Back to the terminal");
    expect((await checking).output).toMatch(line);
  });

  it("name a challenge that is missing", async () => {
    const { output } = await connect(["--check", "--url", await faulty(() => ({}), "")]);
    expect(output).toMatch(/✗ endpoint +401 without a Bearer challenge/);
  });

  it("print no control characters of a server", async () => {
    const { output } = await connect([
      "--check",
      "--url",
      await faulty((origin) => ({
        [SERVER]: { ...flawless(origin)[SERVER], issuer: "\u001b[31m\u0007evil" },
      })),
    ]);
    expect(output).toContain("evil");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is about them
    expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});
