// A client's name as it is shown, names that imitate trusted ones, and the place that access goes
// to.
import { describe, expect, it } from "vitest";
import {
  destinationOf,
  identify,
  isRedirectTrusted,
} from "../../../../src/oauth/authorization-server/client-identity.ts";
import { cleanName, impersonationOf } from "../../../../src/oauth/authorization-server/client-name.ts";
import { unicodeHost } from "../../../../src/oauth/authorization-server/hosts.ts";

describe("a client's name", () => {
  it("is shown without characters that are invisible, change the text direction or stack up", () => {
    expect(cleanName("  Claude\u202e\u200b\n Code\u0007 ")).toBe("Claude Code");
    expect(cleanName("a\u0301\u0301\u0301\u0301\u0301")).toBe("\u00e1\u0301\u0301");
    expect(cleanName("\u3164\u2800\u200d")).toBe("");
    expect(cleanName("x".repeat(100))).toHaveLength(64);
  });

  it("is replaced if nothing of it is left", () => {
    const client = { clientId: "c", redirectUris: [], tokenEndpointAuthMethod: "none" };
    expect(identify({ ...client, clientName: "\u200b" })).toEqual({ name: "Unnamed application", domain: null });
    expect(identify({ ...client, clientId: "https://app.test/client.json", clientName: "App" }).domain).toBe(
      "app.test",
    );
  });

  it("that contains a trusted name counts as impersonation unless the domain proves it", () => {
    expect(impersonationOf("C-L-A-U-D-E helper", null)).toBe("same_name");
    expect(impersonationOf("Ｃlaude", "claude.ai.evil.test")).toBe("same_name");
    expect(impersonationOf("Claude for GitHub", "claude.ai")).toBe("same_name");
    expect(impersonationOf("Claude", "claude.ai")).toBeNull();
    expect(impersonationOf("Claude", "console.claude.ai")).toBeNull();
    expect(impersonationOf("My notes", null)).toBeNull();
    expect(impersonationOf("Мои заметки", null)).toBeNull();
  });

  it.each([
    ["Cyrillic", "\u0421l\u0430ud\u0435"],
    ["Greek", "\u0391nthr\u03bfpic"],
    ["capital I for l", "CIaude"],
    ["a bar for l", "C|aude"],
    ["digits", "Curs0r"],
    ["r and n for m", "Gernini"],
    ["accents", "Cl\u00e0ud\u00e9"],
    ["mathematical letters beside Cyrillic", "\ud835\udc02l\u0430ude"],
    ["a bare trusted name beside it", "\u0421ursor for Claude"],
  ])("that imitates a trusted name with %s is recognized as a lookalike", (_, name) => {
    expect(impersonationOf(cleanName(name), null)).toBe("lookalike");
  });
});

describe("the destination of access", () => {
  it("is the host with its port in ASCII, and the Unicode form of a punycode host", () => {
    expect(destinationOf("http://127.0.0.1:3118/cb")).toEqual({
      host: "127.0.0.1:3118",
      isLoopback: true,
      unicodeHost: null,
    });
    expect(destinationOf("https://cläude.test:8443/cb")).toEqual({
      host: "xn--clude-hra.test:8443",
      isLoopback: false,
      unicodeHost: "cläude.test",
    });
    expect(destinationOf("https://App.test.:8443/cb").host, "a trailing dot names the same host").toBe("app.test:8443");
    expect(destinationOf("https://localhost.evil.test/").isLoopback).toBe(false);
    expect(destinationOf("http://[::1]:9/").isLoopback).toBe(true);
  });

  it.each([
    "bücher.example",
    "пример.test",
    "例え.テスト",
    "faß.de",
    "مثال.test",
    "a😀b.test",
    "www.ελληνικά.gr",
    "сlаude.ai",
  ])("decodes %s from its punycode (RFC 3492)", (host) => {
    const { hostname } = new URL(`https://${host}/`);
    expect(hostname).toContain("xn--");
    expect(unicodeHost(hostname)).toBe(host);
  });

  it("has no Unicode form if the host is not punycode", () => {
    for (const host of ["xn--", "xn--\u00e4.test", "xn--99999999999.test", "plain.test"])
      expect(unicodeHost(host)).toBeNull();
  });

  it("is trusted without a click only on this computer or on the client's proven domain (RFC 9700 4.11.2)", () => {
    expect(isRedirectTrusted({ name: "x", domain: null }, "http://localhost:1/cb")).toBe(true);
    expect(isRedirectTrusted({ name: "x", domain: "app.test" }, "https://app.test/cb")).toBe(true);
    expect(isRedirectTrusted({ name: "x", domain: "app.test" }, "https://app.test./cb")).toBe(true);
    expect(isRedirectTrusted({ name: "x", domain: "app.test" }, "https://other.test/cb")).toBe(false);
    expect(isRedirectTrusted({ name: "x", domain: null }, "https://app.test/cb")).toBe(false);
  });
});
