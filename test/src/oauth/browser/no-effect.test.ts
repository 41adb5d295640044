// Requests that are no visit of a user: HEAD, and pages that a browser loads ahead of time. They
// change nothing, on the server or in the browser.
import { env as bound } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../../../src/env.ts";
import { authorizePath, Browser, envWith, register, type Seen, userId } from "../browser.ts";
import { fakeKeyStore, newUserId, signedInBrowser } from "../signed-in-user.ts";

const env = envWith();
const client = await register(env);

const LOOKS: readonly (readonly [look: string, init: RequestInit])[] = [
  ["HEAD", { method: "HEAD" }],
  ["a prefetch", { headers: { "Sec-Purpose": "prefetch" } }],
  ["a prerendering", { headers: { "Sec-Purpose": "prefetch;prerender" } }],
  ["a prefetch of older browsers", { headers: { Purpose: "prefetch" } }],
  ["a preview of Safari", { headers: { "X-Purpose": "preview" } }],
  ["a prefetch of older Firefoxes", { headers: { "X-Moz": "prefetch" } }],
];

const cookiesIn = ({ response }: Seen) => response.headers.getSetCookie();

describe.each(LOOKS)("%s", (_, init) => {
  it("starts no sign-in", async () => {
    for (const path of [await authorizePath(client), "/apps"])
      expect(cookiesIn(await new Browser(env).open(path, init)), path).toEqual([]);
  });

  it("extends no session", async () => {
    const browser = await signedInBrowser(newUserId(), envWith(fakeKeyStore().auth));
    for (const path of ["/apps", "/logout", await authorizePath(client)])
      expect(cookiesIn(await browser.open(path, init)), path).toEqual([]);
  });

  it("leaves an open decision as it is, on every page of its transaction", async () => {
    const user = userId(`u_${crypto.randomUUID()}`);
    const browser = new Browser(
      envWith({ authenticateUser: async (email) => ({ valid: true, userId: user, email, name: "Ada" }) }),
    );
    const consent = await browser.consentPage(client);
    const [, id] = /\?tx=([\w-]{12})/.exec(consent.text) ?? [];
    for (const page of ["login", "signup", "consent", "authorize", "oauth/github"])
      expect(cookiesIn(await browser.open(`/${page}?tx=${id}`, init)), page).toEqual([]);
    const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface
    expect((await OAUTH_KV.list({ prefix: `grant:${user}:` })).keys).toEqual([]);
    expect((await browser.submit(consent, "/authorize", { decision: "approve" })).next).toContain("code=");
  });

  it("does not consume the state of a social sign-in", async () => {
    const browser = new Browser(env);
    const left = await browser.submit(await browser.signInPage(client), "/oauth/github");
    const bridge = new URL(left.next).searchParams;
    const callback = `/oauth/callback?state=${bridge.get("state")}&code=code-${bridge.get("code_challenge")}`;
    expect((await browser.open(callback, init)).next).toBe("");
    expect((await browser.open(callback)).next).toMatch(/^\/consent\?tx=/);
  });
});

it("a page that was loaded ahead of time is discarded by the browser, because it has status 503", async () => {
  const ahead = await new Browser(env).open(await authorizePath(client), { headers: { "Sec-Purpose": "prefetch" } });
  expect([ahead.status, ahead.response.headers.get("Cache-Control")]).toEqual([503, "no-store"]);
  expect((await new Browser(env).open("/", { headers: { "Sec-Purpose": "prefetch" } })).status, "public").toBe(200);
});
