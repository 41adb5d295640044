import { describe, expect, it } from "vitest";
import { HIDDEN, summarize } from "../../../src/audit/redact.ts";

describe("the summary of a tool's input", () => {
  it("keeps what tells calls apart: numbers, switches, tiers, modes and ids", () => {
    const input = {
      wait: false,
      quality_tier: "ultra_plus",
      job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10",
      policy: { profile: "strict", minQuality: 80 },
    };
    expect(summarize(input)).toEqual(input);
  });

  it("tells only the length of free text, in any script", () => {
    expect(summarize({ prompt: "a fox in the snow", name: "東京の夜" })).toEqual({
      prompt: "<17 characters>",
      name: "<4 characters>",
    });
  });

  it.each([
    ["an API key", "sb_live_abcdefghijklmnop1234"],
    ["a bearer token", "Bearer abc.def.ghi"],
    ["a JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"],
    ["a GitHub token", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"],
    ["a fine-grained GitHub token", "github_pat_11ABCDEFG0abcdefghijkl"],
    ["an AWS key id", "AKIAIOSFODNN7EXAMPLE"],
    ["another AWS id", "ACCAIOSFODNN7EXAMPLE"],
    ["a PyPI token", "pypi-AgEIcHlwaS5vcmc"],
    ["a DigitalOcean token", "dop_v1_abcdef0123456789"],
    ["a Google key", "AIzaSyA1234567890abcdefghijklmnopqrstu"],
    ["a Google OAuth token", "ya29.a0AfH6SMBx"],
    ["a Stripe key", "sk_live_abcdefghijklmnop"],
    ["an OpenAI key", "sk-proj-abcdefghijklmnop"],
    ["a Slack token", "xoxb-123456789012-abcdefghij"],
    ["a private key", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----"],
    ["long hex", "deadbeefdeadbeefdeadbeefdeadbeef"],
    ["one of our own access tokens", "u1:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"],
  ])("never shows %s, wherever it stands", (_, secret) => {
    const inputs = [
      secret,
      { a: secret },
      { a: { b: [secret] } },
      { [secret]: 1 },
      { note: `please use ${secret} for this` },
      [`${secret},`],
    ];
    for (const input of inputs) expect(JSON.stringify(summarize(input))).not.toContain(secret.slice(0, 24));
  });

  it.each([
    "password",
    "apiKey",
    "api_key",
    "Authorization",
    "client_secret",
    "accessToken",
    "jwt",
    "bearer",
    "sessionId",
    "email",
    "privateKey",
  ])("hides whatever stands under the name %s", (name) => {
    expect(summarize({ [name]: "short" })).toEqual({ [name]: HIDDEN });
    expect(summarize({ [name]: { deep: 1 } })).toEqual({ [name]: HIDDEN });
  });

  it("stays small whatever comes in", () => {
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k${n}`, "x".repeat(1000)]));
    const deep = JSON.parse(`${'{"a":'.repeat(60)}1${"}".repeat(60)}`) as object;
    expect(JSON.stringify(summarize({ wide, deep, list: Array(9999).fill(1) })).length).toBeLessThan(2000);
    const bushy = (depth: number): unknown => (depth === 0 ? "x".repeat(60) : Array(20).fill(bushy(depth - 1)));
    expect(JSON.stringify(summarize(bushy(4))).length, "20 values at each of 4 levels").toBeLessThan(30_000);
  });
});
