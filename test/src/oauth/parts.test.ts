// The parts of the door that need nothing else: what is shown of a client, what may be granted, what may register, sealing, markup.
import { describe, expect, it } from "vitest";
import { importSealingKey, seal, unseal } from "../../../src/crypto/seal.ts";
import {
  borrowingOf,
  cleanName,
  destinationOf,
  identify,
  isRedirectTrusted,
} from "../../../src/oauth/authorization-server/client-identity.ts";
import { grantableScopes, grantedScopes } from "../../../src/oauth/authorization-server/grant.ts";
import { spelledOut } from "../../../src/oauth/authorization-server/punycode.ts";
import {
  isClientIdAcceptable,
  isDocumentUrlAcceptable,
  registrationProblem,
} from "../../../src/oauth/authorization-server/registration.ts";
import { html, toText } from "../../../src/oauth/pages/html.ts";

const OWN = ["https://mcp.test", "https://auth.test"];
const key = (kid: string, byte: number) => importSealingKey(kid, new Uint8Array(32).fill(byte));

describe("a client's name", () => {
  it("loses what is invisible, turns text around or stacks up", () => {
    expect(cleanName("  Claude\u202e\u200b\n Code\u0007 ")).toBe("Claude Code");
    expect(cleanName("a\u0301\u0301\u0301\u0301\u0301")).toBe("\u00e1\u0301\u0301");
    expect(cleanName("\u3164\u2800\u200d")).toBe("");
    expect(cleanName("x".repeat(100))).toHaveLength(64);
  });

  it("is replaced where nothing is left of it", () => {
    const client = { clientId: "c", redirectUris: [], tokenEndpointAuthMethod: "none" };
    expect(identify({ ...client, clientName: "\u200b" })).toEqual({ name: "Unnamed application", domain: null });
    expect(identify({ ...client, clientId: "https://app.test/client.json", clientName: "App" }).domain).toBe(
      "app.test",
    );
  });

  it("of somebody whom people trust stands out unless their domain proves it", () => {
    expect(borrowingOf({ name: "C-L-A-U-D-E helper", domain: null })).toBe("borrowed");
    expect(borrowingOf({ name: "Ｃlaude", domain: "claude.ai.evil.test" })).toBe("borrowed");
    expect(borrowingOf({ name: "Claude for GitHub", domain: "claude.ai" })).toBe("borrowed");
    expect(borrowingOf({ name: "Claude", domain: "claude.ai" })).toBeNull();
    expect(borrowingOf({ name: "Claude", domain: "console.claude.ai" })).toBeNull();
    expect(borrowingOf({ name: "My notes", domain: null })).toBeNull();
    expect(borrowingOf({ name: "Мои заметки", domain: null })).toBeNull();
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
    ["a bare name beside it", "\u0421ursor for Claude"],
  ])("that is written to look like such a name, with %s, is called out as that", (_, name) => {
    expect(borrowingOf({ name: cleanName(name), domain: null })).toBe("disguised");
  });
});

describe("where access goes", () => {
  it("is the host with its port, in ASCII, and in letters where that hides any", () => {
    expect(destinationOf("http://127.0.0.1:3118/cb")).toEqual({
      host: "127.0.0.1:3118",
      isLoopback: true,
      letters: null,
    });
    expect(destinationOf("https://cläude.test:8443/cb")).toEqual({
      host: "xn--clude-hra.test:8443",
      isLoopback: false,
      letters: "cläude.test",
    });
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
  ])("reads %s from its punycode (RFC 3492)", (host) => {
    const { hostname } = new URL(`https://${host}/`);
    expect(hostname).toContain("xn--");
    expect(spelledOut(hostname)).toBe(host);
  });

  it("is not read from what is no punycode", () => {
    for (const host of ["xn--", "xn--\u00e4.test", "xn--99999999999.test", "plain.test"])
      expect(spelledOut(host)).toBeNull();
  });

  it("is trusted without a click only on this computer or on the client's proven domain (RFC 9700 4.11.2)", () => {
    expect(isRedirectTrusted({ name: "x", domain: null }, "http://localhost:1/cb")).toBe(true);
    expect(isRedirectTrusted({ name: "x", domain: "app.test" }, "https://app.test/cb")).toBe(true);
    expect(isRedirectTrusted({ name: "x", domain: "app.test" }, "https://other.test/cb")).toBe(false);
    expect(isRedirectTrusted({ name: "x", domain: null }, "https://app.test/cb")).toBe(false);
  });
});

