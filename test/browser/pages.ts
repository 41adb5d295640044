// Steps to each kind of page from an empty tab, for tests that check all pages.
import type { Page } from "playwright-core";
import { type Browsing, type ConnectOptions, decide, follow, HOSTED_APP, signIn, signUp } from "../support/browser.ts";
import type { System } from "../support/system.ts";
import { newAccount } from "../support/user.ts";
import { WireClient } from "../support/wire-client.ts";

/** Functions that open a page, by the name of its kind. */
export type PageKinds = Readonly<Record<string, (page: Page) => Promise<unknown>>>;

/** The pages of an authorization request, with its errors. */
export function signInPages(system: System, { connect }: Pick<Browsing, "connect">): PageKinds {
  let accounts = 1;
  const login = async (page: Page, options?: ConnectOptions) => page.goto((await connect(options)).url);
  const signup = async (page: Page) => {
    await login(page);
    await follow(page.getByRole("link", { name: "Create an account" }));
  };
  const consent = async (page: Page, options?: ConnectOptions) => {
    await login(page, options);
    await signUp(page, { ...newAccount(), email: `ada.lovelace+${accounts++}@example.com` });
  };
  /** The page that redirects to the client, if the redirect does not succeed. */
  const leave = async (page: Page, button: string) => {
    await page.route("**/callback/**", (route) => route.fulfill({ status: 204 })); // keeps the browser on the page
    await consent(page);
    await page.getByRole("button", { name: button }).click();
    await page.getByRole("heading", { name: /^You (allowed|denied) access$/ }).waitFor();
  };
  return {
    home: (page) => page.goto(system.origin),
    login: (page) => login(page),
    "login-error": async (page) => {
      await login(page);
      await signIn(page, { email: "ada.lovelace@example.com", password: "a guess of enough characters" });
    },
    signup,
    "signup-error": async (page) => {
      await signup(page);
      await page.getByLabel("Name").fill("Ada Lovelace");
      await page.getByLabel("E-mail").fill("ada@nowhere");
      await page.getByLabel("Password").fill("seven green turtles at noon");
      await follow(page.getByRole("button", { name: "Create account" }));
    },
    consent: (page) => consent(page),
    "consent-elsewhere": (page) => consent(page, { host: HOSTED_APP, name: "Claude Desktop" }),
    "consent-long-name": (page) => consent(page, { host: HOSTED_APP, name: "W".repeat(80) }),
    "consent-look-alike": async (page) => {
      const redirectUri = "https://xn--80ak6aa92e.example/callback";
      const client = await WireClient.register(system, {
        client_name: "Apple",
        redirect_uris: [redirectUri],
        token_endpoint_auth_method: "none",
      });
      await page.goto(client.authorizationRequest(redirectUri).url.href);
      await signUp(page, newAccount());
    },
    leave: (page) => leave(page, "Allow"),
    "leave-denied": (page) => leave(page, "Deny"),
    expired: (page) => page.goto(`${system.origin}/consent?tx=AAAAAAAAAAAA`),
    "out-of-date": async (page) => {
      await login(page);
      const tab = await page.context().newPage();
      await tab.goto(page.url());
      await signUp(tab, newAccount());
      await tab.close();
      await signIn(page, newAccount());
    },
    "no-decision": async (page) => {
      await consent(page);
      await page.evaluate(`document.querySelector("[name=decision][value=approve]").value = "perhaps"`);
      await follow(page.getByRole("button", { name: "Allow" }));
    },
    "no-such-page": (page) => page.goto(`${system.origin}/nothing/here`),
    "wrong-way": (page) => page.goto(`${system.origin}/oauth/github`),
    "unknown-app": (page) => page.goto(`${system.origin}/authorize?client_id=unknown`),
    "unusable-request": async (page) => {
      const redirectUri = `https://${HOSTED_APP}/callback`;
      const client = await WireClient.register(system, {
        client_name: "Clumsy",
        redirect_uris: [redirectUri],
        token_endpoint_auth_method: "none",
      });
      await page.goto(client.authorizationRequest(redirectUri, { code_challenge: null }).url.href);
    },
    "local-provider": async (page) => {
      await login(page);
      await page.getByRole("button", { name: "Continue with GitHub" }).click();
      await page.getByRole("heading", { name: "Local GitHub sign-in" }).waitFor();
    },
  };
}

/** The pages of a user's account. */
export function accountPages(system: System, { connect }: Pick<Browsing, "connect">): PageKinds {
  const open = (page: Page, path = "/apps") => page.goto(system.origin + path);
  const signedIn = async (page: Page) => {
    await open(page);
    await signUp(page, newAccount());
  };
  const make = async (page: Page, name: string) => {
    await page.getByText("Create a key", { exact: true }).click();
    await page.getByLabel("Name").fill(name);
    await follow(page.getByRole("button", { name: "Create the key" }));
  };
  /** Opens the account page with two apps and a key. */
  const withAppsAndKey = async (page: Page) => {
    await signedIn(page);
    for (const options of [{ name: "Claude", host: HOSTED_APP }, { name: "W".repeat(80) }] as const) {
      const connection = await connect(options);
      await page.goto(connection.url);
      await connection.redeem((await decide(page, "Allow", connection)).get("code"));
    }
    await open(page);
    await make(page, "Build server");
    await open(page);
  };
  return {
    "own-login": (page) => open(page),
    "apps-empty": signedIn,
    apps: withAppsAndKey,
    "apps-unfolded": async (page) => {
      await withAppsAndKey(page);
      for (const summary of ["Disconnect everything", "Create a key", "Create a token"])
        await page.getByText(summary, { exact: true }).click();
      await page.getByLabel(/^Disconnect W/).click();
    },
    "apps-revoking": async (page) => {
      await withAppsAndKey(page);
      await page.getByLabel("Revoke Build server").click();
    },
    "new-key": async (page) => {
      await signedIn(page);
      await make(page, "Build server");
    },
    "key-error": async (page) => {
      await signedIn(page);
      await make(page, "\u200B");
    },
    "new-token": async (page) => {
      await signedIn(page);
      await page.getByText("Create a token", { exact: true }).click();
      await follow(page.getByRole("button", { name: "Create the token" }));
    },
    "sign-out": async (page) => {
      await signedIn(page);
      await open(page, "/logout");
    },
    "signed-out": async (page) => {
      await signedIn(page);
      await follow(page.getByRole("button", { name: "Sign out" }));
    },
    "not-signed-in": (page) => open(page, "/logout"),
    disconnected: async (page) => {
      await signedIn(page);
      await page.getByText("Disconnect everything", { exact: true }).click();
      await follow(page.getByRole("button", { name: "Disconnect everything and sign out" }));
    },
  };
}
