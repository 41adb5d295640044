// The forms of the door's pages: one decision counts once, and nobody else's form counts at all.
import { describe, expect, it } from "vitest";
import { Browser, envWith, form, register } from "./visitor.ts";

const env = envWith();
const client = await register(env);

describe("one decision", () => {
  it("is made once, also by ten forms sent together", async () => {
    const browser = new Browser(env);
    const consent = await browser.reachConsent(client);
    const cookies = new Map(browser.cookies);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => {
        const tab = new Browser(env);
        for (const [name, value] of cookies) tab.cookies.set(name, value);
        return tab.submit(consent, "/authorize", { decision: "approve" });
      }),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(400)]);
    expect(answers.find(({ status }) => status === 400)?.text).toContain("Already used");
  });

  it("is a decision: anything else changes nothing", async () => {
    const browser = new Browser(env);
    const consent = await browser.reachConsent(client);
    expect((await browser.submit(consent, "/authorize", { decision: "maybe" })).status).toBe(400);
    expect((await browser.submit(consent, "/authorize", { decision: "approve" })).status).toBe(200);
  });
});

describe("a forged form", () => {
  it.each([
    ["from another site", { "Sec-Fetch-Site": "cross-site" }, 403],
    ["from a neighbour's subdomain", { "Sec-Fetch-Site": "same-site" }, 403],
    ["with another Origin", { Origin: "https://evil.test" }, 403],
    ["with an opaque Origin", { Origin: "null" }, 403],
    ["of another media type", { "Content-Type": "text/plain" }, 415],
  ])("%s is refused", async (_, headers, status) => {
    const browser = new Browser(env);
    expect((await browser.submit(await browser.reachConsent(client), "/authorize", { decision: "approve" }, headers)).status).toBe(status);
  });

  it("without our token, for another step, or without the cookie is refused", async () => {
    const browser = new Browser(env);
    const login = await browser.arrive(client);
    const consent = await browser.reachConsent(client);
    expect((await browser.submit(consent, "/authorize", { decision: "approve", csrf: "x".repeat(43) })).status).toBe(400);
    const [, token = ""] = /name="csrf" value="([^"]*)"/.exec(login.text) ?? [];
    expect((await browser.submit(consent, "/authorize", { decision: "approve", csrf: token })).status).toBe(400);
    expect((await new Browser(env).submit(consent, "/authorize", { decision: "approve" })).status).toBe(400);
  });

  it("that is too long or names a field twice is refused", async () => {
    const browser = new Browser(env);
    const login = await browser.arrive(client);
    expect((await browser.submit(login, "/login", { email: "a", password: "x".repeat(9_000) })).status).toBe(413);
    const twice = new URLSearchParams([
      ["email", "a"],
      ["email", "b"],
    ]);
    expect((await browser.open("/login", form(twice))).status).toBe(400);
  });
});
