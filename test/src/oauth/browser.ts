// A browser and a client at the gateway's door, without network: cookies are carried by hand, and the auth Worker is a stand-in
// whose answers a test chooses. Everything between them is the real thing, storage and one-time marks included.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { vi } from "vitest";
import type { AuthContract, SignIn, Tenant } from "../../../contracts/auth.ts";
import { toBase64url } from "../../../contracts/rpc/encoding.ts";
import type { TenantId, UserId } from "../../../contracts/rpc/identity.ts";
import { traceFrom } from "../../../src/context.ts";
import type { Env } from "../../../src/env.ts";
import { oauthFetch } from "../../../src/oauth/router.ts";
import { withAddress } from "../../support/address.ts";

export const ORIGIN = "http://localhost:8976";
export const PASSWORD = "correct horse battery staple";
export const REDIRECT = "http://127.0.0.1:41414/callback";
export const VERIFIER = "v".repeat(43);

/** A user id or tenant id as the auth Worker would make it. */
export const userId = (text: string) => text as UserId; // the brand lives in TypeScript only
export const tenantId = (text: string) => text as TenantId; // the brand lives in TypeScript only

const ADA: SignIn = { valid: true, userId: userId("u_ada"), email: "ada@example.com", name: "Ada" };

/** One of Ada's many addresses: how often one can be tried is limited, and every test signs her in. */
export function adasEmail(): string {
  return freshEmail("ada");
}

/** An address that nobody has tried before. */
export function freshEmail(name: string): string {
  return `${name}+${crypto.randomUUID()}@example.com`;
}

/** The auth Worker's answers where a test says nothing else. */
export const AUTH: Pick<
  AuthContract,
  "authenticateUser" | "registerUser" | "provisionTenant" | "exchangeSocialCode" | "getUser"
> = {
  authenticateUser: async (email, password) =>
    /^ada(\+[\w-]+)?@example\.com$/.test(email) && password === PASSWORD
      ? ADA
      : { valid: false, error: "INVALID_CREDENTIALS" },
  registerUser: async (name, email) => ({ valid: true, userId: userId("u_new"), email, name }),
  provisionTenant: async ({ userId: owner }): Promise<Tenant> => ({
    tenantId: tenantId(`t_${owner}`),
    userId: owner,
    tier: "free",
    delinquent: false,
    createdAt: "2026-11-22T00:00:00Z",
  }),
  exchangeSocialCode: async (code, { codeVerifier }) =>
    code === `code-${await sha256(codeVerifier)}` ? ADA : { valid: false, error: "INVALID_TOKEN" },
  getUser: async (_call, { userId: asked }) => ({
    ok: true,
    value: {
      userId: userId(asked),
      tenantId: tenantId(`t_${asked}`),
      email: asked === "u_new" ? "new@example.com" : "ada@example.com",
      name: "Ada",
      tier: "pro",
      isActive: true,
      sessionVersion: 0,
    },
  }),
};

/** The test's bindings with a stand-in for the auth Worker, and other settings where a test needs them. */
export function envWith(auth: Partial<AuthContract> = {}, settings: Partial<Env> = {}): Env {
  // A plain object cannot be a service binding's type, but it is called like one.
  return {
    ...(bound as unknown as Env),
    ...settings,
    AUTH_SERVICE: { ...AUTH, ...auth } as unknown as Env["AUTH_SERVICE"],
  };
}

/** Stands in for a call to the auth Worker, or to storage, that crashes with words nobody may read. */
export const throwing = async () => {
  throw new Error("a secret of the auth Worker");
};

/** Keeps the log quiet where a failure is the point, and hands it over. */
export function quiet() {
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  return log;
}

