// Limits of signing in and up with a password: they stop guesses, tell little about accounts, and
// keep no other user out.
import { describe, expect, it, vi } from "vitest";
import type { Env } from "../../../../src/env.ts";
import { ADDRESS_HEADER, newAddress } from "../../../support/address.ts";
import { exhaust } from "../../../support/exhaust-limit.ts";
import { ADA, adasEmail, Browser, envWith, freshEmail, PASSWORD, register, type Seen } from "../browser.ts";

const env = envWith();
const client = await register(env);

/** A counter that never refuses, so that a test can reach the next one. */
const unlimited: RateLimit = { limit: async () => ({ success: true }) };

/** Sign-up that answers like the auth Worker: a short word is weak, and `taken@` has an account. */
const signUpEnv = (settings: Partial<Env> = {}) =>
  envWith(
    {
      registerUser: async (name, email, password) => {
        if (password.startsWith("password")) return { valid: false, error: "WEAK_PASSWORD" };
        if (email.startsWith("taken")) return { valid: false, error: "EMAIL_EXISTS" };
        return { valid: true, userId: ADA.userId, email, name };
      },
    },
    settings,
  );
const WEAK = "password1234567";

async function signUpPage(browser: Browser): Promise<Seen> {
  const { text } = await browser.signInPage(client);
  const [, path = ""] = /href="(\/signup\?tx=[^"]*)"/.exec(text) ?? [];
  return browser.open(path);
}

/** Sends the form of one sign-up page, from one address. */
async function signUpForm(own: Env, address = newAddress()) {
  const browser = new Browser(own);
  const page = await signUpPage(browser);
  return (fields: Record<string, string> = {}, from = address) => {
    const typed = { name: "Ada", email: freshEmail("new"), password: PASSWORD, ...fields };
    return browser.submit(page, "/signup", typed, { [ADDRESS_HEADER]: from });
  };
}

describe("a weak password at sign-up", () => {
  it("is named at its field, with everything else kept, as often as it is tried, and keeps no one out", async () => {
    const own = signUpEnv({ LIMIT_20: unlimited });
    const email = freshEmail("new");
    const send = await signUpForm(own);
    for (let attempt = 0; attempt < 25; attempt++) {
      const refused = await send({ name: "Ada & co", email, password: WEAK });
      expect(refused.status).toBe(400);
      expect(refused.text).toMatch(/role="alert">This password is easy to guess/);
      expect(refused.text).toMatch(/<input id="password"[^>]* aria-invalid="true" aria-describedby="problem hint"/);
      expect(refused.text.match(/<input[^>]* aria-invalid/g)).toHaveLength(1);
      expect(refused.text).toContain('value="Ada &amp; co"');
      expect(refused.text).toContain(`value="${email}"`);
      expect(refused.text).not.toContain(WEAK);
    }
    expect((await send({ email })).status).toBe(303);
  });

  it("is the answer also for an address that has an account", async () => {
    const send = await signUpForm(signUpEnv());
    const [free, taken] = [await send({ password: WEAK }), await send({ email: freshEmail("taken"), password: WEAK })];
    const sentence = (seen: Seen) => [seen.status, /role="alert">(.*?)<\/p>/.exec(seen.text)?.[1]];
    expect(sentence(taken)).toEqual(sentence(free));
  });
});

describe("sign-up", () => {
  it("answers 20 times an hour from one address if an e-mail address has an account, also in parallel", async () => {
    const send = await signUpForm(signUpEnv({ LIMIT_20: unlimited }));
    const replies = await Promise.all(Array.from({ length: 24 }, () => send({ email: freshEmail("taken") })));
    const told = replies.filter(({ status }) => status === 400);
    expect(told).toHaveLength(20);
    expect(told[0]?.text).toMatch(/role="alert">There is already an account with this e-mail address/);
    expect(told[0]?.text).toMatch(/<input id="email"[^>]* aria-invalid="true"/);
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(4);
    for (const { response } of refused) {
      const wait = Number(response.headers.get("Retry-After"));
      expect(wait).toBeGreaterThan(3_000);
      expect(wait).toBeLessThanOrEqual(3_600);
    }
    expect((await send()).status).toBe(429);
    expect((await send({}, newAddress())).status).toBe(303);
  });

  it("is open to an e-mail address that strangers have tried before", async () => {
    const email = freshEmail("new");
    for (let stranger = 0; stranger < 10; stranger++) {
      const send = await signUpForm(signUpEnv());
      expect((await send({ email, password: WEAK })).status).toBe(400);
    }
    expect((await (await signUpForm(signUpEnv()))({ email })).status).toBe(303);
  });

  it("with the password of the account signs in, within the limits of signing in", async () => {
    const email = adasEmail();
    const own = envWith({ registerUser: async () => ({ valid: false, error: "EMAIL_EXISTS" }) });
    const guess = async () => (await (await signUpForm(own))({ email, password: "another fifteen characters" })).status;
    expect((await (await signUpForm(own))({ email })).status).toBe(303);
    for (let stranger = 0; stranger < 8; stranger++) expect(await guess()).toBe(400);
    expect((await (await signUpForm(own))({ email })).status, "by a stranger, during the pause").toBe(400);
  });

  it.each([
    ["NAME_NOT_USABLE", "name"],
    ["EMAIL_NOT_USABLE", "email"],
    ["WEAK_PASSWORD", "password"],
  ])("names the field for the refusal %s", async (error, field) => {
    const own = envWith({ registerUser: async () => ({ valid: false, error }) });
    const refused = await (await signUpForm(own))();
    expect([refused.status, refused.text.match(/<input id="(\w+)"[^>]* aria-invalid/)?.[1]]).toEqual([400, field]);
  });
});

