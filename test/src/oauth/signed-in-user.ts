// A signed-in user with apps and keys, for tests of the account pages. The auth Worker is a fake
// that stores keys in memory; grants, sessions and one-time marks are real.
import { afterEach, beforeEach, type Mock, vi } from "vitest";
import type { ApiKey, AuthContract } from "../../../contracts/auth.ts";
import type { CallContext } from "../../../contracts/rpc/call-context.ts";
import { fromBase64url } from "../../../contracts/rpc/encoding.ts";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import type { AccessEvent } from "../../../src/audit/event.ts";
import { configOf } from "../../../src/config.ts";
import { createGrantObject } from "../../../src/durable/grant-object.ts";
import type { Env } from "../../../src/env.ts";
import { cleanName } from "../../../src/oauth/authorization-server/client-name.ts";
import { authorizationServer } from "../../../src/oauth/authorization-server/server.ts";
import { newSession, sessionCookie } from "../../../src/oauth/browser/session.ts";
import { authenticate } from "../../../src/oauth/resource-server/authenticate.ts";
import { newContext } from "../context.ts";
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
  tenantId,
  userId,
  VERIFIER,
} from "./browser.ts";

export const COOKIE = "__Host-gw_s";
/** The key and the token that the fake creates each time. */
export const KEY = `sb_live_${"k3y".repeat(12)}`;
export const TOKEN = `eyJhbGciOiJFUzI1NiJ9.${"dG9rZW4".repeat(9)}.c2ln`;
/** Valid fields of the form that creates a key. */
export const KEY_FIELDS = { name: "Build server", environment: "live", days: "90" };

/** The id of a user that no other test has. */
export const newUserId = () => userId(`u_${crypto.randomUUID()}`);

/** A key as its owner sees it. */
export function keyWith(changes: Partial<ApiKey> = {}): ApiKey {
  return {
    keyId: "key_a",
    name: "A",
    environment: "live",
    scopes: ["read"],
    createdAt: 1,
    expiresAt: null,
    prefix: null,
    lastUsedAt: null,
    ...changes,
  };
}

