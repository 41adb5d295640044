// What people do besides going straight on: two tabs, reload, back, submitting twice. And what the browser keeps meanwhile.
import { afterEach, describe, expect, it } from "vitest";
import { decide, follow, signIn, signUp, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";

const system = useSystem();
const { visitor, connect, arrive, complaints } = useBrowser(system);
afterEach(() => expect(complaints()).toEqual([]));

describe("two tabs of one browser", () => {
  it("both finish, with an app each, whatever order their steps come in", async () => {
    const [one, other] = [await connect({ name: "First app" }), await connect({ name: "Second app" })];
    const first = await visitor();
    const second = await first.context().newPage();
    await Promise.all([first.goto(one.url), second.goto(other.url)]);
    await Promise.all([signUp(first, newAccount()), signUp(second, newAccount())]);
    expect(await second.getByRole("heading", { level: 1 }).textContent()).toBe("Allow Second app?");
    expect(await first.getByRole("heading", { level: 1 }).textContent()).toBe("Allow First app?");
    await Promise.all([second, first].map((page) => page.getByRole("button", { name: "Allow" }).click()));
    const [answer, otherAnswer] = await Promise.all([one.arrival(first), other.arrival(second)]);
    expect([answer.get("state"), otherAnswer.get("state")]).toEqual([one.state, other.state]);
    await Promise.all([one.redeem(answer.get("code")), other.redeem(otherAnswer.get("code"))]);
  });

  it("show one request twice, and only one of them decides", async () => {
    const { connection, page: first } = await arrive();
    await signUp(first, newAccount());
    const second = await first.context().newPage();
    await second.goto(first.url());
    await decide(first, "Allow", connection);
    await follow(second.getByRole("button", { name: "Allow" }));
    expect(await second.getByRole("heading", { level: 1 }).textContent()).toBe("Start again from your app");
    expect(await second.locator("main").textContent()).toContain("was already used");
    expect(connection.received).toHaveLength(1);
  });

  it("tell a second submit that the request is answered, even if the browser still had its cookie", async () => {
    const { connection, page: first } = await arrive();
    await signUp(first, newAccount());
    const second = await first.context().newPage();
    await second.goto(first.url());
    const kept = await first.context().cookies();
    await decide(first, "Deny", connection);
    await first.context().addCookies(kept);
    await follow(second.getByRole("button", { name: "Allow" }));
    expect(await second.getByRole("heading", { level: 1 }).textContent()).toBe("Already used");
    expect(connection.received).toHaveLength(1);
    expect((await first.context().cookies()).map(({ name }) => name)).toEqual(["__Host-gw_s"]);
  });
});

describe("reload", () => {
  it("keeps each page as it is, and the way goes on", async () => {
    const account = newAccount();
    const { connection, page } = await arrive();
    await page.reload();
    await follow(page.getByRole("link", { name: "Create an account" }));
    await page.reload();
    await page.goBack();
    await signUp(page, account);
    await page.reload();
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Allow Test client?");
    expect((await decide(page, "Allow", connection)).get("code")).toBeTruthy();
  });

  it("of a failed sign-in fails the same way", async () => {
    const { page } = await arrive();
    await signIn(page, { email: newAccount().email, password: "a guess of enough characters" });
    await page.reload();
    expect(await page.getByRole("alert").textContent()).toContain("E-mail or password is wrong.");
  });
});

describe("the back button", () => {
  it("on the consent page leads to signing in again, as somebody else if they like", async () => {
    const account = newAccount();
    const { connection, page } = await arrive();
    await signUp(page, newAccount());
    await page.goBack();
    await page.goBack();
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Sign in");
    await page.goForward();
    await page.goForward();
    expect(await page.getByRole("heading", { level: 1 }).textContent(), "nobody is signed in any more").toBe("Sign in");
    await signUp(page, account);
    expect(await page.locator("main").textContent()).toContain(account.email);
    await follow(page.getByRole("link", { name: "Not you?" }));
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Sign in");
    await signIn(page, account);
    expect((await decide(page, "Allow", connection)).get("code")).toBeTruthy();
  });

  it("in the app, after it is connected, leads to a page that says to start from the app", async () => {
    const { connection, page } = await arrive();
    await signUp(page, newAccount());
    await decide(page, "Allow", connection);
    await page.goBack();
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Start again from your app");
    await follow(page.getByRole("link", { name: "About this gateway" }));
    expect(new URL(page.url()).pathname).toBe("/");
    expect(connection.received).toHaveLength(1);
  });
});

describe("the browser", () => {
  it("keeps one cookie a request, and one for who is signed in, which no script and no other site can use", async () => {
    const connection = await connect();
    const page = await visitor();
    const kept = async () => (await page.context().cookies()).toSorted((a, b) => b.name.localeCompare(a.name));
    const guarded = {
      path: "/",
      httpOnly: true,
      secure: true,
      sameSite: "Lax",
      domain: new URL(system.origin).hostname,
    };
    const request = { ...guarded, name: expect.stringMatching(/^__Host-gw_tx_[\w-]{12}$/) };
    const session = { ...guarded, name: "__Host-gw_s" };
    await page.goto(connection.url);
    const before = await kept();
    expect(before).toMatchObject([request]);
    await signUp(page, newAccount());
    const after = await kept();
    expect(after).toMatchObject([request, session]);
    expect(after[0]?.name).toBe(before[0]?.name);
    expect(after[0]?.value, "sealed anew at each step").not.toBe(before[0]?.value);
    await decide(page, "Allow", connection);
    expect(await kept()).toMatchObject([session]);
  });

  it("keeps the newest four requests, and what is older has to start again", async () => {
    const page = await visitor();
    const addresses: string[] = [];
    for (let opened = 0; opened < 5; opened++) {
      await page.goto((await connect()).url);
      addresses.push(page.url());
    }
    expect(await page.context().cookies()).toHaveLength(4);
    await page.goto(addresses[0] ?? "");
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Start again from your app");
    await page.goto(addresses[1] ?? "");
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Sign in");
  });

  it("is shown no page without a request of its own", async () => {
    const connection = await connect();
    const [owner, stranger] = [await visitor(), await visitor()];
    await owner.goto(connection.url);
    await stranger.goto(owner.url());
    expect(await stranger.getByRole("heading", { level: 1 }).textContent()).toBe("Start again from your app");
    expect(await stranger.context().cookies()).toEqual([]);
  });
});
