// Somebody signed in, in a browser of their own, with apps and keys: for tests of the pages on which they look after both. The auth
// Worker is a stand-in that keeps keys in memory; grants, sessions and marks are the real thing.
import type { ApiKey, AuthContract } from "../../../contracts/auth.ts";
import type { CallContext } from "../../../contracts/rpc/call-context.ts";
import { fromBase64url } from "../../../contracts/rpc/encoding.ts";
import type { TenantId } from "../../../contracts/rpc/identity.ts";
import { configOf } from "../../../src/config.ts";
import { browserKeys } from "../../../src/crypto/browser-keys.ts";
import type { Env } from "../../../src/env.ts";
import { cleanName } from "../../../src/oauth/authorization-server/client-identity.ts";
import { newSession, sessionCookie } from "../../../src/oauth/browser/session.ts";
import { authorizationServer } from "../../../src/oauth/router.ts";
import {
  Browser,
  envWith,
  form,
  ORIGIN,
  REDIRECT,
  register,
  type Seen,
  send,
  sha256,
  userId,
  VERIFIER,
} from "./browser.ts";

export const COOKIE = "__Host-gw_s";
/** The key and the token that the stand-in makes, again and again. */
export const KEY = `sb_live_${"k3y".repeat(12)}`;
export const TOKEN = `eyJhbGciOiJFUzI1NiJ9.${"dG9rZW4".repeat(9)}.c2ln`;
/** What makes the form for a key complete. */
export const KEY_FIELDS = { name: "Build server", environment: "live", days: "90" };

/** A user whom no test has met before. */
export const someone = () => userId(`u_${crypto.randomUUID()}`);

/** A key as its owner may see it. */
export function keyOf(changes: Partial<ApiKey> = {}): ApiKey {
  return {
    keyId: "key_a",
    name: "A",
    environment: "live",
    scopes: ["read"],
    createdAt: 1,
    expiresAt: null,
    ...changes,
  };
}

/** An auth Worker that keeps keys in memory, and what it was asked. */
export function keeper(given: readonly ApiKey[] = []) {
  const keys = [...given];
  const asked: { readonly method: string; readonly claims: Record<string, unknown>; readonly input: unknown }[] = [];
  const note = (method: string, call: CallContext, input: unknown) => {
    const claims: Record<string, unknown> = JSON.parse(
      new TextDecoder().decode(fromBase64url(call.identity.split(".")[1] ?? "")),
    );
    asked.push({ method, claims, input });
  };
  const auth: Partial<AuthContract> = {
    async createApiKey(call, input) {
      note("createApiKey", call, input);
      const { name, environment, scopes, expiresInDays } = input;
      const expiresAt = expiresInDays === null ? null : 1_800_000_000 + expiresInDays * 86_400;
      const made = { keyId: `key_${keys.length + 1}`, name, environment, scopes, createdAt: 1_800_000_000, expiresAt };
      keys.unshift(made);
      return { ok: true, value: { key: KEY, ...made } };
    },
    async listApiKeys() {
      return { ok: true, value: { keys } };
    },
    async revokeApiKey(call, input) {
      note("revokeApiKey", call, input);
      const at = keys.findIndex(({ keyId }) => keyId === input.keyId);
      if (at < 0) return { ok: false, error: { code: "key_not_found" } };
      keys.splice(at, 1);
      return { ok: true, value: { keyId: input.keyId } };
    },
    async mintToken(call, input) {
      note("mintToken", call, input);
      return { ok: true, value: { token: TOKEN, expiresAt: 1_800_003_600 } };
    },
  };
  return { auth, keys, asked };
}

/** With an auth Worker that has no keys yet. */
export const env = envWith(keeper().auth);

