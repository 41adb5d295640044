// A browser and a client of the authorization server, without network: cookies are carried by hand,
// and the auth Worker is a fake whose replies a test chooses. Storage and one-time marks are real.
import { env as bound } from "cloudflare:workers";
import { vi } from "vitest";
import type { AuthContract, SignIn, Tenant } from "../../../contracts/auth.ts";
import { toBase64url } from "../../../contracts/rpc/encoding.ts";
import { type TenantId, Tier, type UserId } from "../../../contracts/rpc/identity.ts";
import type { Env } from "../../../src/env.ts";
import { oauthFetch } from "../../../src/oauth/router.ts";
import { productTexts } from "../../../src/tools/product-texts.ts";
import { withAddress } from "../../support/address.ts";
import { newContext } from "../context.ts";

export const ORIGIN = "http://localhost:8790";
export const PASSWORD = "correct horse battery staple";
export const REDIRECT = "http://127.0.0.1:41414/callback";
export const VERIFIER = "v".repeat(43);

/** A user id or tenant id as the auth Worker would make it. */
export const userId = (text: string) => text as UserId; // the brand exists in TypeScript only
export const tenantId = (text: string) => text as TenantId; // the brand exists in TypeScript only

export const ADA: SignIn & { valid: true } = {
  valid: true,
  userId: userId("u_ada"),
  email: "ada@example.com",
  name: "Ada",
};

/**
 * An e-mail address of Ada's that no test has used: attempts are limited, and every test signs her
 * in.
 */
export function adasEmail(): string {
  return freshEmail("ada");
}

/** An e-mail address that no test has used. */
export function freshEmail(name: string): string {
  return `${name}+${crypto.randomUUID()}@example.com`;
}

/** A ledger that always has credits left. */
const BALANCE = { tier: "pro", allowance: 580, committed: 0, reserved: 0, available: 580, resetsAt: 0 } as const;

/** The default replies of the auth Worker. */
export const AUTH: Pick<
  AuthContract,
  | "authenticateUser"
  | "registerUser"
  | "provisionTenant"
  | "exchangeSocialCode"
  | "getUser"
  | "getCredits"
  | "listCharges"
  | "reserveCredits"
  | "settleCredits"
> = {
  authenticateUser: async (email, password) =>
    /^ada(\+[\w-]+)?@example\.com$/.test(email) && password === PASSWORD
      ? ADA
      : { valid: false, error: "INVALID_CREDENTIALS" },
  registerUser: async (name, email) => ({ valid: true, userId: userId("u_new"), email, name }),
  provisionTenant: async ({ userId: owner }): Promise<Tenant> => ({
    tenantId: tenantId(`t_${owner}`),
    userId: owner,
    tier: "pro",
    delinquent: false,
    createdAt: "2026-11-22T00:00:00Z",
  }),
  exchangeSocialCode: async (code, { codeVerifier }) =>
    code === `code-${await sha256(codeVerifier)}` ? ADA : { valid: false, error: "INVALID_TOKEN" },
  getUser: async (_call, { userId: requested }) => ({
    ok: true,
    value: {
      userId: userId(requested),
      tenantId: tenantId(`t_${requested}`),
      // An address of its own for each user: attempts at its password are counted by it.
      email: `${requested.replace("u_", "")}@example.com`,
      name: "Ada",
      // A test that needs a user of another plan puts the plan into the id.
      tier: Tier.options.find((tier) => requested.startsWith(`u_${tier}_`)) ?? "pro",
      isActive: true,
      isDelinquent: false,
      sessionVersion: 0,
      signedOutAtMs: 0,
    },
  }),
  getCredits: async () => ({ ok: true, value: BALANCE }),
  listCharges: async () => ({ ok: true, value: { charges: [] } }),
  reserveCredits: async () => ({ ok: true, value: { isReserved: true, balance: BALANCE } }),
  settleCredits: async (_call, { outcome }) => ({
    ok: true,
    value: { state: outcome === "commit" ? "committed" : "refunded" },
  }),
};

/** The test's bindings with a fake auth Worker, and other settings if a test needs them. */
export function envWith(auth: Partial<AuthContract> = {}, settings: Partial<Env> = {}): Env {
  // A plain object cannot have the type of a service binding, but it is called like one.
  return {
    ...(bound as unknown as Env),
    AUDIT: { listActivity: async () => ({ ok: true, value: { activity: [] } }) } as unknown as Env["AUDIT"], // called alike
    ...settings,
    AUTH_SERVICE: { ...AUTH, ...auth } as unknown as Env["AUTH_SERVICE"],
  };
}

/** A call to the auth Worker, or to storage, that throws words which must not leak. */
export const throwing = async () => {
  throw new Error("a secret of the auth Worker");
};

/** Mocks the log where a failure is expected, and returns the mock of `console.error`. */
export function quiet() {
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  return log;
}

export async function sha256(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

/** Delays KV as much as between continents, until `vi.restoreAllMocks`. */
export function slowStorage(delayMs: number): void {
  const prototype = Object.getPrototypeOf((bound as unknown as Env).OAUTH_KV) as KVNamespace;
  for (const method of ["get", "put", "delete"] as const) {
    const real = prototype[method] as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(prototype, method).mockImplementation(async function (this: KVNamespace, ...args: unknown[]) {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return real.apply(this, args);
    } as never); // one mock for the overloads of all three
  }
}

/**
 * Sends one request, from an address of its own unless `init` names one. Throws if the path is not
 * a route.
 */
export async function send(env: Env, path: string, init?: RequestInit): Promise<Response> {
  const { context, finish } = newContext(env);
  const request = new Request(ORIGIN + path, { redirect: "manual", ...init, headers: withAddress(init?.headers) });
  const response = await oauthFetch(request, context, productTexts);
  await finish();
  if (!response) throw new Error(`${path} is not a route of the authorization side.`);
  return response;
}

/** Registers a client and returns its id. */
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

/** A response as the browser shows it. */
export interface Seen {
  readonly response: Response;
  readonly status: number;
  readonly text: string;
  /** Path and query of a redirect, or the address that a leave page continues to. */
  readonly next: string;
}

/** A browser with its cookies. */
export class Browser {
  readonly env: Env;
  readonly cookies = new Map<string, string>();

  constructor(env: Env) {
    this.env = env;
  }

  /**
   * Another browser with a copy of every cookie: a thief's, or the other half of a double click.
   */
  copy(over: Env = this.env): Browser {
    const copy = new Browser(over);
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

  /** The sign-in page, reached from a client's authorization request. */
  async signInPage(clientId: string, changes: Record<string, string | undefined> = {}): Promise<Seen> {
    const started = await this.open(await authorizePath(clientId, changes));
    return this.open(started.next);
  }

  /** The consent page, reached with the password. */
  async consentPage(clientId: string, changes: Record<string, string | undefined> = {}): Promise<Seen> {
    return this.open((await this.signIn(await this.signInPage(clientId, changes))).next);
  }

  /** Signs Ada in with the form of the sign-in page. */
  signIn(login: Seen): Promise<Seen> {
    return this.submit(login, "/login", { email: adasEmail(), password: PASSWORD });
  }

  /** Connects a client, with the given decision, and returns the page on the way to it. */
  async connect(
    clientId: string,
    fields: Record<string, string> = { decision: "approve", scope: "generate" },
    changes: Record<string, string | undefined> = {},
  ): Promise<Seen> {
    return this.submit(await this.consentPage(clientId, changes), "/authorize", fields);
  }
}

/** Exchanges the code in a callback address for tokens. */
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
