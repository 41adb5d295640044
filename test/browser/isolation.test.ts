// What sites elsewhere can do to somebody who is signed in here, as their browser decides it: frame our pages, send our forms, read
// our cookies, hold on to a window of ours, look at what is left after signing out. Each time the answer is: nothing.
import type { Page, Response } from "playwright-core";
import { describe, expect, it } from "vitest";
import { decide, follow, signIn, signUp, useBrowser } from "../support/browser.ts";
import { useReceiver } from "../support/redirect-receiver.ts";
import { useSystem } from "../support/system.ts";
import { type Account, newAccount } from "../support/user.ts";

const system = useSystem();
const elsewhere = useReceiver();
// Chromium as people have it: it keeps the pages that they leave, to show them again at once.
const { visitor, connect } = useBrowser(system, { ignoreDefaultArgs: ["--disable-back-forward-cache"] });

/** Where somebody else's page can be: a name of its own is another site, another port only another origin of this one. */
const ELSEWHERE = [
  ["another site", "localhost"],
  ["another origin of the same site", "127.0.0.1"],
] as const;

/** A tab with JavaScript, of somebody who has signed up for their own page and looks at it. */
async function atOwnPage(account: Account): Promise<Page> {
  const page = await visitor({ javaScriptEnabled: true });
  await page.goto(`${system.origin}/apps`);
  await signUp(page, account);
  await page.getByRole("heading", { name: "Your apps and keys" }).waitFor();
  return page;
}

async function textOf(page: Page): Promise<string> {
  return (await page.locator("body").innerText()).replace(/\s+/g, " ");
}

describe("a page that is framed", () => {
  it.each(ELSEWHERE)("by %s shows nothing", async (_, host) => {
    const account = newAccount();
    const page = await atOwnPage(account);
    const connection = await connect();
    await page.goto(connection.url);
    await page.getByRole("heading", { name: "Allow Test client?" }).waitFor();
    const addresses = [
      "/",
      "/apps",
      "/logout",
      `/consent${new URL(page.url()).search}`,
      connection.url,
      "/login",
      "/apps/keys",
    ];
    const frames = addresses.map(
      (address) => `<iframe src="${new URL(address, system.origin).href.replaceAll("&", "&amp;")}"></iframe>`,
    );
    elsewhere.show("/inside", "<p>Can be framed</p>");
    elsewhere.show("/frames", `${frames.join("")}<iframe src="/inside"></iframe>`);

    const tab = await page.context().newPage();
    await tab.goto(`${elsewhere.at(host)}/frames`);
    const inside = tab.mainFrame().childFrames();
    expect(inside).toHaveLength(addresses.length + 1);
    expect(await inside.at(-1)?.locator("body").innerText(), "a frame would show what may be framed").toBe(
      "Can be framed",
    );
    for (const [at, frame] of inside.slice(0, -1).entries()) {
      expect(frame.url(), addresses[at]).toBe("chrome-error://chromewebdata/");
      expect(await frame.locator("body").innerText(), addresses[at]).not.toMatch(
        new RegExp(`Stackbilt|Allow|Sign|${account.email}`),
      );
    }
    expect((await decide(page, "Allow", connection)).get("code"), "the same person, on the page itself").toBeTruthy();
  });
});

describe("the cookies", () => {
  it("are for this host alone, over a safe connection, out of every script's reach, and not sent along from other sites", async () => {
    const page = await visitor({ javaScriptEnabled: true });
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
    await look("at the own page");
    expect(new Set(seen)).toEqual(new Set(["__Host-gw_tx", "__Host-gw_s"]));
  });
});

