// Settings of production: what follows from them, and what is refused.
import { describe, expect, it } from "vitest";
import { productionConfig } from "../../entrypoints/cli/production/config.ts";
import {
  DEPLOYABLE,
  type Deployable,
  PRODUCTION_FILE,
  parseProduction,
  readProduction,
  withValue,
} from "../../entrypoints/cli/production/settings.ts";
import { readConfig } from "../../entrypoints/cli/workers.ts";
import { PRODUCTION, productionWith } from "../support/production-settings.ts";

const problemsOf = (worker: Deployable, part?: string, replacement?: string) =>
  productionConfig(worker, productionWith(part, replacement)).problems;

type Refused = [what: string, worker: Deployable, part: string, replacement: string, problem: RegExp];

describe("settings of production", () => {
  it("give every Worker its origins, host and ids", () => {
    for (const worker of DEPLOYABLE) expect(problemsOf(worker)).toEqual([]);
    const { config: gateway } = productionConfig("gateway", productionWith());
    expect(gateway).toMatchObject({
      routes: [{ pattern: "mcp.stackbilt.dev", custom_domain: true }],
      kv_namespaces: [{ binding: "OAUTH_KV", id: "a".repeat(32) }],
    });
    expect(gateway.vars).toMatchObject({
      API_BASE_URL: "https://mcp.stackbilt.dev",
      AUTH_BASE_URL: "https://auth.stackbilt.dev",
      CIMD_ENABLED: "true",
      CONFIRM_RISKS: "DESTRUCTIVE",
    });
    expect(productionConfig("auth", productionWith()).config).toMatchObject({
      vars: {
        AUTH_BASE_URL: "https://auth.stackbilt.dev",
        SOCIAL_RETURN_URLS: "https://mcp.stackbilt.dev/oauth/callback",
        TOKEN_AUDIENCES: "https://mcp.stackbilt.dev/mcp",
      },
      d1_databases: [{ database_id: "11111111-1111-4111-8111-111111111111" }],
    });
    const { config: pictures } = productionConfig("img-forge", productionWith());
    expect(pictures.vars).toMatchObject({ IMAGE_BASE_URL: "https://images.stackbilt.dev" });
  });

  it("become texts, also when they are written as booleans or numbers", () => {
    const settings = productionWith('CIMD_ENABLED = "true"', "CIMD_ENABLED = true\nCREDENTIAL_CACHE_SECONDS = 5");
    const { config, problems } = productionConfig("gateway", settings);
    expect(problems).toEqual([]);
    expect(config.vars).toMatchObject({ CIMD_ENABLED: "true", CREDENTIAL_CACHE_SECONDS: "5" });
  });

  it.each<Refused>([
    [
      "a browser origin on localhost",
      "gateway",
      'ALLOWED_ORIGINS = ""',
      'ALLOWED_ORIGINS = "http://localhost:6274"',
      /ALLOWED_ORIGINS has an address of a developer's machine/,
    ],
    [
      "the origins of development, when none are given",
      "gateway",
      'ALLOWED_ORIGINS = ""',
      "",
      /ALLOWED_ORIGINS is missing/,
    ],
    [
      "an origin without TLS",
      "gateway",
      'ALLOWED_ORIGINS = ""',
      'ALLOWED_ORIGINS = "http://app.stackbilt.dev"',
      /without TLS/,
    ],
    [
      "an origin with a path",
      "gateway",
      'ALLOWED_ORIGINS = ""',
      'ALLOWED_ORIGINS = "https://app.stackbilt.dev/"',
      /ALLOWED_ORIGINS must be an https origin/,
    ],
    [
      "an issuer that differs from the domain",
      "gateway",
      'CIMD_ENABLED = "true"',
      'CIMD_ENABLED = "true"\nAPI_BASE_URL = "https://mcp.stackbilt.com"',
      /API_BASE_URL differs from the domain/,
    ],
    [
      "a gateway without a host",
      "gateway",
      'domain = "mcp.stackbilt.dev"',
      'domain = ""',
      /\[gateway\] domain is empty/,
    ],
    ["a host that is an example", "gateway", "mcp.stackbilt.dev", "mcp.example.com", /is an example/],
    [
      "a host with a scheme",
      "gateway",
      '"mcp.stackbilt.dev"',
      '"https://mcp.stackbilt.dev"',
      /is not a public host name/,
    ],
    ...["localhost", "10.0.0.1", "8.8.8.8", "mcp.local", "mcp.corp.internal", "mcp.stackbilt.dev.", "*.stackbilt.dev"]
      .concat(["mcp_1.stackbilt.dev", "MCP.stackbilt.dev", "gateway.workers.dev", "mcp.stackbilt.dev:8443"])
      .map(
        (host): Refused => [
          `the host ${host}`,
          "gateway",
          '"mcp.stackbilt.dev"',
          `"${host}"`,
          /domain ".*" is not a public host name/,
        ],
      ),
    ...["10.0.0.1", "192.168.1.4:8443", "[fe80::1]", "127.1.2.3", "app", "app.local", "host.docker.internal"]
      .concat(["8.8.8.8", "*.stackbilt.dev"])
      .map(
        (host): Refused => [
          `a browser origin at ${host}`,
          "gateway",
          'ALLOWED_ORIGINS = ""',
          `ALLOWED_ORIGINS = "https://app.stackbilt.dev, https://${host}"`,
          /ALLOWED_ORIGINS has the host \S+, which is not a public host name/,
        ],
      ),
    [
      "a part that was not filled in",
      "gateway",
      'ALLOWED_ORIGINS = ""',
      'ALLOWED_ORIGINS = ""\nMCP_REGISTRY_AUTH = "v=MCPv1; k=ed25519; p=<public key>"',
      /MCP_REGISTRY_AUTH has a part that you have to fill in/,
    ],
    ...["a year", "0", "30.5", "3651", "-1"].map(
      (days): Refused => [
        `a retention of ${days}`,
        "audit",
        "[audit.ids]",
        `[audit.vars]\nAUDIT_RETENTION_DAYS = "${days}"\n[audit.ids]`,
        /AUDIT_RETENTION_DAYS must be a whole number from 1 to 3650/,
      ],
    ),
    ...["lots", "free:25", "free:25,hobby:65,pro:580,enterprise:2320,free:1"].map(
      (allowances): Refused => [
        `the allowances ${allowances}`,
        "auth",
        "[auth.ids]",
        `[auth.vars]\nCREDIT_ALLOWANCES = "${allowances}"\n[auth.ids]`,
        /CREDIT_ALLOWANCES must name each plan once/,
      ],
    ),
    [
      "tokens for other endpoints only",
      "auth",
      "[auth.ids]",
      '[auth.vars]\nTOKEN_AUDIENCES = "https://other.stackbilt.dev/mcp"\n[auth.ids]',
      /TOKEN_AUDIENCES lacks https:\/\/mcp\.stackbilt\.dev\/mcp/,
    ],
    ["one host for two Workers", "gateway", "auth.stackbilt.dev", "mcp.stackbilt.dev", /is also that of \[auth\]/],
    [
      "a gateway that does not know the host of sign-in",
      "gateway",
      'domain = "auth.stackbilt.dev"',
      "",
      /AUTH_BASE_URL is missing: it follows from the domain of \[auth\]/,
    ],
    [
      "an auth Worker that does not know the gateway",
      "auth",
      'domain = "mcp.stackbilt.dev"',
      "",
      /TOKEN_AUDIENCES is missing/,
    ],
    ["an id for development", "gateway", "a".repeat(32), `${"0".repeat(31)}1`, /\[gateway.ids\] OAUTH_KV is no id/],
    [
      "an id for development of a database",
      "audit",
      "11111111-1111-4111-8111-111111111112",
      "00000000-0000-0000-0000-000000000001",
      /\[audit.ids\] DB is no id/,
    ],
    [
      "one database for two Workers",
      "audit",
      "11111111-1111-4111-8111-111111111112",
      "11111111-1111-4111-8111-111111111111",
      /\[audit\.ids\] DB is also an id of \[auth\.ids\]/,
    ],
    ["an id that is missing", "auth", "11111111-1111-4111-8111-111111111111", "", /\[auth.ids\] DB is no id/],
    [
      "an id of an unknown binding",
      "audit",
      "[audit.ids]",
      '[audit.ids]\nKV = ""',
      /\[audit.ids\] KV is no KV or D1 binding/,
    ],
    ["a misspelt variable", "gateway", "CIMD_ENABLED", "CIMD_ENABLD", /CIMD_ENABLD is no variable .*wrangler.toml/],
    [
      "a choice that was not made",
      "gateway",
      'PUBLIC_SIGNUPS_ENABLED = "false"',
      "",
      /PUBLIC_SIGNUPS_ENABLED is missing/,
    ],
    ["a choice that is neither true nor false", "gateway", '"false"', '"yes"', /PUBLIC_SIGNUPS_ENABLED is neither/],
    [
      "a value that the gateway would refuse",
      "gateway",
      'ALLOWED_ORIGINS = ""',
      'ALLOWED_ORIGINS = ""\nCONFIRM_RISKS = "ALL"',
      /CONFIRM_RISKS has a part that is none of/,
    ],
    [
      "a secret",
      "gateway",
      'ALLOWED_ORIGINS = ""',
      'ALLOWED_ORIGINS = ""\nHEALTH_TOKEN = "x"',
      /HEALTH_TOKEN is a secret/,
    ],
  ])("refuse %s", (_what, worker, part, replacement, problem) => {
    expect(problemsOf(worker, part, replacement).join("\n")).toMatch(problem);
  });

  it.each([
    ["a table that is unknown", "\n[gatway]\n", /toml:2: gatway is unknown. There are account_id, gateway, /],
    [
      "a key that is unknown",
      '[auth]\ndomain = ""\n[gateway]\ndomian = ""\n',
      /toml:4: gateway.domian is unknown. A Worker has domain, ids and vars/,
    ],
    ["a list", "[gateway.vars]\n# One.\nCIMD_ENABLED = [1]\n", /toml:3: gateway.vars.CIMD_ENABLED is not a text/],
    ["a table that is none", "\n\ngateway = 3\n", /toml:3: gateway is not a table/],
    ["a key of a table in one line", "[gateway]\nids = { KV = 1 }\n", /toml:2: gateway.ids.KV is not a text/],
    ["an account that is none", 'account_id = "my company"\n', /toml:1: account_id is not the id of an account/],
    ["a syntax error", "[gateway]\ndomain = mcp\n", /production.toml:2:\d+: /],
    ["a key that is there twice", '[gateway]\ndomain = ""\ndomain = ""\n', /production.toml:3:\d+: /],
  ])("name the line of %s", (_what, text, message) => {
    expect(() => parseProduction(text)).toThrow(message);
  });

  it("take hosts whose names only contain those of examples or of a developer's machine", () => {
    const origins = "https://my-example.com, https://localhost.stackbilt.dev, https://test.stackbilt.dev:8443";
    expect(problemsOf("gateway", 'ALLOWED_ORIGINS = ""', `ALLOWED_ORIGINS = "${origins}"`)).toEqual([]);
    expect(problemsOf("gateway", "mcp.stackbilt.dev", "mcp.my-example.com")).toEqual([]);
  });

  it("name the line of a wrangler.toml that cannot be read", () => {
    const toml = 'name = "x"\nservice = img-forge\n';
    expect(() => productionConfig("gateway", productionWith(), toml)).toThrow(/^wrangler\.toml:2:\d+: /);
  });

  it("keep an id that a wrangler.toml from before them has", () => {
    const id = "b".repeat(32);
    const toml = readConfig("gateway").replace(`${"0".repeat(31)}1`, id);
    const { config, problems } = productionConfig("gateway", productionWith("a".repeat(32), ""), toml);
    expect([problems, config.kv_namespaces]).toEqual([[], [{ binding: "OAUTH_KV", id }]]);
  });

  it("of the committed file can be read, and name every key that is still empty", () => {
    const production = readProduction();
    for (const worker of DEPLOYABLE)
      for (const problem of productionConfig(worker, production).problems)
        expect(problem).toMatch(new RegExp(`^\\[${worker}(?:\\.ids|\\.vars)?\\] \\w+ `));
    expect(PRODUCTION_FILE).toBe("entrypoints/production.toml");
  });

  it("are written into their table, and everything else stays", () => {
    const text = PRODUCTION.replace("OAUTH_KV", "# The store.\nOAUTH_KV");
    const written = withValue(text, { table: "gateway.ids", key: "OAUTH_KV", value: "b".repeat(32) });
    expect(written).toBe(text.replace("a".repeat(32), "b".repeat(32)));
    expect(parseProduction(withValue(text, { table: "", key: "account_id", value: "c".repeat(32) })).accountId).toBe(
      "c".repeat(32),
    );
    const added = withValue("[gateway]\n", { table: "audit.ids", key: "DB", value: "d" });
    expect(parseProduction(added).workers.audit.ids).toEqual({ DB: "d" });
    const inserted = withValue("[audit.ids]\n\n[auth]\n", { table: "audit.ids", key: "DB", value: "d" });
    expect(parseProduction(inserted).workers.audit.ids).toEqual({ DB: "d" });
  });

  it("are written into a table whatever is behind its name, or not at all", () => {
    const place = { table: "audit.ids", key: "DB", value: "d" };
    for (const text of ['[ audit.ids ] # Storage.\nDB = "" # Of D1.\n', '[audit.ids]\r\nDB = ""\r\n[auth]\r\n'])
      expect(parseProduction(withValue(text, place)).workers.audit.ids).toEqual({ DB: "d" });
    const marked = "\uFEFF# Settings.\n[audit.ids]\nDB = ''\n";
    expect(parseProduction(withValue(marked, place)).workers.audit.ids).toEqual({ DB: "d" });
    expect(withValue('[audit.ids]\nDB = "" # Of D1.\n', place)).toBe('[audit.ids]\nDB = "d" # Of D1.\n');
    expect(() => withValue('[audit]\nids = { DB = "" }\n', place)).toThrow(
      'Write this into [audit.ids] of entrypoints/production.toml: DB = "d"',
    );
  });
});
