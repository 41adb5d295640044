// The front page: the set-up of clients and the tools, as a visitor reads them.
import { describe, expect, it } from "vitest";
import { homePage } from "../../../../src/oauth/pages/home.ts";
import { toText } from "../../../../src/oauth/pages/html.ts";
import { catalog } from "../../../../src/tools/catalog.ts";
import { productTexts } from "../../../../src/tools/product-texts.ts";

function home(resource: string, isSignupOpen = true, isSignedIn = false, isOpenToApps = isSignupOpen): string {
  return toText(homePage({ resource, isSignupOpen, isSignedIn, isOpenToApps }, productTexts).main);
}

/** Names of the clients with a set-up. */
function clientsIn(page: string): readonly string[] {
  return Array.from(page.matchAll(/<summary>(.*?)<\/summary>/g), ([, name = ""]) => name);
}

describe("the front page", () => {
  it("offers every client on a public https address, with links that install", () => {
    const page = home("https://mcp.example.com/mcp");
    expect(clientsIn(page)).toEqual(
      expect.arrayContaining(["Claude Code", "Claude", "Cursor", "VS Code", "ChatGPT", "Codex", "MCP Inspector"]),
    );
    const [, config = ""] = /href="cursor:[^"]*config=([^"&]*)"/.exec(page) ?? [];
    expect(JSON.parse(atob(decodeURIComponent(config)))).toEqual({ url: "https://mcp.example.com/mcp" });
    const [, code = ""] = /href="vscode:mcp\/install\?([^"]*)"/.exec(page) ?? [];
    expect(JSON.parse(decodeURIComponent(code))).toEqual({
      name: "stackbilt",
      type: "http",
      url: "https://mcp.example.com/mcp",
    });
  });

  it.each([
    ...["http://localhost:8790/mcp", "http://127.0.0.1/mcp", "https://localhost/mcp", "http://mcp.example.com/mcp"],
    ...["https://192.168.1.4/mcp", "https://[fd00::1]/mcp", "https://gateway/mcp", "https://gateway.internal/mcp"],
  ])("offers %s to no client that connects from its vendor's servers", (resource) => {
    const page = home(resource);
    expect(clientsIn(page)).toContain("Claude Code");
    expect(clientsIn(page)).not.toContain("Claude");
    expect(clientsIn(page)).not.toContain("ChatGPT");
    expect(page).toContain("Claude and ChatGPT connect from their vendors");
  });

  it("lists every tool with its scope and price", () => {
    const page = home("https://mcp.example.com/mcp");
    for (const { name, scope } of catalog.values())
      expect(page).toMatch(new RegExp(`<code>${name}</code>.*?${scope},`));
    expect(page).toContain("generate, credits: draft 1, standard 1, premium 3, ultra 5, ultra_plus 8");
  });

  it("offers no sign-up, sign-in or set-up while sign-up is closed, and leads to the account page", () => {
    const page = home("https://mcp.example.com/mcp", false);
    expect(clientsIn(page)).toEqual([]);
    expect(page).not.toMatch(/\/signup|\/login/);
    expect(page).toContain('href="/apps"');
  });

  it("offers keys alone while no new app can be connected, and a sign-up for them", () => {
    const page = home("https://mcp.example.com/mcp", true, false, false);
    expect(clientsIn(page)).toEqual(["A script with a key"]);
    expect(page).toContain('href="/signup"');
  });

  it.each([true, false])("offers a user who is signed in their account, and no way in (sign-up open: %s)", (isOpen) => {
    const page = home("https://mcp.example.com/mcp", isOpen, true);
    expect(page).toContain('<a class="button main" href="/apps">Your account</a>');
    expect(page).not.toMatch(/\/signup|\/login/);
    expect(page.includes("not open to new users")).toBe(!isOpen);
  });
});