/** A form as our own page has it, with everything that proves it to be ours. */
interface Form {
  readonly action: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** The forms of the page that is shown, filled in with `typed`. */
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

/** Somebody else's page sends `form`, as it is, from a second tab of the same browser. What came of it. */
async function sendFrom(host: (typeof ELSEWHERE)[number][1], { action, fields }: Form, page: Page): Promise<Response> {
  const inputs = fields.map(([name, value]) => `<input name="${name}" value="${value.replaceAll('"', "&quot;")}">`);
  elsewhere.show(
    "/trap",
    `<form method="post" action="${action}">${inputs.join("")}</form><script>document.forms[0].submit()</script>`,
  );
  const tab = await page.context().newPage();
  const [response] = await Promise.all([
    tab.waitForResponse((answer) => answer.url() === action && answer.request().method() === "POST"),
    tab.goto(`${elsewhere.at(host)}/trap`),
  ]);
  await tab.getByRole("heading", { level: 1 }).waitFor();
  const sent = await response.request().allHeaders();
  expect(sent.origin, action).toBe(elsewhere.at(host));
  expect(/__Host-/.test(sent.cookie ?? ""), `the browser sends its cookies with ${action}`).toBe(host === "127.0.0.1");
  await tab.close();
  return response;
}

describe.each(ELSEWHERE)("a form of ours that %s has a browser send, with our own token in it,", (_, host) => {
  const cookiesOf = async (page: Page) => (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`);

  it("signs nobody in or up, and sends nobody to a provider", async () => {
    const other = newAccount("Somebody else");
    await atOwnPage(other);
    const connection = await connect();
    const page = await visitor({ javaScriptEnabled: true });
    await page.goto(connection.url);
    const before = await cookiesOf(page);
    const login = await formsOf(page, { email: other.email, password: other.password });
    expect(login.map(({ action }) => new URL(action).pathname)).toEqual(["/login", "/oauth/github", "/oauth/google"]);
    for (const form of login) expect((await sendFrom(host, form, page)).status(), form.action).toBe(403);
    expect(await cookiesOf(page)).toEqual(before);
    await page.goto(`${system.origin}/apps`);
    expect(await textOf(page)).not.toContain(other.email);

    const second = await connect();
    await page.goto(second.url);
    await follow(page.getByRole("link", { name: "Create an account" }));
    const signup = (await formsOf(page, { ...newAccount() })).find(
      ({ action }) => new URL(action).pathname === "/signup",
    );
    expect(signup && (await sendFrom(host, signup, page)).status()).toBe(403);
    await follow(page.getByRole("link", { name: "Sign in" }));
    await signIn(page, other);
    expect((await decide(page, "Allow", second)).get("code"), "the same person, from the page itself").toBeTruthy();
  });

  it("decides nothing", async () => {
    const connection = await connect();
    const page = await visitor({ javaScriptEnabled: true });
    await page.goto(connection.url);
    await signUp(page, newAccount());
    const [form] = await formsOf(page, { decision: "approve", scope: "generate" });
    if (!form) throw new Error("The page has no form.");
    for (const path of ["/authorize", "/consent"]) {
      const action = new URL(form.action);
      action.pathname = path;
      expect((await sendFrom(host, { ...form, action: action.href }, page)).status(), path).toBe(403);
    }
    expect(connection.received).toEqual([]);
    expect((await decide(page, "Allow", connection)).get("code"), "the same person, from the page itself").toBeTruthy();
  });

  it("takes nothing away, makes nothing, and signs nobody out", async () => {
    const page = await atOwnPage(newAccount());
    const connection = await connect();
    await page.goto(connection.url);
    const { access_token } = await connection.redeem((await decide(page, "Allow", connection)).get("code"));
    await page.goto(`${system.origin}/apps`);
    await page.getByText("Make a key").click();
    await page.getByLabel("Name").fill("For the build");
    await page.getByRole("button", { name: "Make the key" }).click();
    await page.getByRole("heading", { name: "Your new API key" }).waitFor();
    await page.goto(`${system.origin}/apps`);
    const before = await textOf(page);
    expect(before).toContain("For the build");
    const forms = await formsOf(page);
    expect(forms.map(({ action }) => new URL(action).pathname)).toEqual([
      ...["/logout", "/apps/revoke", "/apps/revoke-all", "/apps/keys/revoke", "/apps/keys", "/apps/token"],
    ]);
    for (const form of forms) expect((await sendFrom(host, form, page)).status(), form.action).toBe(403);
    await page.reload();
    expect(await textOf(page)).toBe(before);
    const ping = await system.fetch("/mcp", {
      method: "POST",
      headers: {
        authorization: `Bearer ${access_token}`,
        "content-type": "application/json",
        accept: "application/json",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }),
    });
    expect(ping.status).toBe(200);
    await follow(page.getByRole("button", { name: "Disconnect Test client" }));
    expect(await textOf(page), "the same person, from the page itself").toContain("No app is connected.");
  });
});

describe("a site that holds a window of ours", () => {
  /** What a script elsewhere gets from the window that it opened: a value, or the name of the error. */
  const attempts = [
    ...[
      "opened.document.body.innerText",
      "opened.document.cookie",
      "opened.location.href",
      "opened.location.search",
      "opened.origin",
    ],
    ...[
      "opened.localStorage.length",
      "opened.document.forms[0].submit()",
      "opened.document.title = 'owned'",
      "opened.name",
      "opened.eval('1')",
    ],
  ];
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

  it.each(ELSEWHERE)("on %s can read nothing in it and press nothing in it, at any step", async (_, host) => {
    const connection = await connect();
    const tab = await visitor({ javaScriptEnabled: true });
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
    // It can send its own window elsewhere, as browsers let every opener, and is shown nothing of where that was.
    await tab.evaluate(`void (window.opened.location = "/opener")`);
    await popup.waitForURL(`${elsewhere.at(host)}/opener`);
    expect(elsewhere.received.map(({ referer }) => referer)).not.toContainEqual(expect.stringContaining(system.origin));
  });

  it("gets it back when the person has decided: apps that sign in through a popup hear from it (no COOP)", async () => {
    const connection = await connect();
    const tab = await visitor({ javaScriptEnabled: true });
    await tab.goto(`${elsewhere.at("localhost")}/app`);
    const [popup] = await Promise.all([
      tab.waitForEvent("popup"),
      tab.evaluate(`void (window.opened = window.open(${JSON.stringify(connection.url)}))`),
    ]);
    await signUp(popup, newAccount());
    await popup.getByRole("button", { name: "Allow" }).click();
    await connection.arrival(popup);
    expect(await popup.evaluate("window.opener !== null")).toBe(true);
    expect(await tab.evaluate("window.opened.closed")).toBe(false);
  });
});

describe("a browser after signing out", () => {
  /** A page that the browser has kept does not load again, so there is nothing more to wait for. */
  const leaf = async (page: Page, way: "goBack" | "goForward") => {
    await page[way]({ waitUntil: "commit" });
    await page.getByRole("heading", { level: 1 }).waitFor();
  };

  it("shows nothing of before, however far it goes back", async () => {
    const account = newAccount();
    const page = await atOwnPage(account);
    for (const path of ["/logout", "/apps"]) {
      await page.goto(system.origin + path);
      expect(await textOf(page)).toContain(account.email);
    }
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    for (const way of ["goBack", "goBack", "goBack", "goForward", "goForward"] as const) {
      await leaf(page, way);
      expect(await textOf(page), page.url()).not.toContain(account.email);
    }
  });

  it("would have kept them: it keeps a page from elsewhere, and shows it as it was", async () => {
    const page = await visitor({ javaScriptEnabled: true });
    await page.goto(`${elsewhere.at("localhost")}/kept`);
    await page.evaluate(`void (window.mark = "still here")`);
    await page.goto(`${elsewhere.at("127.0.0.1")}/other`);
    await leaf(page, "goBack");
    expect(await page.evaluate("window.mark")).toBe("still here");
  });
});
