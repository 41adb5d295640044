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
import { disguiseOf, readingOf } from "../../../../src/oauth/authorization-server/lookalikes.ts";

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

describe("a name whose letters are not what they seem", () => {
  it.each([
    ["Cyrillic amid Latin", "N\u043etion", "Notion"],
    ["Greek amid Latin", "\u0391pple", "Apple"],
    ["Coptic", "\u2c9ep\u2c89nAI", "OpenAI"],
    ["Lisu", "\ua4da\ua4e1\ua4ee\ua4f4\ua4d3\ua4f0", "claude"],
    ["Cherokee", "\u13df\u13de\u13aa\u13cc\u13a0\u13ac", "CLAUDE"],
    ["Canadian syllables", "\u1455\u14aa\u15e9\u144c\u15ea\u156e", "claude"],
    ["small capitals", "\u0274\u1d0f\u1d1b\u026a\u1d0f\u0274", "notion"],
    ["circles", "\u24b8\u24db\u24d0\u24e4\u24d3\u24d4", "Claude"],
    ["black circles", "\u{1f15d}\u{1f15e}\u{1f163}\u{1f158}\u{1f15e}\u{1f15d}", "NOTION"],
    ["black squares", "\u{1f17d}\u{1f17e}\u{1f183}\u{1f178}\u{1f17e}\u{1f17d}", "NOTION"],
    ["brackets", "\u249e\u24a7\u249c\u24b0\u249f\u24a0", "claude"],
    ["fullwidth letters", "\uff2e\uff4f\uff54\uff49\uff4f\uff4e", "Notion"],
    [
      "bold letters, in one of two words",
      "\u{1d5e1}\u{1d5fc}\u{1d601}\u{1d5f6}\u{1d5fc}\u{1d5fb} Calendar",
      "Notion Calendar",
    ],
    ["script letters", "\u{1d4d2}\u{1d4f5}\u{1d4ea}\u{1d4fe}\u{1d4ed}\u{1d4ee}", "Claude"],
    ["raised letters", "\u1d9c\u02e1\u1d43\u1d58\u1d48\u1d49", "claude"],
    ["Roman numerals", "\u217d\u217caude", "claude"],
    ["Bengali zeros", "g\u09e6\u09e6gle", "google"],
    ["two alphabets, neither of them Latin", "\u0421\u03bf\u0440\u0443", "Copy"],
    ["an accent beside it", "Cl\u0430ud\u00e9", "Claud\u00e9"],
  ])("is told from its %s, with how it reads", (_, name, reading) => {
    expect(disguiseOf(cleanName(name))).toEqual({ reading });
  });

  it("is told also if it reads as no Latin letters, as runes do", () => {
    expect(disguiseOf("\u16b1\u16a2\u16be\u16d6")).toEqual({ reading: null });
    expect(disguiseOf("Noti\u0436n"), "a letter of another alphabet that looks like none").toEqual({ reading: null });
  });

  it.each([
    ...["ChatGPT 日本語", "ChatGPT日本語版", "OpenAIのアシスタント", "口コミAI", "ドラえもん Bot", "小红书 AI", "ﾃｽﾄ"],
    ...["Мои заметки", "ChatGPT Рус", "СССР", "Привет, мир 2.0", "Σημειώσεις", "Ελλάδα App", "개인 비서 AI", "AI비서"],
    ...["מחברת שלי", "ملاحظاتي ChatGPT", "नोट्स सहायक", "AIसहायक", "บันทึกของฉัน", "தமிழ் உதவி", "বাংলা ০১২"],
    ...["Հայերեն", "ქართული", "አማርኛ", "ភាសាខ្មែរ", "Ghi chú của tôi", "Yorùbá ẹ̀kọ́", "Azərbaycan", "ışık", "Łódź"],
    ...["Straße", "Ærø", "Hawaiʻi", "Edición 1ª", "Nº 1", "Notion™", "H₂O", "m²", "①番", "ファイナルⅦ", "🅿 Parking"],
    ...["🇺🇸 Translator", "C++ helper", "O’Brien", "Claude Code", "Mac OS X 10.15"],
  ])("is not an honest one: %s", (name) => {
    expect(disguiseOf(cleanName(name))).toBeNull();
    expect(impersonationOf(cleanName(name), null)).not.toBe("lookalike");
  });

  it.each([
    ["small capitals", "\ua731\u1d1b\u1d00\u1d04\u1d0b\u0299\u026a\u029f\u1d1b"],
    ["Cyrillic", "\u0405tackbilt"],
    ["black squares", "\u{1f182}\u{1f183}\u{1f170}\u{1f172}\u{1f17a}\u{1f171}\u{1f178}\u{1f17b}\u{1f183}"],
    ["letters of flags", "\u{1f1f8}\u{1f1f9}\u{1f1e6}\u{1f1e8}\u{1f1f0}\u{1f1e7}\u{1f1ee}\u{1f1f1}\u{1f1f9}"],
  ])("pretends to be ours in %s, and counts as a lookalike", (_, name) => {
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

  it("reads as another host if its letters look like that one's, and as itself if they do not", () => {
    expect(readingOf("\u0441l\u0430ude.ai")).toBe("claude.ai");
    expect(readingOf("\u0430\u0440\u0440\u04cf\u0435.com"), "one script").toBe("apple.com");
    for (const host of ["bücher.example", "пример.test", "例え.テスト", "faß.de", "www.ελληνικά.gr"])
      expect(readingOf(host), host).toBeNull();
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
