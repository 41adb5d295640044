// The decision: made once, only by our own form, and with the information that a user needs.
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../../../src/env.ts";
import { adasEmail, Browser, envWith, form, PASSWORD, redeem, register, slowStorage, userId } from "../browser.ts";

const env = envWith();
const client = await register(env);

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a decision", () => {
  it("is made once, also by ten forms sent in parallel while storage is slow", async () => {
    const user = userId("u_hasty");
    const own = envWith({
      authenticateUser: async (email) => ({ valid: true, userId: user, email, name: "Grace" }),
    });
    const browser = new Browser(own);
    const consent = await browser.consentPage(client);
    slowStorage(150);
    const sent = await Promise.all(
      Array.from({ length: 10 }, () => browser.copy().submit(consent, "/authorize", { decision: "approve" })),
    );
    expect(sent.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(new Set(sent.map(({ next }) => new URL(next).searchParams.get("code"))).size, "one code").toBe(1);
    const { keys } = await (bound as unknown as Env).OAUTH_KV.list({ prefix: `grant:${user}:` });
    expect(keys).toHaveLength(1);
  });

  it("in each of two tabs is made in both, in any order of their steps", async () => {
    const browser = new Browser(env);
    const one = await browser.signInPage(client, { state: "one" });
    const two = await browser.signInPage(client, { state: "two" });
    const [second, first] = [await browser.signIn(two), await browser.signIn(one)];
    const [firstConsent, secondConsent] = [await browser.open(first.next), await browser.open(second.next)];
    for (const [consent, state] of [
      [secondConsent, "two"],
      [firstConsent, "one"],
    ] as const) {
      const left = await browser.submit(consent, "/authorize", { decision: "approve" });
      expect(new URL(left.next).searchParams.get("state")).toBe(state);
      expect((await redeem(env, client, left.next)).scope).toBe("read");
    }
  });

  it.each([
    ["approve", "You allowed access", "has access"],
    ["deny", "You denied access", "has no access"],
  ])("to %s is on the page that returns to the client", async (decision, heading, outcome) => {
    const { text } = await new Browser(env).connect(client, { decision });
    expect(text).toContain(`<h1>${heading}</h1>`);
    expect(text).toContain(`<bdi class="app">Test client</bdi> ${outcome}. Returning to <bdi class="host">`);
  });

  it("is to allow or to deny: any other value changes nothing", async () => {
    const browser = new Browser(env);
    const consent = await browser.consentPage(client);
    const undecided = await browser.submit(consent, "/authorize", { decision: "maybe" });
    expect(undecided.status).toBe(400);
    expect(undecided.text).toMatch(/<a class="button" href="\/consent\?tx=[\w-]{12}">Back to the form<\/a>/);
    expect((await browser.submit(consent, "/authorize", { decision: "approve" })).status).toBe(200);
  });
});

it("a form of our own page is accepted with an opaque Origin, as privacy settings send it", async () => {
  const browser = new Browser(env);
  const headers = { Origin: "null", "Sec-Fetch-Site": "same-origin" };
  const login = await browser.signInPage(client);
  const signedIn = await browser.submit(login, "/login", { email: adasEmail(), password: PASSWORD }, headers);
  const consent = await browser.open(signedIn.next);
  const left = await browser.submit(consent, "/authorize", { decision: "approve" }, headers);
  expect([left.status, left.next.includes("code=")]).toEqual([200, true]);
  const forged = await browser
    .copy()
    .submit(consent, "/authorize", { decision: "approve", csrf: "x".repeat(43) }, headers);
  expect(forged.status).toBe(400);
});