describe("an e-mail address", () => {
  it("can be tried 5 times a minute, from any address and however it is written; the auth Worker is not asked again", async () => {
    const client = await register(env);
    const tried: string[] = [];
    const recording = envWith({
      authenticateUser: async (email) => {
        tried.push(email);
        return { valid: false, error: "INVALID_CREDENTIALS" };
      },
    });
    let email = "";
    let browser = new Browser(recording);
    const { passed, refused } = await exhaust(() => {
      email = adasEmail();
      browser = new Browser(recording);
      return async (attempt) => {
        const login = await browser.signInPage(client);
        const typed = attempt % 2 === 0 ? email : ` ${email.toUpperCase()} `;
        const seen = await browser.submit(login, "/login", { email: typed, password: "wrong" });
        return new Response(seen.text, seen.response);
      };
    });
    expect([passed, tried.filter((name) => name === email).length]).toEqual([5, 5]);
    expect(refused.headers.get("Retry-After")).toBe("60");
    expect(await refused.text()).toMatch(/Too many attempts\..*<form method="post" action="\/login/s);
    const other = await browser.submit(await browser.signInPage(client), "/login", {
      email: adasEmail(),
      password: "wrong",
    });
    expect(other.status).toBe(401);
  });

  it("is one address in the spellings of a domain that is not Latin", async () => {
    const { passed } = await exhaust(() => {
      const local = crypto.randomUUID();
      const spellings = ["bücher.example", "xn--bcher-kva.example", "BÜCHER.example", "bücher。example."];
      return async (attempt) => {
        const email = `${local}@${spellings[attempt % spellings.length]}`;
        const browser = new Browser(env);
        const seen = await browser.submit(await browser.signInPage(client), "/login", { email, password: "wrong" });
        return new Response(null, seen.response);
      };
    });
    expect(passed).toBe(5);
  });
});

describe("a browser in which the account has signed in before", () => {
  /** A stranger's guesses, from one address, until the account accepts none. */
  async function guessAt(own: Env, email: string, address: string): Promise<void> {
    for (let attempt = 0; attempt < 21; attempt++) {
      const browser = new Browser(own);
      const login = await browser.signInPage(client);
      await browser.submit(login, "/login", { email, password: "a wrong guess" }, { [ADDRESS_HEADER]: address });
    }
  }

  const signInAs = async (browser: Browser, email: string, address: string, password = PASSWORD) =>
    browser.submit(await browser.signInPage(client), "/login", { email, password }, { [ADDRESS_HEADER]: address });

  it("signs in while a stranger guesses, also from the same address, and a new browser waits", async () => {
    const [email, address] = [adasEmail(), newAddress()];
    const known = new Browser(env);
    expect((await signInAs(known, email, address)).status).toBe(303);
    known.cookies.delete("__Host-gw_s");
    await guessAt(env, email, address);
    expect((await signInAs(new Browser(env), email, newAddress())).status).toBe(429);
    expect((await signInAs(known, email.toUpperCase(), address)).status).toBe(303);
  });

  it("is named to the auth Worker, which counts its attempts apart; no other browser is", async () => {
    const authenticateUser = vi.fn(async () => ADA);
    const own = envWith({ authenticateUser });
    const email = freshEmail("ü").replace("example.com", "bücher.example");
    const known = new Browser(own);
    await signInAs(known, email, newAddress());
    known.cookies.delete("__Host-gw_s");
    await signInAs(known, email.replace("bücher", "xn--bcher-kva"), newAddress());
    known.cookies.delete("__Host-gw_s");
    await signInAs(known, adasEmail(), newAddress());
    const browser = { knownBrowser: expect.stringMatching(/^[\w-]{22}$/) };
    expect(authenticateUser.mock.calls.map((call) => call.slice(1))).toEqual([
      [PASSWORD],
      [PASSWORD, browser],
      [PASSWORD],
    ]);
  });

  it("is known by a sealed cookie that no page and no other site can read, for a year", async () => {
    const browser = new Browser(env);
    const { response } = await signInAs(browser, adasEmail(), newAddress());
    expect(response.headers.getSetCookie()).toContainEqual(
      expect.stringMatching(
        /^__Host-gw_b=[0-9a-f]{8}\.[\w-]{16}\.[\w-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000$/,
      ),
    );
  });

  it("is limited too, so that its cookie is no way to guess", async () => {
    const { passed } = await exhaust(() => {
      const email = adasEmail();
      const browser = new Browser(env);
      return async (attempt) => {
        const password = attempt === 0 ? PASSWORD : "a wrong guess";
        const seen = await signInAs(browser, email, newAddress(), password);
        browser.cookies.delete("__Host-gw_s");
        return new Response(null, seen.response);
      };
    });
    expect(passed).toBe(1 + 10);
  });

  it.each(["forged", "of another account", "of another purpose"])("is not believed with a cookie %s", async (kind) => {
    const [email, address] = [adasEmail(), newAddress()];
    const browser = new Browser(env);
    await signInAs(browser, kind === "of another account" ? adasEmail() : email, newAddress());
    const session = browser.cookies.get("__Host-gw_s") ?? "";
    browser.cookies.delete("__Host-gw_s");
    if (kind === "forged") browser.cookies.set("__Host-gw_b", "00000000.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAA");
    if (kind === "of another purpose") browser.cookies.set("__Host-gw_b", session);
    await guessAt(env, email, address);
    expect((await signInAs(browser, email, newAddress())).status).toBe(429);
  });
});
