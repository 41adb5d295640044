// Browsers in which an account has signed in with its password (OWASP, "Device Cookies"). A sealed
// cookie names the browser and its accounts. It signs no one in: attempts of a known browser are
// counted apart, so that a stranger's guesses do not keep the owner out, and the stranger who has
// only the cookie still guesses within the limits of one browser.
import * as v from "valibot";
import { canonicalEmail } from "../../../contracts/email-address.ts";
import { digestText } from "../../../contracts/rpc/encoding.ts";
import { keyRingOf } from "../../crypto/key-ring.ts";
import { randomText } from "../../crypto/random.ts";
import { seal, unseal } from "../../crypto/seal.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { setCookie } from "./cookie.ts";

const COOKIE = "__Host-gw_b";
const SENT = /(?:^|; *)__Host-gw_b=([^;]*)/;
/** One year after the last sign-in. */
const LIFETIME_SECONDS = 365 * 86_400;
/** The accounts that signed in last. */
const MAX_ACCOUNTS = 5;

const KnownBrowser = v.object({
  name: v.string(),
  /** SHA-256 of e-mail addresses, newest first. */
  accounts: v.array(v.string()),
});

/** The browser's name; `null` if this account has not signed in there. */
export async function knownBrowserOf(browser: BrowserRequest, email: string): Promise<string | null> {
  const known = await readCookie(browser);
  return known?.accounts.includes(await accountOf(email)) ? known.name : null;
}

/** The `Set-Cookie` after a sign-in of this account. */
export async function knownBrowserCookie(browser: BrowserRequest, email: string): Promise<string> {
  const known = (await readCookie(browser)) ?? { name: randomText(16), accounts: [] };
  const account = await accountOf(email);
  const accounts = [account, ...known.accounts.filter((other) => other !== account)].slice(0, MAX_ACCOUNTS);
  const content = JSON.stringify({ ...known, accounts });
  return setCookie(COOKIE, await seal(await keyRingOf(browser.config, "browser"), content, COOKIE), LIFETIME_SECONDS);
}

async function readCookie({ request, config }: BrowserRequest): Promise<v.InferOutput<typeof KnownBrowser> | null> {
  const [, sealed = ""] = SENT.exec(request.headers.get("Cookie") ?? "") ?? [];
  const plain = await unseal(await keyRingOf(config, "browser"), sealed, COOKIE);
  const parsed = v.safeParse(KnownBrowser, plain === null ? null : JSON.parse(plain));
  return parsed.success ? parsed.output : null;
}

function accountOf(email: string): Promise<string> {
  return digestText(canonicalEmail(email));
}
