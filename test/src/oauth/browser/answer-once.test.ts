// A form that is pressed twice on a slow line: the browser shows the answer to the last press, so
// each press of the same form gets the same answer for a minute, and the form acts once.
import { afterEach, describe, expect, it, vi } from "vitest";
import type { AuthContract } from "../../../../contracts/auth.ts";
import {
  AUTH,
  Browser,
  envWith,
  freshEmail,
  PASSWORD,
  quiet,
  register,
  type Seen,
  slowStorage,
  userId,
} from "../browser.ts";
import {
  fakeKeyStore,
  KEY,
  KEY_FIELDS,
  newGrant,
  newUserId,
  signedInBrowser,
  submit,
  TOKEN,
  useAuditLog,
  words,
} from "../signed-in-user.ts";

const audit = useAuditLog();
const client = await register(envWith());

afterEach(() => {
  vi.useRealTimers();
});

const SLOW_MS = 150;

/** The same reply, later. */
function slowly<Args extends unknown[], Reply>(method: (...args: Args) => Promise<Reply>) {
  return vi.fn(async (...args: Args) => {
    await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    return method(...args);
  });
}

/** Two presses in parallel, and one after their answer. */
async function pressThreeTimes(press: () => Promise<Seen>): Promise<readonly [Seen, Seen, Seen]> {
  const first = press();
  await new Promise((resolve) => setTimeout(resolve, 60));
  const [one, two] = await Promise.all([first, press()]);
  return [one, two, await press()];
}

function laterThanAMinute(): void {
  vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ["Date"] });
}

const contentOf = ({ status, text, next, response }: Seen) => ({
  ...{ status, text, next },
  cookies: response.headers.getSetCookie(),
});

describe("a decision that is pressed twice", () => {
  /** A user's open decision. */
  async function openDecision() {
    const user = userId(`u_${crypto.randomUUID()}`);
    const env = envWith({
      authenticateUser: async (email) => ({ valid: true, userId: user, email, name: "Ada" }),
      getUser: slowly(AUTH.getUser),
    });
    const browser = new Browser(env);
    const consent = await browser.consentPage(client);
    const decide = (decision: string, over = browser) => over.submit(consent, "/authorize", { decision });
    return { browser, consent, decide };
  }

  it.each([
    ["approve", "code="],
    ["deny", "error=access_denied"],
  ])("to %s gets the same answer, in parallel and after it was sent", async (decision, expected) => {
    const { decide } = await openDecision();
    audit.mockClear();
    const [one, two, three] = await pressThreeTimes(() => decide(decision));
    expect([one.status, one.next]).toEqual([200, expect.stringContaining(expected)]);
    expect([contentOf(two), contentOf(three)]).toEqual([contentOf(one), contentOf(one)]);
    expect(audit, "it was made once").toHaveBeenCalledOnce();
  });

  it("is refused if it is another decision, or another form", async () => {
    const { browser, consent, decide } = await openDecision();
    const before = browser.copy();
    await decide("approve");
    for (const over of [browser, before]) {
      const other = await decide("deny", over.copy());
      expect([other.status, words(other)]).toEqual([400, expect.stringContaining("Already used")]);
      const more = await over.copy().submit(consent, "/authorize", { decision: "approve", scope: "generate" });
      expect([more.status, more.next]).toEqual([400, ""]);
    }
  });

  it("is refused in another browser", async () => {
    const { consent, decide } = await openDecision();
    await decide("approve");
    const { browser: other } = await openDecision();
    const stolen = await other.submit(consent, "/authorize", { decision: "approve" });
    expect([stolen.status, stolen.next]).toEqual([400, ""]);
  });

  it("is refused after a minute, whichever cookie the browser still has", async () => {
    const { browser, decide } = await openDecision();
    const before = browser.copy();
    await decide("approve");
    laterThanAMinute();
    for (const over of [browser, before]) {
      const late = await decide("approve", over);
      expect([late.status, late.next]).toEqual([400, ""]);
    }
  });
});