describe("a forged form", () => {
  it.each([
    ["from another site", { "Sec-Fetch-Site": "cross-site" }, 403],
    ["from another subdomain of the site", { "Sec-Fetch-Site": "same-site" }, 403],
    ["with another Origin", { Origin: "https://evil.test" }, 403],
    ["with an opaque Origin from another site", { Origin: "null", "Sec-Fetch-Site": "cross-site" }, 403],
    ["with an opaque Origin from another subdomain", { Origin: "null", "Sec-Fetch-Site": "same-site" }, 403],
    ["with an opaque Origin from no site", { Origin: "null", "Sec-Fetch-Site": "none" }, 403],
    ["with an opaque Origin and no statement about the site", { Origin: "null", "Sec-Fetch-Site": "" }, 403],
    ["of another media type", { "Content-Type": "text/plain" }, 415],
  ])("%s is refused", async (_, headers, status) => {
    const browser = new Browser(env);
    const consent = await browser.consentPage(client);
    expect((await browser.submit(consent, "/authorize", { decision: "approve" }, headers)).status).toBe(status);
  });

  it("without our token, for another step, or without the cookie is refused", async () => {
    const browser = new Browser(env);
    const login = await browser.signInPage(client);
    const consent = await browser.consentPage(client);
    expect((await browser.submit(consent, "/authorize", { decision: "approve", csrf: "x".repeat(43) })).status).toBe(
      400,
    );
    const [, token = ""] = /name="csrf" value="([^"]*)"/.exec(login.text) ?? [];
    expect((await browser.submit(consent, "/authorize", { decision: "approve", csrf: token })).status).toBe(400);
    expect((await new Browser(env).submit(consent, "/authorize", { decision: "approve" })).status).toBe(400);
  });

  it("that is too long or repeats a field is refused", async () => {
    const browser = new Browser(env);
    const login = await browser.signInPage(client);
    expect((await browser.submit(login, "/login", { email: "a", password: "x".repeat(9_000) })).status).toBe(413);
    const repeated = new URLSearchParams([
      ["email", "a"],
      ["email", "b"],
    ]);
    expect((await browser.open("/login", form(repeated))).status).toBe(400);
  });
});

describe("the consent page", () => {
  const pageOf = async (metadata: object, changes: Record<string, string> = {}) => {
    const { text } = await new Browser(env).consentPage(await register(env, metadata), changes);
    return text;
  };

  it.each([
    ["runs on this computer", {}, {}, "This app runs on this computer, where any program could use its name."],
    [
      "uses a trusted name",
      { client_name: "Claude", redirect_uris: ["https://app.test/cb"] },
      { redirect_uri: "https://app.test/cb" },
      "Any app can call itself “<bdi>Claude</bdi>”. Check the address, not the name.",
    ],
    [
      "uses a lookalike of a trusted name, also on this computer",
      { client_name: "\u0421l\u0430ude Code" },
      {},
      "“<bdi>\u0421l\u0430ude Code</bdi>” uses letters that only look like those of a name you may know.",
    ],
    [
      "is at an address with lookalike letters",
      { redirect_uris: ["https://\u0441l\u0430ude.test:8443/cb"] },
      { redirect_uri: "https://\u0441l\u0430ude.test:8443/cb" },
      '<bdi class="host">xn--lude-53d4h.test:8443</bdi> (shown as <bdi class="host">\u0441l\u0430ude.test</bdi>, which is not <bdi class="host">claude.test</bdi>)',
    ],
    [
      "is at an honest address of another script",
      { redirect_uris: ["https://b\u00fccher.test/cb"] },
      { redirect_uri: "https://b\u00fccher.test/cb" },
      '<bdi class="host">xn--bcher-kva.test</bdi> (shown as <bdi class="host">b\u00fccher.test</bdi>)',
    ],
    [
      "has a name in letters of two alphabets",
      { client_name: "N\u043etion" },
      {},
      "“<bdi>N\u043etion</bdi>” uses unusual letters, or mixes those of several alphabets. It reads “<bdi>Notion</bdi>”",
    ],
    [
      "has a trusted name in styled letters",
      { client_name: "\u24b8\u24db\u24d0\u24e4\u24d3\u24d4" },
      {},
      "a name you may know. It reads “<bdi>Claude</bdi>”, and is not that name. Be suspicious.",
    ],
    ["has registered itself", {}, {}, "Self-registered, name not verified"],
    [
      "requests read only",
      {},
      { scope: "read" },
      "It cannot create or change anything, see your password or change your account.",
    ],
    ["requests all scopes", {}, {}, "It cannot see your password or change your account."],
  ])("describes an app that %s", async (_, metadata, changes, words) => {
    expect(await pageOf(metadata, changes)).toContain(words);
  });

  it("says where to end access, and preselects nothing but the requested scope", async () => {
    const text = await pageOf({});
    expect(text).toContain('<a href="/apps">Your connected apps</a>');
    expect(text).not.toContain("autofocus");
    expect(text.indexOf('value="deny"')).toBeLessThan(text.indexOf('value="approve"'));
    expect(text.match(/ checked/g)).toHaveLength(1);
  });
});