/** A fake auth Worker that stores keys in memory. `calls`: the changes requested of it. */
export function fakeKeyStore(given: readonly ApiKey[] = []) {
  const keys = [...given];
  const calls: { readonly method: string; readonly claims: Record<string, unknown>; readonly input: unknown }[] = [];
  const note = (method: string, call: CallContext, input: unknown) => {
    const claims: Record<string, unknown> = JSON.parse(
      new TextDecoder().decode(fromBase64url(call.identity.split(".")[1] ?? "")),
    );
    calls.push({ method, claims, input });
  };
  const auth: Partial<AuthContract> = {
    async createApiKey(call, input) {
      note("createApiKey", call, input);
      const { name, environment, scopes, expiresInDays } = input;
      const expiresAt = expiresInDays === null ? null : 1_800_000_000 + expiresInDays * 86_400;
      const changes = {
        keyId: `key_${keys.length + 1}`,
        name,
        environment,
        scopes,
        createdAt: 1_800_000_000,
        expiresAt,
      };
      const made = keyWith({ ...changes, prefix: KEY.slice(0, 12) });
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
  return { auth, keys, calls };
}

/** The bindings with a fake auth Worker that has no keys. */
export const env = envWith(fakeKeyStore().auth);

/** A browser in which `user` is signed in. */
export async function signedInBrowser(user = newUserId(), over: Env = env): Promise<Browser> {
  const account = {
    userId: user,
    tenantId: tenantId(`t_${user}`),
    tier: "pro" as const,
    email: `${user}@example.com`,
  };
  const cookie = await sessionCookie(configOf(over), newSession(account, 0));
  const browser = new Browser(over);
  browser.cookies.set(COOKIE, /=([^;]*)/.exec(cookie)?.[1] ?? "");
  return browser;
}

interface GrantOptions {
  readonly name?: string;
  readonly scope?: readonly string[];
  readonly redirectUri?: string;
  readonly isRedeemed?: boolean;
  readonly madeFrom?: string;
  /** Default: a new client. */
  readonly client?: string;
}

/** A grant of `user` to a client. */
export async function newGrant(user: UserId, options: GrantOptions = {}) {
  const { name = "Test client", scope = ["read"], redirectUri = REDIRECT, isRedeemed = true, madeFrom } = options;
  const client = options.client ?? (await register(env, { redirect_uris: [redirectUri] }));
  const { redirectTo } = await authorizationServer(env)
    .getOAuthApi(env)
    .completeAuthorization({
      request: {
        ...{ responseType: "code", clientId: client, redirectUri, scope: [...scope], state: "s", issuer: ORIGIN },
        ...{ resource: `${ORIGIN}/mcp`, codeChallenge: await sha256(VERIFIER), codeChallengeMethod: "S256" },
      },
      userId: user,
      scope: [...scope],
      metadata: { clientName: cleanName(name), atMs: Date.now(), signedInAtMs: Date.now(), madeFrom },
      props: { userId: user, signedInAtMs: Date.now(), sessionVersion: 0, v: 1 },
      revokeExistingGrants: false,
    });
  const [, grantId = ""] = (new URL(redirectTo).searchParams.get("code") ?? "").split(":");
  const { context, finish } = newContext(env);
  const [clientName, now] = [cleanName(name), Date.now()];
  const redirectOrigin = new URL(redirectUri).origin;
  const at = { signedInAtMs: now, createdAtMs: now, madeFrom: madeFrom ?? null };
  await createGrantObject(context, redirectTo, { clientId: client, clientName, scope, redirectOrigin, ...at });
  await finish();
  const { access_token = "", refresh_token = "" } = isRedeemed ? await redeemAt(client, redirectTo, redirectUri) : {};
  const works = async () => typeof (await authenticate(newContext(env).context, access_token)) !== "string";
  const refresh = async () =>
    (await send(env, "/token", form({ grant_type: "refresh_token", refresh_token, client_id: client }))).status;
  return { client, grantId, redirectTo, works, refresh, accessToken: access_token };
}

/** The response of /token to the code in a callback address. */
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

interface PageForm {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** The forms of a page with their hidden fields. */
function formsOf({ text }: Seen): PageForm[] {
  return Array.from(
    text.matchAll(/<form method="post" action="([^"]*)">(.*?)<\/form>/gs),
    ([, action = "", inside = ""]) => {
      const hidden = inside.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
      return { action, fields: Object.fromEntries(Array.from(hidden, ([, name, value]) => [name, value])) };
    },
  );
}

/** The page's first form with this `action`. */
export function formFor(page: Seen, action: string): PageForm {
  const found = formsOf(page).find((candidate) => candidate.action === action);
  if (!found) throw new Error(`No form for ${action}:\n${page.text}`);
  return found;
}

/** The headers that a browser sends with a form of our own page. */
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

/** The visible text of a page. */
export const words = ({ text }: Seen) => text.replace(/<style>.*?<\/style>|<[^>]*>/gs, " ").replace(/\s+/g, " ");

/** Mocks the log during each test. The mock receives each record, parsed. */
export function useAuditLog(): Mock {
  const audit = vi.fn();
  beforeEach(() => {
    vi.spyOn(console, "log").mockImplementation((line: unknown) => audit(JSON.parse(String(line))));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    audit.mockClear();
  });
  return audit;
}

/** A binding to audit logs that pass each record of a change of access to `append`. */
export function withAuditLog(append: (event: AccessEvent) => Promise<void>): Pick<Env, "AUDIT_LOG"> {
  const log = { idFromName: (name: string) => name, get: () => ({ append }) };
  return { AUDIT_LOG: log as unknown as Env["AUDIT_LOG"] }; // the two methods that the gateway uses
}