describe("a form of the account page that is pressed twice", () => {
  it.each([
    ["/apps/keys", KEY_FIELDS, KEY],
    ["/apps/token", {}, TOKEN],
  ])("shows the same secret for a minute, and %s creates one", async (action, fields, secret) => {
    const { auth, calls } = fakeKeyStore();
    const { createApiKey, mintToken } = auth as AuthContract; // the fake has both
    const env = envWith({ ...auth, createApiKey: slowly(createApiKey), mintToken: slowly(mintToken) });
    const browser = await signedInBrowser(newUserId(), env);
    const page = await browser.open("/apps");
    const [one, two, three] = await pressThreeTimes(() => submit(browser, page, action, fields));
    expect([one.status, one.text.includes(secret), calls.length]).toEqual([200, true, 1]);
    expect([two.text, three.text]).toEqual([one.text, one.text]);
    expect(audit).toHaveBeenCalledOnce();

    const changed = await submit(browser, page, action, { ...fields, scope: "generate" });
    expect([changed.status, words(changed)], "another form").toEqual([400, expect.stringContaining("Already used")]);
    const other = await signedInBrowser(newUserId(), env);
    expect((await submit(other, page, action, fields)).text, "another browser").not.toContain(secret);
    laterThanAMinute();
    const late = await submit(browser, page, action, fields);
    expect([late.status, words(late)]).toEqual([400, expect.stringContaining("Already used")]);
    expect([late.text.includes(secret), calls.length]).toEqual([false, 1]);
  });

  it.each(["/apps/revoke", "/apps/revoke-all", "/logout"])("acts once: %s leaves one record", async (action) => {
    const user = newUserId();
    await newGrant(user);
    const browser = await signedInBrowser(user);
    const page = await browser.open("/apps");
    slowStorage(50);
    const pressAfter = async (pauseMs: number) => {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      return submit(browser.copy(), page, action);
    };
    const sent = await Promise.all([0, 60, 150, 250].map(pressAfter));
    expect(new Set(sent.map(({ status, next, text }) => `${status} ${next} ${text}`)).size).toBe(1);
    expect(audit).toHaveBeenCalledOnce();
  });
});

describe("a sign-in that is pressed twice", () => {
  const fields = () => ({ name: "Ada", email: freshEmail("ada"), password: PASSWORD });

  it.each([
    ["/login", {}],
    ["/signup", {}],
    ["/login", { for: "the account page" }],
  ])("with %s makes one session, and leads on", async (action, target) => {
    const authenticateUser = slowly(AUTH.authenticateUser);
    const registerUser = slowly(AUTH.registerUser);
    const browser = new Browser(envWith({ authenticateUser, registerUser }));
    const started = "for" in target ? await browser.open("/apps") : await browser.signInPage(client);
    const login = "for" in target ? await browser.open(started.next) : started;
    const page = action === "/login" ? login : await browser.open(pathOf(login, "/signup"));
    const entered = fields();
    const [one, two, three] = await pressThreeTimes(() => browser.submit(page, action, entered));
    expect([one.status, one.next]).toEqual([303, expect.stringMatching(/^\/(consent\?tx=|apps)/)]);
    expect([contentOf(two), contentOf(three)]).toEqual([contentOf(one), contentOf(one)]);
    expect(authenticateUser.mock.calls.length + registerUser.mock.calls.length).toBe(1);
    expect((await browser.open(three.next)).status).toBe(200);
  });

  it("with a wrong password, or while the auth Worker is down, can be tried again at once", async () => {
    quiet();
    const replies: AuthContract["authenticateUser"][] = [
      async () => ({ valid: false, error: "INVALID_CREDENTIALS" }),
      async () => {
        throw new Error("down");
      },
      AUTH.authenticateUser,
    ];
    const authenticateUser: AuthContract["authenticateUser"] = async (...args) => {
      const reply = replies.shift();
      if (!reply) throw new Error("There is no fourth attempt.");
      return reply(...args);
    };
    const browser = new Browser(envWith({ authenticateUser }));
    const page = await browser.signInPage(client);
    const entered = fields();
    const statuses = [];
    for (let attempt = 1; attempt <= 3; attempt++)
      statuses.push((await browser.submit(page, "/login", entered)).status);
    expect(statuses).toEqual([401, 503, 303]);
  });

  it("at a provider goes there with one state, and the way back works", async () => {
    const browser = new Browser(envWith());
    const page = await browser.signInPage(client);
    const [one, two, three] = await pressThreeTimes(() => browser.submit(page, "/oauth/github"));
    expect([two.next, three.next]).toEqual([one.next, one.next]);
    const bridge = new URL(one.next).searchParams;
    const back = await browser.open(
      `/oauth/callback?state=${bridge.get("state")}&code=code-${bridge.get("code_challenge")}`,
    );
    expect(back.next).toMatch(/^\/consent\?tx=/);
  });
});

function pathOf(page: Seen, path: string): string {
  const [, found = ""] = new RegExp(`href="(${path}\\?tx=[^"]*)"`).exec(page.text) ?? [];
  return found;
}