export async function sha256(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

/** KV as slow as it is between continents. `vi.restoreAllMocks` brings back the fast one. */
export function slowStorage(delayMs: number): void {
  const prototype = Object.getPrototypeOf((bound as unknown as Env).OAUTH_KV) as KVNamespace;
  for (const method of ["get", "put", "delete"] as const) {
    const real = prototype[method] as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(prototype, method).mockImplementation(async function (this: KVNamespace, ...args: unknown[]) {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return real.apply(this, args);
    } as never); // one stand-in for the overloads of all three
  }
}

/** One request from outside, from an address of its own unless `init` names one; fails the test where the path is not the door's. */
export async function send(env: Env, path: string, init?: RequestInit): Promise<Response> {
  const ctx = createExecutionContext();
  const request = new Request(ORIGIN + path, { redirect: "manual", ...init, headers: withAddress(init?.headers) });
  const response = await oauthFetch(request, env, ctx, traceFrom(null));
  await waitOnExecutionContext(ctx);
  if (!response) throw new Error(`${path} is not a route of the door.`);
  return response;
}

/** Registers a client and answers its id. */
export async function register(env: Env, metadata: object = {}): Promise<string> {
  const body = {
    client_name: "Test client",
    redirect_uris: [REDIRECT],
    token_endpoint_auth_method: "none",
    ...metadata,
  };
  const response = await send(env, "/register", json(body));
  const { client_id } = await response.json<{ client_id: string }>();
  return client_id;
}

export function json(body: unknown): RequestInit {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

export function form(
  fields: Record<string, string> | URLSearchParams,
  headers: Record<string, string> = {},
): RequestInit {
  return {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(fields).toString(),
  };
}

/** The address of an authorization request, as a client would open it. */
export async function authorizePath(
  clientId: string,
  changes: Record<string, string | undefined> = {},
): Promise<string> {
  const parameters: Record<string, string | undefined> = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: REDIRECT,
    scope: "read generate",
    state: "a state & more",
    code_challenge: await sha256(VERIFIER),
    code_challenge_method: "S256",
    resource: `${ORIGIN}/mcp`,
    ...changes,
  };
  const present = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `/authorize?${new URLSearchParams(present)}`;
}

/** What a person sees: a response, and the text of its page. */
export interface Seen {
  readonly response: Response;
  readonly status: number;
  readonly text: string;
  /** Path and query of a redirect, or the address that a leave page goes on to. */
  readonly next: string;
}

/** A browser with a cookie jar. */
export class Browser {
  readonly env: Env;
  readonly cookies = new Map<string, string>();

  constructor(env: Env) {
    this.env = env;
  }

  /** Another browser with every cookie of this one: a thief's, or the other half of a double click. */
  copy(): Browser {
    const copy = new Browser(this.env);
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }

  async open(path: string, init: RequestInit = {}): Promise<Seen> {
    const headers = new Headers(init.headers);
    if (this.cookies.size > 0)
      headers.set("Cookie", [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await send(this.env, path, { ...init, headers });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (/Max-Age=0(;|$)/.test(cookie)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await response.text();
    const [, link = ""] = /id="continue"[^>]*href="([^"]*)"/.exec(text) ?? [];
    return {
      response,
      status: response.status,
      text,
      next: response.headers.get("Location") ?? link.replaceAll("&amp;", "&"),
    };
  }

  /** Sends the page's form with this `action`, hidden fields included. */
  submit(
    page: Seen,
    action: string,
    fields: Record<string, string> = {},
    headers: Record<string, string> = {},
  ): Promise<Seen> {
    const found = new RegExp(
      `<form method="post" action="(${action}(?:\\?tx=[^"]*)?)">\\s*<input type="hidden" name="csrf" value="([^"]*)">`,
    ).exec(page.text);
    if (!found?.[1]) throw new Error(`No form for ${action} on this page.`);
    return this.open(
      found[1],
      form({ csrf: found[2] ?? "", ...fields }, { Origin: ORIGIN, "Sec-Fetch-Site": "same-origin", ...headers }),
    );
  }

  /** As far as the sign-in page. */
  async arrive(clientId: string, changes: Record<string, string | undefined> = {}): Promise<Seen> {
    const started = await this.open(await authorizePath(clientId, changes));
    return this.open(started.next);
  }

  /** As far as the decision, with the password. */
  async reachConsent(clientId: string, changes: Record<string, string | undefined> = {}): Promise<Seen> {
    return this.open((await this.signIn(await this.arrive(clientId, changes))).next);
  }

  /** Sends the sign-in page's form. */
  signIn(login: Seen): Promise<Seen> {
    return this.submit(login, "/login", { email: adasEmail(), password: PASSWORD });
  }
}

/** Trades the code in a callback address for tokens. */
export async function redeem(
  env: Env,
  clientId: string,
  callback: string,
): Promise<{ access_token: string; refresh_token: string; scope: string }> {
  const { origin, pathname, searchParams } = new URL(callback);
  const code = searchParams.get("code") ?? "";
  const fields = {
    grant_type: "authorization_code",
    client_id: clientId,
    code,
    redirect_uri: origin + pathname,
    code_verifier: VERIFIER,
  };
  return (await send(env, "/token", form(fields))).json();
}
