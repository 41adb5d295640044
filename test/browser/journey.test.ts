// Sign-up, sign-in, consent and denial, as the user and the client see them. JavaScript is off.
import { afterEach, describe, expect, it } from "vitest";
import { decide, follow, HOSTED_APP, headingOf, signIn, signUp, useBrowser } from "../support/browser.ts";
import { useSystem } from "../support/system.ts";
import { newAccount } from "../support/user.ts";

const system = useSystem();
const { newPage, connect, openSignInPage, pageErrors } = useBrowser(system);
afterEach(() => expect(pageErrors()).toEqual([]));

describe("a user whose client opens the browser", () => {
  it.each(["127.0.0.1", "localhost", HOSTED_APP] as const)(
    "can sign up and allow, and the client at %s gets a code that works",
    async (host) => {
      const { connection, page } = await openSignInPage({ host });
      expect(await headingOf(page)).toBe("Sign in");
      expect(await page.locator("main").textContent()).toContain("to connect Test client on");
      const account = newAccount();
      await signUp(page, account);
      expect(await headingOf(page)).toBe("Allow Test client?");
      expect(await page.locator("main").textContent()).toContain(account.email);
      const callback = await decide(page, "Allow", connection);
      expect(await page.getByRole("heading").textContent()).toBe("Back in the app");
      expect([...callback.keys()].sort()).toEqual(["code", "iss", "state"]);
      expect(callback.get("state")).toBe(connection.state);
      expect(callback.get("iss")).toBe(system.origin);
      const token = await connection.redeem(callback.get("code"));
      expect(token.scope).toBe("read generate");
      expect(connection.received).toHaveLength(1);
    },
  );

  it("can sign in after a wrong password, on the same page, with the e-mail kept and the password empty", async () => {
    const account = newAccount();
    const first = await openSignInPage();
    await signUp(first.page, account);
    await decide(first.page, "Deny", first.connection);

    const { connection: second, page } = await openSignInPage();
    await signIn(page, { email: account.email, password: "quite another password" });
    const alert = page.getByRole("alert");
    expect(await alert.textContent()).toBe("E-mail or password is wrong. Check both and try again.");
    expect(await page.title()).toBe("Problem: Sign in · Stackbilt");
    expect(await page.getByLabel("E-mail").inputValue()).toBe(account.email);
    expect(await page.getByLabel("Password").inputValue()).toBe("");
    for (const label of ["E-mail", "Password"]) {
      expect(await page.getByLabel(label).getAttribute("aria-invalid"), label).toBe("true");
      expect(await page.getByLabel(label).getAttribute("aria-describedby"), label).toBe(await alert.getAttribute("id"));
    }
    await signIn(page, account);
    expect((await decide(page, "Allow", second)).get("code")).toBeTruthy();
  });

  it("can deny, and the client gets access_denied with its state and the issuer", async () => {
    const { connection, page } = await openSignInPage();
    await signUp(page, newAccount());
    const callback = await decide(page, "Deny", connection);
    expect(Object.fromEntries(callback)).toMatchObject({
      error: "access_denied",
      state: connection.state,
      iss: system.origin,
    });
    expect(callback.has("code")).toBe(false);
  });

  it("can clear Generate, and the token has the scope read only", async () => {
    const { connection, page } = await openSignInPage();
    await signUp(page, newAccount());
    await page.getByLabel("Generate").uncheck();
    expect(await page.getByRole("checkbox").count()).toBe(1);
    const token = await connection.redeem((await decide(page, "Allow", connection)).get("code"));
    expect(token.scope).toBe("read");
  });

  it("gets one sentence if an account cannot be created, with everything kept but the password", async () => {
    const account = newAccount();
    await signUp((await openSignInPage()).page, account);
    const { page } = await openSignInPage();
    await signUp(page, { ...account, password: "another fifteen characters" });
    expect(await page.getByRole("alert").textContent()).toBe(
      "There is already an account with this e-mail address. Sign in, or use another address.",
    );
    expect(await page.getByLabel("Name").inputValue()).toBe(account.name);
    expect(await page.getByLabel("Password").inputValue()).toBe("");
  });

  it("needs no password for the next client, and can still switch to another account", async () => {
    const [account, other] = [newAccount(), newAccount()];
    const { connection, page } = await openSignInPage();
    await signUp(page, account);
    await decide(page, "Allow", connection);
    const next = await connect({ name: "Next app" });
    await page.goto(next.url);
    expect(await headingOf(page)).toBe("Allow Next app?");
    expect(await page.locator("main").textContent()).toContain(account.email);
    await follow(page.getByRole("link", { name: "Not you?" }));
    await signUp(page, other);
    expect(await page.locator("main").textContent()).toContain(other.email);
    expect((await decide(page, "Allow", next)).get("code")).toBeTruthy();
  });

  it("can open the account page from the home page, and sign in for it alone", async () => {
    const page = await newPage();
    await page.goto(system.origin);
    await follow(page.getByRole("link", { name: "Your connected apps" }));
    expect(await page.locator("main").textContent()).toContain("to manage your account");
    await signUp(page, newAccount());
    expect(new URL(page.url()).pathname).toBe("/apps");
    expect((await page.context().cookies()).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["__Host-gw_b", "__Host-gw_s"]),
    );
  });

  it("can do the same with JavaScript on", async () => {
    const { connection, page } = await openSignInPage({}, { javaScriptEnabled: true });
    await signUp(page, newAccount());
    expect((await decide(page, "Allow", connection)).get("code")).toBeTruthy();
  });
});