describe("scopes", () => {
  it("are what was asked for and is known; reading is always part of them", () => {
    expect(grantableScopes(["generate", "admin", "offline_access"])).toEqual(["read", "generate", "offline_access"]);
    expect(grantableScopes([])).toEqual(["read"]);
  });

  it("granted are never more than asked for", () => {
    expect(grantedScopes(["read", "generate"], [])).toEqual(["read"]);
    expect(grantedScopes(["read"], ["read", "generate", "admin"])).toEqual(["read"]);
    expect(grantedScopes(["generate"], ["generate"])).toEqual(["read", "generate"]);
  });
});

describe("a registration (RFC 7591)", () => {
  const fine = {
    client_name: "Cursor",
    redirect_uris: ["cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback"],
  };

  it("may name a private scheme beside an address that can be used", () => {
    expect(registrationProblem(fine, OWN)).toBeUndefined();
    expect(registrationProblem({ ...fine, unknown_field: { any: "thing" } }, OWN)).toBeUndefined();
  });

  it.each([
    ["our own origin", "https://mcp.test/oauth/callback"],
    ["the auth Worker's origin", "https://auth.test/x"],
    ["a wildcard", "https://*.app.test/cb"],
    ["an IP address", "https://169.254.169.254/cb"],
    ["an IP address in disguise", "https://2852039166/cb"],
    ["an IPv6 address", "https://[fe80::1]/cb"],
    ["an encoded control character", "https://app.test/cb%0d%0a"],
    ["a private scheme alone", "cursor://cb"],
    ["no URI", "callback"],
  ])("may not be answered to %s", (_, uri) => {
    expect(registrationProblem({ redirect_uris: [uri] }, OWN)?.code).toBe("invalid_redirect_uri");
  });

  it("has limits", () => {
    const redirect_uris = ["https://app.test/cb"];
    expect(registrationProblem({ redirect_uris: Array(11).fill(redirect_uris[0]) }, OWN)?.code).toBe(
      "invalid_redirect_uri",
    );
    expect(registrationProblem({ redirect_uris, client_name: "\u200b" }, OWN)?.code).toBe("invalid_client_metadata");
    expect(registrationProblem({ redirect_uris, client_name: "x".repeat(81) }, OWN)?.code).toBe(
      "invalid_client_metadata",
    );
    expect(registrationProblem({ redirect_uris, client_uri: `https://${"x".repeat(512)}` }, OWN)?.code).toBe(
      "invalid_client_metadata",
    );
    expect(registrationProblem({ redirect_uris, contacts: Array(21).fill("a") }, OWN)?.code).toBe(
      "invalid_client_metadata",
    );
  });
});

describe("a client id", () => {
  it("that is a document's URL names a public host over https", () => {
    expect(isDocumentUrlAcceptable("https://claude.ai/oauth/claude-code-client-metadata", OWN)).toBe(true);
    for (const url of [
      "http://app.test/c",
      "https://app.test:8443/c",
      "https://user@app.test/c",
      "https://localhost/c",
      "https://intranet/c",
      "https://printer.local/c",
      "https://10.0.0.1/c",
      "https://[::1]/c",
      "https://mcp.test/c",
      `https://app.test/${"x".repeat(500)}`,
    ]) {
      expect(isDocumentUrlAcceptable(url, OWN), url).toBe(false);
    }
  });

  it("is short wherever it is looked up in storage", () => {
    expect(isClientIdAcceptable("https://app.test/client.json", true, OWN)).toBe(true);
    expect(isClientIdAcceptable(`https://app.test/${"x".repeat(60)}`, false, OWN)).toBe(false);
    expect(isClientIdAcceptable("x".repeat(65), true, OWN)).toBe(false);
  });
});

describe("sealed text", () => {
  it("opens for the context it was sealed for, under a known key, unchanged", async () => {
    const ring = [await key("00000001", 1), await key("00000002", 2)] as const;
    const sealed = await seal([ring[1]], "words", "cookie-a");
    expect(await unseal(ring, sealed, "cookie-a")).toBe("words");
    expect(await unseal(ring, sealed, "cookie-b")).toBeNull();
    expect(await unseal([ring[0]], sealed, "cookie-a")).toBeNull();
    expect(await unseal(ring, `${sealed.slice(0, -2)}AA`, "cookie-a")).toBeNull();
    expect(await unseal([await key("00000002", 9)], sealed, "cookie-a")).toBeNull();
    expect(await unseal(ring, "", "cookie-a")).toBeNull();
  });
});

describe("markup", () => {
  it("escapes every inserted string, in text and in attributes, and no fragment", () => {
    const bad = `"><script>alert('&')</script>`;
    const fragment = html`<b>${bad}</b>`;
    const escaped = "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;";
    expect(toText(html`<a title="${bad}">${[fragment, null, false, 3]}</a>`)).toBe(
      `<a title="${escaped}"><b>${escaped}</b>3</a>`,
    );
  });
});
