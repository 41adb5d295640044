// Attacks of other sites on a signed-in user, in a real browser: framing the gateway's pages,
// submitting its forms, reading its cookies, controlling its window, reading its pages after
// sign-out. Each must fail.
import type { Page, Response } from "playwright-core";
import { describe, expect, it } from "vitest";
import { decide, follow, signIn, signUp, useBrowser } from "../support/browser.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { useReceiver } from "../support/redirect-receiver.ts";
import { useSystem } from "../support/system.ts";
import { type Account, newAccount } from "../support/user.ts";

const system = useSystem();
const elsewhere = useReceiver();
// Chromium as users run it, with the back/forward cache.
const { newPage, connect } = useBrowser(system, { ignoreDefaultArgs: ["--disable-back-forward-cache"] });

/**
 * Sites of an attacker: another host name is another site, another port another origin of the same
 * site.
 */
const ATTACKERS = [
  ["another site", "localhost"],
  ["another origin of the same site", "127.0.0.1"],
] as const;

/** The account page of a new user, with JavaScript. */
async function openAccountPage(account: Account): Promise<Page> {
  const page = await newPage({ javaScriptEnabled: true });
  await page.goto(`${system.origin}/apps`);
  await signUp(page, account);
  await page.getByRole("heading", { name: "Your apps and keys" }).waitFor();
  return page;
}

async function textOf(page: Page): Promise<string> {
  return (await page.locator("body").innerText()).replace(/\s+/g, " ");
}

describe("a framed page", () => {
  it.each(ATTACKERS)("is not shown by %s", async (_, host) => {
    const account = newAccount();
    const page = await openAccountPage(account);
    const connection = await connect();
    await page.goto(connection.url);
    await page.getByRole("heading", { name: "Allow Test client?" }).waitFor();
    const paths = [
      "/",
      "/apps",
      "/logout",
      `/consent${new URL(page.url()).search}`,
      connection.url,
      "/login",
      "/apps/keys",
    ];
    const frames = paths.map(
      (path) => `<iframe src="${new URL(path, system.origin).href.replaceAll("&", "&amp;")}"></iframe>`,
    );
    elsewhere.show("/inside", "<p>Can be framed</p>");
    elsewhere.show("/frames", `${frames.join("")}<iframe src="/inside"></iframe>`);

    const tab = await page.context().newPage();
    await tab.goto(`${elsewhere.at(host)}/frames`);
    const inside = tab.mainFrame().childFrames();
    expect(inside).toHaveLength(paths.length + 1);
    expect(await inside.at(-1)?.locator("body").innerText(), "a page that allows framing is shown").toBe(
      "Can be framed",
    );
    for (const [at, frame] of inside.slice(0, -1).entries()) {
      expect(frame.url(), paths[at]).toBe("chrome-error://chromewebdata/");
      expect(await frame.locator("body").innerText(), paths[at]).not.toMatch(
        new RegExp(`Stackbilt|Allow|Sign|${account.email}`),
      );
    }
    expect((await decide(page, "Allow", connection)).get("code"), "the user on the page itself").toBeTruthy();
  });
});

describe("the cookies", () => {
  it("are __Host-, Secure, HttpOnly and SameSite=Lax at each step", async () => {
    const page = await newPage({ javaScriptEnabled: true });
    const seen: string[] = [];
    const look = async (stage: string) => {
      for (const { name, ...attributes } of await page.context().cookies()) {
        seen.push(name.replace(/_tx_.*/, "_tx"));
        expect(name, stage).toMatch(/^__Host-/);
        expect(attributes, `${name}, ${stage}`).toMatchObject({
          domain: "127.0.0.1",
          path: "/",
          httpOnly: true,
          secure: true,
          sameSite: "Lax",
        });
      }
      expect(await page.evaluate("document.cookie"), stage).toBe("");
    };
    const connection = await connect();
    await page.goto(connection.url);
    await look("before signing in");
    expect(new Set(seen)).toEqual(new Set(["__Host-gw_tx"]));
    await signUp(page, newAccount());
    await look("before deciding");
    await decide(page, "Allow", connection);
    await page.goto(`${system.origin}/apps`);
    await look("at the account page");
    expect(new Set(seen)).toEqual(new Set(["__Host-gw_tx", "__Host-gw_s", "__Host-gw_b"]));
  });
});

