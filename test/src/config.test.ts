// The gateway's settings: read once, by exact values, and refused with the name of each problem.
import { createExecutionContext } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import gateway from "../../entrypoints/gateway/index.ts";
import { ConfigError, configOf } from "../../src/config.ts";
import type { Env } from "../../src/env.ts";

const env = bound as unknown as Env;
const withSettings = (settings: Record<string, unknown>): Env => ({ ...env, ...settings }) as Env;

describe("the gateway's settings", () => {
  it("open sign-up, registration and CIMD only on exactly true", () => {
    for (const value of ["", "TRUE", "True", " true", "1", "yes", "false", undefined]) {
      const config = configOf(
        withSettings({ PUBLIC_SIGNUPS_ENABLED: value, DYNAMIC_REGISTRATION_ENABLED: value, CIMD_ENABLED: value }),
      );
      expect([config.isSignupOpen, config.isDynamicRegistrationEnabled, config.isCimdEnabled], String(value)).toEqual([
        false,
        false,
        false,
      ]);
    }
    expect(configOf(withSettings({ PUBLIC_SIGNUPS_ENABLED: "true" })).isSignupOpen).toBe(true);
  });

  it("derive the resource from the issuer, and accept a list of origins", () => {
    const config = configOf(
      withSettings({
        API_BASE_URL: "https://mcp.stackbilt.dev",
        ALLOWED_ORIGINS: " https://a.test , http://localhost:6274,",
      }),
    );
    expect(config).toMatchObject({ issuer: "https://mcp.stackbilt.dev", resource: "https://mcp.stackbilt.dev/mcp" });
    expect([...config.allowedOrigins]).toEqual(["https://a.test", "http://localhost:6274"]);
  });

  it("list the risks that need confirmation: destructive ones by default", () => {
    const risks = (CONFIRM_RISKS: string | undefined) => [...configOf(withSettings({ CONFIRM_RISKS })).confirmRisks];
    expect([risks(undefined), risks("")]).toEqual([["DESTRUCTIVE"], []]);
    expect(risks(" DESTRUCTIVE , EXTERNAL_MUTATION,DESTRUCTIVE, ")).toEqual(["EXTERNAL_MUTATION", "DESTRUCTIVE"]);
    expect([...configOf(env).confirmRisks]).toEqual(["DESTRUCTIVE"]);
  });

  it("list the risks that need a record: what changes something outside by default", () => {
    const risks = (text: string | undefined) => [
      ...configOf(withSettings({ AUDIT_REQUIRED_RISKS: text })).auditRequiredRisks,
    ];
    expect([risks(undefined), risks("")]).toEqual([["EXTERNAL_MUTATION", "DESTRUCTIVE"], []]);
    expect(risks(" DESTRUCTIVE ")).toEqual(["DESTRUCTIVE"]);
  });

  it("cache a credential for 30 seconds, or less", () => {
    const cacheMs = (CREDENTIAL_CACHE_SECONDS: string | undefined) =>
      configOf(withSettings({ CREDENTIAL_CACHE_SECONDS })).credentialCacheMs;
    expect([cacheMs(undefined), cacheMs("30"), cacheMs("5"), cacheMs("0")]).toEqual([30_000, 30_000, 5_000, 0]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ...["31", "-1", "1.5", "half a minute", "Infinity"].map((seconds): [string, Record<string, unknown>, string] => [
      `a cache of ${seconds} seconds`,
      { CREDENTIAL_CACHE_SECONDS: seconds },
      "CREDENTIAL_CACHE_SECONDS must be a whole number from 0 to 30",
    ]),
    [
      "a setting under its earlier name",
      { CREDENTIAL_MEMORY_SECONDS: "0" },
      "CREDENTIAL_MEMORY_SECONDS is called CREDENTIAL_CACHE_SECONDS",
    ],
    ["a missing origin", { API_BASE_URL: undefined }, "API_BASE_URL is missing"],
    ["an origin with a slash", { API_BASE_URL: "https://mcp.stackbilt.dev/" }, "API_BASE_URL must be"],
    ["an origin with a path", { AUTH_BASE_URL: "https://auth.test/bridge" }, "AUTH_BASE_URL must be"],
    ["plain http", { API_BASE_URL: "http://mcp.stackbilt.dev" }, "API_BASE_URL must be"],
    ["capitals", { API_BASE_URL: "https://MCP.stackbilt.dev" }, "API_BASE_URL must be"],
    ["a wildcard", { ALLOWED_ORIGINS: "*" }, "ALLOWED_ORIGINS must be"],
    [
      "a risk that does not exist",
      { CONFIRM_RISKS: "DESTRUCTIVE,HARMLESS" },
      "CONFIRM_RISKS has a part that is none of READ_ONLY",
    ],
    [
      "an unknown risk that needs a record",
      { AUDIT_REQUIRED_RISKS: "DESTRUCTIVE,ALL" },
      "AUDIT_REQUIRED_RISKS has a part that is none of READ_ONLY",
    ],
    ["a risk in small letters", { CONFIRM_RISKS: "destructive" }, "CONFIRM_RISKS has a part that is none of"],
    ["no secret", { SERVICE_BINDING_SECRET: undefined }, "SERVICE_BINDING_SECRET is missing"],
    ["a short secret", { SERVICE_BINDING_SECRET: "k3jx8Wq0" }, "SERVICE_BINDING_SECRET must be at least 32 bytes"],
    [
      "a placeholder",
      { SERVICE_BINDING_SECRET: "change-me-change-me-change-me-change-me" },
      "SERVICE_BINDING_SECRET is a placeholder",
    ],
    ["one letter, many times", { SERVICE_BINDING_SECRET: "a".repeat(64) }, "SERVICE_BINDING_SECRET is a placeholder"],
    ["a bad previous secret", { SERVICE_BINDING_SECRET_PREVIOUS: "short" }, "SERVICE_BINDING_SECRET_PREVIOUS must be"],
    [
      "a retired key of another form",
      { RETIRED_CHECKPOINT_KEYS: "k1:x" },
      "RETIRED_CHECKPOINT_KEYS must be of the form",
    ],
    ["no storage", { OAUTH_KV: undefined }, "OAUTH_KV is not bound"],
    ["no auth Worker", { AUTH_SERVICE: undefined }, "AUTH_SERVICE is not bound"],
    ["no grant objects", { GRANTS: undefined }, "GRANTS is not bound"],
    ["no objects of users", { USERS: undefined }, "USERS is not bound"],
    ["no counter of a day", { RATE_COUNTER: undefined }, "RATE_COUNTER is not bound"],
    ["no sessions", { MCP_SESSION: undefined }, "MCP_SESSION is not bound"],
    ["no counter of a minute", { LIMIT_30: undefined }, "LIMIT_30 is not bound"],
  ])("are refused with %s, by name and without the value", async (_, settings, message) => {
    const broken = withSettings(settings);
    expect(() => configOf(broken)).toThrow(ConfigError);
    const request = new Request<unknown, IncomingRequestCfProperties>("http://localhost:8790/health");
    const response = await gateway.fetch(request, broken, createExecutionContext());
    const body = await response.text();
    expect([response.status, body]).toEqual([500, expect.stringContaining(message)]);
    for (const value of Object.values(settings))
      if (typeof value === "string" && value.length > 2) expect(body).not.toContain(value);
  });

  it("are refused with all problems at once", () => {
    const broken = withSettings({ API_BASE_URL: "x", AUTH_BASE_URL: "y", SERVICE_BINDING_SECRET: "z" });
    expect(() => configOf(broken)).toThrow(/API_BASE_URL.*AUTH_BASE_URL.*SERVICE_BINDING_SECRET/);
  });
});
