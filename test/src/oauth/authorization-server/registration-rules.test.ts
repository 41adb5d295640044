// Rules for registrations (RFC 7591) and client ids, without storage.
import { describe, expect, it } from "vitest";
import { isClientIdAcceptable, isDocumentUrlAcceptable } from "../../../../src/oauth/authorization-server/client-id.ts";
import { registrationProblem } from "../../../../src/oauth/authorization-server/registration-rules.ts";

const OWN = ["https://mcp.test", "https://auth.test"];

describe("a registration (RFC 7591)", () => {
  const valid = {
    client_name: "Cursor",
    redirect_uris: ["cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback"],
  };

  it("may list a private-use scheme beside a usable address", () => {
    expect(registrationProblem(valid, OWN)).toBeUndefined();
    expect(registrationProblem({ ...valid, unknown_field: { any: "thing" } }, OWN)).toBeUndefined();
  });

  it.each([
    ["our own origin", "https://mcp.test/oauth/callback"],
    ["our host on another port", "https://mcp.test:8443/cb"],
    ["our host by another scheme", "http://mcp.test/cb"],
    ["our host with a trailing dot", "https://mcp.test./cb"],
    ["our host in capitals and fullwidth letters", "https://\uff2d\uff23\uff30.TEST/cb"],
    ["our host with a user name", "https://app.test@mcp.test/cb"],
    ["the auth Worker's host with a trailing dot", "https://auth.test./x"],
    ["the auth Worker's origin", "https://auth.test/x"],
    ["a wildcard", "https://*.app.test/cb"],
    ["an IP address", "https://169.254.169.254/cb"],
    ["an IP address in disguise", "https://2852039166/cb"],
    ["an IPv6 address", "https://[fe80::1]/cb"],
    ["an encoded control character", "https://app.test/cb%0d%0a"],
    ["a private-use scheme alone", "cursor://cb"],
    ["text that is no URI", "callback"],
  ])("may not redirect to %s", (_, uri) => {
    expect(registrationProblem({ redirect_uris: [uri] }, OWN)?.code).toBe("invalid_redirect_uri");
  });

  it("is refused above its limits", () => {
    const uri = "https://app.example.com/cb";
    const long = (length: number) => `${uri}?${"x".repeat(length)}`;
    for (const redirect_uris of [Array(21).fill(uri), [long(1_024)], Array(5).fill(long(900)), [], "", null, [7]])
      expect(registrationProblem({ redirect_uris }, OWN)?.code).toBe("invalid_redirect_uri");
    for (const client_name of ["\u200b", 7])
      expect(registrationProblem({ redirect_uris: [uri], client_name }, OWN)?.code).toBe("invalid_client_metadata");
    expect(registrationProblem({ redirect_uris: Array(20).fill(uri) }, OWN)).toBeUndefined();
  });
});

describe("a client id", () => {
  it("that is the URL of a document names a public host over https", () => {
    expect(isDocumentUrlAcceptable("https://claude.ai/oauth/claude-code-client-metadata", OWN)).toBe(true);
    for (const url of [
      "http://app.example.com/c",
      "https://app.example.com:8443/c",
      "https://user@app.example.com/c",
      "https://localhost/c",
      "https://intranet/c",
      "https://printer.local/c",
      "https://10.0.0.1/c",
      "https://[::1]/c",
      "https://mcp.test/c",
      "https://mcp.test./c",
      "https://MCP.test/c",
      `https://app.example.com/${"x".repeat(500)}`,
    ]) {
      expect(isDocumentUrlAcceptable(url, OWN), url).toBe(false);
    }
  });

  it.each([
    ...["alt", "arpa", "corp", "example", "home", "home.arpa", "internal", "intranet", "invalid", "lan", "local"],
    ...["localdomain", "localhost", "mail", "onion", "private", "test", "nip.io", "sslip.io", "xip.io"],
    ...["localtest.me", "lvh.me", "traefik.me", "10.0.0.1.nip.io", "10-0-0-1.sslip.io", "0a000001.nip.io"],
    ...["127.0.0.1.example.com", "app-192-168-1-1.example.com", "169-254-169-254.example.com"],
  ])("that is the URL of a document is no reserved name, and embeds no address: %s", (name) => {
    for (const host of [name, `app.${name}`, `APP.${name}`, `app.${name}.`])
      expect(isDocumentUrlAcceptable(`https://${host}/client.json`, OWN), host).toBe(false);
  });

  it.each(["1password.com", "a.b.c.d.example.com", "v1-2-3.example.com", "home.example.com", "mail.com", "local.dev"])(
    "may be the URL of a document at %s",
    (host) => expect(isDocumentUrlAcceptable(`https://${host}/client.json`, OWN)).toBe(true),
  );

  it("that is looked up in storage is short", () => {
    expect(isClientIdAcceptable("https://app.example.com/client.json", true, OWN)).toBe(true);
    expect(isClientIdAcceptable(`https://app.example.com/${"x".repeat(60)}`, false, OWN)).toBe(false);
    expect(isClientIdAcceptable("x".repeat(65), true, OWN)).toBe(false);
  });
});