/** A browser in which `user` is signed in. */
export async function signedIn(user = someone(), over: Env = env): Promise<Browser> {
  const account = {
    userId: user,
    tenantId: `t_${user}` as TenantId,
    tier: "pro" as const,
    email: `${user}@example.com`,
    authTime: 1,
  };
  const cookie = await sessionCookie(await browserKeys(configOf(over)), newSession(account, 0));
  const browser = new Browser(over);
  browser.cookies.set(COOKIE, /=([^;]*)/.exec(cookie)?.[1] ?? "");
  return browser;
}

interface Connecting {
  readonly name?: string;
  readonly scope?: readonly string[];
  readonly redirectUri?: string;
  readonly isRedeemed?: boolean;
}

/** An app that `user` has connected. */
export async function connect(
  user: string,
  { name = "Test client", scope = ["read"], redirectUri = REDIRECT, isRedeemed = true }: Connecting = {},
) {
  const client = await register(env, { redirect_uris: [redirectUri] });
  const { redirectTo } = await authorizationServer(env)
    .getOAuthApi(env)
    .completeAuthorization({
      request: {
        ...{ responseType: "code", clientId: client, redirectUri, scope: [...scope], state: "s", issuer: ORIGIN },
        ...{ resource: `${ORIGIN}/mcp`, codeChallenge: await sha256(VERIFIER), codeChallengeMethod: "S256" },
      },
      userId: user,
      scope: [...scope],
      metadata: { clientName: cleanName(name), host: new URL(redirectUri).host, at: 1 },
      props: { userId: user, tenantId: `t_${user}`, tier: "free", authTime: Math.floor(Date.now() / 1000), v: 1 },
    });
  const [, grantId = ""] = (new URL(redirectTo).searchParams.get("code") ?? "").split(":");
  const { access_token = "", refresh_token = "" } = isRedeemed ? await redeemAt(client, redirectTo, redirectUri) : {};
  const works = async () => (await authorizationServer(env).validateToken(`${ORIGIN}/mcp`, access_token, env)) !== null;
  const refresh = async () =>
    (await send(env, "/token", form({ grant_type: "refresh_token", refresh_token, client_id: client }))).status;
  return { client, grantId, redirectTo, works, refresh };
}

/** What /token answers to the code in a callback address. */
export async function redeemAt(
  client: string,
  callback: string,
  redirectUri = REDIRECT,
): Promise<Partial<Record<string, string>>> {
  const code = new URL(callback).searchParams.get("code") ?? "";
  const fields = {
    grant_type: "authorization_code",
    client_id: client,
    code,
    redirect_uri: redirectUri,
    code_verifier: VERIFIER,
  };
  return (await send(env, "/token", form(fields))).json();
}

interface OwnForm {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** The forms of a page, with what they hold before anybody types. */
function formsOf({ text }: Seen): OwnForm[] {
  return Array.from(
    text.matchAll(/<form method="post" action="([^"]*)">(.*?)<\/form>/gs),
    ([, action = "", inside = ""]) => {
      const hidden = inside.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
      return { action, fields: Object.fromEntries(Array.from(hidden, ([, name, value]) => [name, value])) };
    },
  );
}

/** The page's first form with this `action`. */
export function formFor(page: Seen, action: string): OwnForm {
  const found = formsOf(page).find((candidate) => candidate.action === action);
  if (!found) throw new Error(`No form for ${action}:\n${page.text}`);
  return found;
}

/** What a browser says about a form of our own page. */
export const SAME_ORIGIN = { Origin: ORIGIN, "Sec-Fetch-Site": "same-origin" };

/** Sends the page's form with this `action` as a browser does. */
export function submit(
  browser: Browser,
  page: Seen,
  action: string,
  filled: Record<string, string> = {},
  headers: Record<string, string> = {},
) {
  return browser.open(action, form({ ...formFor(page, action).fields, ...filled }, { ...SAME_ORIGIN, ...headers }));
}

/** The words on the screen. */
export const words = ({ text }: Seen) => text.replace(/<style>.*?<\/style>|<[^>]*>/gs, " ").replace(/\s+/g, " ");
