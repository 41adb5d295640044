// Detours of users: two tabs, reload, back, submitting twice. And the cookies in the browser
// meanwhile.
import { afterEach, describe, expect, it } from "vitest";
import { decide, follow, headingOf, signIn, signUp, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";

const system = useSystem();
const { newPage, connect, openSignInPage, pageErrors } = useBrowser(system);
afterEach(() => expect(pageErrors()).toEqual([]));

describe("two tabs of one browser", () => {
  it("can connect a client each, in any order of their steps", async () => {
    const [one, other] = [await connect({ name: "First app" }), await connect({ name: "Second app" })];
    const first = await newPage();
    const second = await first.context().newPage();
    await Promise.all([first.goto(one.url), second.goto(other.url)]);
    await Promise.all([signUp(first, newAccount()), signUp(second, newAccount())]);
    expect(await headingOf(second)).toBe("Allow Second app?");
    expect(await headingOf(first)).toBe("Allow First app?");
    await Promise.all([second, first].map((page) => page.getByRole("button", { name: "Allow" }).click()));
    const [callback, otherCallback] = await Promise.all([one.waitForCallback(first), other.waitForCallback(second)]);
    expect([callback.get("state"), otherCallback.get("state")]).toEqual([one.state, other.state]);
    await Promise.all([one.redeem(callback.get("code")), other.redeem(otherCallback.get("code"))]);
  });

  it("with the same request get one code, within a minute", async () => {
    const { connection, page: first } = await openSignInPage();
    await signUp(first, newAccount());
    const second = await first.context().newPage();
    await second.goto(first.url());
    const code = (await decide(first, "Allow", connection)).get("code");
    expect((await decide(second, "Allow", connection)).get("code")).toBe(code);
    await second.goBack();
    expect(await headingOf(second)).toBe("Start again from your app");
    expect(connection.received).toHaveLength(2);
  });

  it("refuse another decision as already used, even if the browser still has its cookie", async () => {
    const { connection, page: first } = await openSignInPage();
    await signUp(first, newAccount());
    const second = await first.context().newPage();
    await second.goto(first.url());
    const kept = await first.context().cookies();
    await decide(first, "Deny", connection);
    await first.context().addCookies(kept);
    await follow(second.getByRole("button", { name: "Allow" }));
    expect(await headingOf(second)).toBe("Already used");
    expect(connection.received).toHaveLength(1);
  });
});

describe("reload", () => {
  it("keeps each page as it is, and the next step works", async () => {
    const account = newAccount();
    const { connection, page } = await openSignInPage();
    await page.reload();
    await follow(page.getByRole("link", { name: "Create an account" }));
    await page.reload();
    await page.goBack();
    await signUp(page, account);
    await page.reload();
    expect(await headingOf(page)).toBe("Allow Test client?");
    expect((await decide(page, "Allow", connection)).get("code")).toBeTruthy();
  });

  it("of a failed sign-in shows the same error", async () => {
    const { page } = await openSignInPage();
    await signIn(page, { email: newAccount().email, password: "a guess of enough characters" });
    await page.reload();
    expect(await page.getByRole("alert").textContent()).toContain("E-mail or password is wrong.");
  });
});

describe("the back button", () => {
  it("on the consent page leads to the sign-in page, also for another account", async () => {
    const account = newAccount();
    const { connection, page } = await openSignInPage();
    await signUp(page, newAccount());
    await page.goBack();
    await page.goBack();
    expect(await headingOf(page)).toBe("Sign in");
    await page.goForward();
    await page.goForward();
    expect(await headingOf(page), "a look at the form changes nothing").toBe("Allow Test client?");
    await page.goBack();
    await page.goBack();
    await signUp(page, account);
    expect(await page.locator("main").textContent()).toContain(account.email);
    await follow(page.getByRole("link", { name: "Not you?" }));
    expect(await headingOf(page)).toBe("Sign in");
    await signIn(page, account);
    expect((await decide(page, "Allow", connection)).get("code")).toBeTruthy();
  });

  it("at the client leads to a page that says to start again from the client", async () => {
    const { connection, page } = await openSignInPage();
    await signUp(page, newAccount());
    await decide(page, "Allow", connection);
    await page.goBack();
    expect(await headingOf(page)).toBe("Start again from your app");
    await follow(page.getByRole("link", { name: "About this gateway" }));
    expect(new URL(page.url()).pathname).toBe("/");
    expect(connection.received).toHaveLength(1);
  });
});

describe("the browser", () => {
  it("has one cookie for each request, for a minute after its decision, and one each for the session and the browser, unavailable to scripts and other sites", async () => {
    const connection = await connect();
    const page = await newPage();
    const kept = async () => (await page.context().cookies()).toSorted((a, b) => b.name.localeCompare(a.name));
    const attributes = {
      path: "/",
      httpOnly: true,
      secure: true,
      sameSite: "Lax",
      domain: new URL(system.origin).hostname,
    };
    const request = { ...attributes, name: expect.stringMatching(/^__Host-gw_tx_[\w-]{12}$/) };
    const session = { ...attributes, name: "__Host-gw_s" };
    const browser = { ...attributes, name: "__Host-gw_b" };
    await page.goto(connection.url);
    const before = await kept();
    expect(before).toMatchObject([request]);
    await signUp(page, newAccount());
    const after = await kept();
    expect(after).toMatchObject([request, session, browser]);
    expect(after[0]?.name).toBe(before[0]?.name);
    expect(after[0]?.value, "sealed anew at each step").not.toBe(before[0]?.value);
    await decide(page, "Allow", connection);
    const done = await kept();
    expect(done).toMatchObject([request, session, browser]);
    expect((done[0]?.expires ?? 0) - Date.now() / 1000).toBeLessThanOrEqual(60);
  });

  it("keeps the newest four requests, and an older one must start again", async () => {
    const page = await newPage();
    const addresses: string[] = [];
    for (let opened = 0; opened < 5; opened++) {
      await page.goto((await connect()).url);
      addresses.push(page.url());
    }
    expect(await page.context().cookies()).toHaveLength(4);
    await page.goto(addresses[0] ?? "");
    expect(await headingOf(page)).toBe("Start again from your app");
    await page.goto(addresses[1] ?? "");
    expect(await headingOf(page)).toBe("Sign in");
  });

  it("cannot open a page of a request of another browser", async () => {
    const connection = await connect();
    const [owner, stranger] = [await newPage(), await newPage()];
    await owner.goto(connection.url);
    await stranger.goto(owner.url());
    expect(await headingOf(stranger)).toBe("Start again from your app");
    expect(await stranger.context().cookies()).toEqual([]);
  });
});