/** A form of a page, with its CSRF token. */
interface Form {
  readonly action: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** The forms of a page, filled in with `typed`. */
async function formsOf(page: Page, typed: Readonly<Record<string, string>> = {}): Promise<readonly Form[]> {
  const forms = await page.evaluate<Form[]>(
    `[...document.forms].map((form) => {
      const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
      return { action: form.action, fields };
    })`,
  );
  return forms.map(({ action, fields }) => {
    const known = fields.filter(([name]) => !(name in typed));
    return { action, fields: [...known, ...Object.entries(typed)] };
  });
}

/**
 * Submits `form` from an attacker's page in a second tab of the same browser. Throws unless the
 * request has the attacker's Origin, and cookies from the same site only.
 */
async function submitFrom(
  host: (typeof ATTACKERS)[number][1],
  { action, fields }: Form,
  page: Page,
): Promise<Response> {
  const inputs = fields.map(([name, value]) => `<input name="${name}" value="${value.replaceAll('"', "&quot;")}">`);
  elsewhere.show(
    "/attack",
    `<form method="post" action="${action}">${inputs.join("")}</form><script>document.forms[0].submit()</script>`,
  );
  const tab = await page.context().newPage();
  const [response] = await Promise.all([
    tab.waitForResponse((candidate) => candidate.url() === action && candidate.request().method() === "POST"),
    tab.goto(`${elsewhere.at(host)}/attack`),
  ]);
  await tab.getByRole("heading", { level: 1 }).waitFor();
  const sent = await response.request().allHeaders();
  if (sent.origin !== elsewhere.at(host)) throw new Error(`${action} was sent with the Origin ${sent.origin}.`);
  if (/__Host-/.test(sent.cookie ?? "") !== (host === "127.0.0.1"))
    throw new Error(`${action} was sent with the cookies ${sent.cookie}.`);
  await tab.close();
  return response;
}

describe.each(ATTACKERS)("a form of the gateway with its CSRF token, submitted from %s,", (_, host) => {
  const cookiesOf = async (page: Page) => (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`);

  it("does not sign in or up, and does not redirect to a provider", async () => {
    const other = newAccount("Another user");
    await openAccountPage(other);
    const connection = await connect();
    const page = await newPage({ javaScriptEnabled: true });
    await page.goto(connection.url);
    const before = await cookiesOf(page);
    const login = await formsOf(page, { email: other.email, password: other.password });
    expect(login.map(({ action }) => new URL(action).pathname)).toEqual(["/login", "/oauth/github", "/oauth/google"]);
    for (const form of login) expect((await submitFrom(host, form, page)).status(), form.action).toBe(403);
    expect(await cookiesOf(page)).toEqual(before);
    await page.goto(`${system.origin}/apps`);
    expect(await textOf(page)).not.toContain(other.email);

    const second = await connect();
    await page.goto(second.url);
    await follow(page.getByRole("link", { name: "Create an account" }));
    const signup = (await formsOf(page, { ...newAccount() })).find(
      ({ action }) => new URL(action).pathname === "/signup",
    );
    expect(signup && (await submitFrom(host, signup, page)).status()).toBe(403);
    await follow(page.getByRole("link", { name: "Sign in" }));
    await signIn(page, other);
    expect((await decide(page, "Allow", second)).get("code"), "the user on the page itself").toBeTruthy();
  });

  it("decides nothing", async () => {
    const connection = await connect();
    const page = await newPage({ javaScriptEnabled: true });
    await page.goto(connection.url);
    await signUp(page, newAccount());
    const [form] = await formsOf(page, { decision: "approve", scope: "generate" });
    if (!form) throw new Error("The page has no form.");
    for (const path of ["/authorize", "/consent"]) {
      const action = new URL(form.action);
      action.pathname = path;
      expect((await submitFrom(host, { ...form, action: action.href }, page)).status(), path).toBe(403);
    }
    expect(connection.received).toEqual([]);
    expect((await decide(page, "Allow", connection)).get("code"), "the user on the page itself").toBeTruthy();
  });

  it("revokes nothing, makes nothing and does not sign out", async () => {
    const page = await openAccountPage(newAccount());
    const connection = await connect();
    await page.goto(connection.url);
    const { access_token } = await connection.redeem((await decide(page, "Allow", connection)).get("code"));
    await page.goto(`${system.origin}/apps`);
    await page.getByText("Create a key").click();
    await page.getByLabel("Name").fill("For the build");
    await page.getByRole("button", { name: "Create the key" }).click();
    await page.getByRole("heading", { name: "Your new API key" }).waitFor();
    await page.goto(`${system.origin}/apps`);
    const before = await textOf(page);
    expect(before).toContain("For the build");
    const forms = await formsOf(page);
    expect(forms.map(({ action }) => new URL(action).pathname)).toEqual([
      "/logout",
      "/apps/revoke",
      "/apps/revoke-all",
      "/apps/keys/revoke",
      "/apps/keys",
      "/apps/token",
      "/apps/data",
    ]);
    for (const form of forms) expect((await submitFrom(host, form, page)).status(), form.action).toBe(403);
    await page.reload();
    expect(await textOf(page)).toBe(before);
    const tools = await postRequest(
      system,
      access_token,
      { method: "tools/list" },
      { headers: { accept: "application/json" } },
    );
    expect(tools.status).toBe(200);
    await page.getByLabel("Disconnect Test client").click();
    await follow(page.getByRole("button", { name: "Disconnect Test client" }));
    expect(await textOf(page), "the user on the page itself").toContain("No app is connected.");
  });
});

describe("a window of the gateway", () => {
  const attempts = [
    "opened.document.body.innerText",
    "opened.document.cookie",
    "opened.location.href",
    "opened.location.search",
    "opened.origin",
    "opened.localStorage.length",
    "opened.document.forms[0].submit()",
    "opened.document.title = 'owned'",
    "opened.name",
    "opened.eval('1')",
  ];
  /**
   * The result of each attempt by the page that opened the window: a value, or the name of the
   * error.
   */
  const outcomes = (tab: Page) =>
    tab.evaluate<string[]>(
      `${JSON.stringify(attempts)}.map((attempt) => {
        try {
          return String(new Function("opened", "return " + attempt)(window.opened));
        } catch (error) {
          return error.name;
        }
      })`,
    );

  it.each(ATTACKERS)("opened by %s, which cannot read or control it at any step", async (_, host) => {
    const connection = await connect();
    const tab = await newPage({ javaScriptEnabled: true });
    await tab.goto(`${elsewhere.at(host)}/opener`);
    const [popup] = await Promise.all([
      tab.waitForEvent("popup"),
      tab.evaluate(`void (window.opened = window.open(${JSON.stringify(connection.url)}))`),
    ]);
    const nothing = attempts.map(() => "SecurityError");
    await popup.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await outcomes(tab)).toEqual(nothing);
    await signUp(popup, newAccount());
    await popup.getByRole("heading", { name: "Allow Test client?" }).waitFor();
    expect(await outcomes(tab)).toEqual(nothing);
    await tab.evaluate(`window.opened.postMessage({ decision: "approve" }, "*")`);
    expect(connection.received).toEqual([]);
    await popup.goto(`${system.origin}/apps`);
    await popup.getByRole("heading", { name: "Your apps and keys" }).waitFor();
    expect(await outcomes(tab)).toEqual(nothing);
    // An opener can navigate its window elsewhere, as in any browser, and gets no Referer of the
    // gateway.
    await tab.evaluate(`void (window.opened.location = "/opener")`);
    await popup.waitForURL(`${elsewhere.at(host)}/opener`);
    expect(elsewhere.received.map(({ referer }) => referer)).not.toContainEqual(expect.stringContaining(system.origin));
  });

  it("opened by a client as a popup keeps its opener until the redirect (no COOP)", async () => {
    const connection = await connect();
    const tab = await newPage({ javaScriptEnabled: true });
    await tab.goto(`${elsewhere.at("localhost")}/app`);
    const [popup] = await Promise.all([
      tab.waitForEvent("popup"),
      tab.evaluate(`void (window.opened = window.open(${JSON.stringify(connection.url)}))`),
    ]);
    await signUp(popup, newAccount());
    await popup.getByRole("button", { name: "Allow" }).click();
    await connection.waitForCallback(popup);
    expect(await popup.evaluate("window.opener !== null")).toBe(true);
    expect(await tab.evaluate("window.opened.closed")).toBe(false);
  });
});

describe("a browser after signing out", () => {
  /** Goes through the history. A page of the back/forward cache does not load again. */
  const navigate = async (page: Page, way: "goBack" | "goForward") => {
    await page[way]({ waitUntil: "commit" });
    await page.getByRole("heading", { level: 1 }).waitFor();
  };

  it("shows no page of the account, however far it goes back", async () => {
    const account = newAccount();
    const page = await openAccountPage(account);
    for (const path of ["/logout", "/apps"]) {
      await page.goto(system.origin + path);
      expect(await textOf(page)).toContain(account.email);
    }
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    for (const way of ["goBack", "goBack", "goBack", "goForward", "goForward"] as const) {
      await navigate(page, way);
      expect(await textOf(page), page.url()).not.toContain(account.email);
    }
  });

  it("has a working back/forward cache for pages of other sites", async () => {
    const page = await newPage({ javaScriptEnabled: true });
    await page.goto(`${elsewhere.at("localhost")}/cached`);
    await page.evaluate(`void (window.mark = "still here")`);
    await page.goto(`${elsewhere.at("127.0.0.1")}/other`);
    await navigate(page, "goBack");
    expect(await page.evaluate("window.mark")).toBe("still here");
  });
});
