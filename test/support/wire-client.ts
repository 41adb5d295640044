// A client whose requests a test writes itself: its registration, authorization request and token
// requests have exactly the given parameters. `mcp-clients.ts` has the official clients, which
// choose the parameters themselves.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { newAddress } from "./address.ts";
import type { System } from "./system.ts";
import { newAccount, type Page, User } from "./user.ts";

/** Changes to the default parameters: `null` removes one, a list repeats it. */
export type Changes = Readonly<Record<string, string | readonly string[] | null>>;

/** The server's response to a registration (RFC 7591 section 3.2.1). */
export interface Registration {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly token_endpoint_auth_method: string;
  readonly redirect_uris: readonly string[];
}

/** One authorization request. */
export interface AuthorizationRequest {
  /** The URL that the client opens in the browser. */
  readonly url: URL;
  readonly redirectUri: string;
  readonly state: string;
  readonly verifier: string;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly token_type: string;
  readonly scope: string;
}

export class WireClient {
  readonly registration: Registration;
  readonly #system: System;
  readonly #address = newAddress();

  constructor(system: System, registration: Registration) {
    this.#system = system;
    this.registration = registration;
  }

  /** Registers with exactly these fields (RFC 7591). Throws unless the status is 201. */
  static async register(system: System, fields: object): Promise<WireClient> {
    const response = await register(system, fields);
    if (response.status !== 201) throw new Error(`Registration failed: ${response.status} ${await response.text()}`);
    return new WireClient(system, (await response.json()) as Registration);
  }

  authorizationRequest(redirectUri: string, changes: Changes = {}): AuthorizationRequest {
    const verifier = randomBytes(32).toString("base64url");
    const state = randomUUID();
    const url = new URL("/authorize", this.#system.origin);
    url.search = changed(
      {
        ...{ response_type: "code", client_id: this.registration.client_id, redirect_uri: redirectUri, state },
        ...{ scope: "read generate", resource: `${this.#system.origin}/mcp` },
        ...{ code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" },
      },
      changes,
    ).toString();
    return { url, redirectUri, state, verifier };
  }

  /** The first page, or the redirect to another origin, for a user who is signed out. */
  open({ url }: AuthorizationRequest): Promise<Page> {
    return new User().open(url);
  }

  /** Signs up a new user, who decides. Returns the redirect URI with its parameters. */
  decide({ url }: AuthorizationRequest, decision: "approve" | "deny" = "approve"): Promise<URL> {
    return new User().authorize(url, newAccount(), { decision });
  }

  /** POST /token, with the client authentication method that was registered. */
  token(fields: Changes): Promise<Response> {
    const { client_id, client_secret = "", token_endpoint_auth_method: method } = this.registration;
    const inBody = { client_id, ...(method === "client_secret_post" ? { client_secret } : {}) };
    const headers: Record<string, string> = { "CF-Connecting-IP": this.#address };
    if (method === "client_secret_basic") headers.authorization = `Basic ${btoa(`${client_id}:${client_secret}`)}`;
    const body = changed(method === "client_secret_basic" ? {} : inBody, fields);
    return this.#system.fetch("/token", { method: "POST", headers, body });
  }

  /** Requests tokens for the code in `callback`. */
  redeem({ redirectUri, verifier }: AuthorizationRequest, callback: URL, changes: Changes = {}): Promise<Response> {
    const code = callback.searchParams.get("code") ?? "";
    const resource = `${this.#system.origin}/mcp`;
    return this.token({
      ...{ grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier, resource },
      ...changes,
    });
  }

  /**
   * Connects a new user: authorization request, sign-up, consent, tokens. `authorized` changes the
   * authorization request, `redeemed` the token request. Throws if there is no token.
   */
  async connect(
    redirectUri: string,
    authorized: Changes = {},
    redeemed: Changes = {},
  ): Promise<{ tokens: Tokens; callback: URL; request: AuthorizationRequest }> {
    const request = this.authorizationRequest(redirectUri, authorized);
    const callback = await this.decide(request);
    const response = await this.redeem(request, callback, redeemed);
    if (response.status !== 200)
      throw new Error(`No token for ${callback.search}: ${response.status} ${await response.text()}`);
    return { tokens: (await response.json()) as Tokens, callback, request };
  }
}

/** POST /register as a client sends it. */
export function register(system: System, fields: object, headers: Record<string, string> = {}): Promise<Response> {
  return system.fetch("/register", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(fields),
  });
}

/** POST /mcp: one request of revision 2025-06-18, which most clients send. */
export function postMcp(
  system: System,
  method: string,
  accessToken: string | null,
  headers: Record<string, string> = {},
): Promise<Response> {
  return system.fetch("/mcp", {
    method: "POST",
    headers: {
      ...{
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2025-06-18",
      },
      ...(accessToken === null ? {} : { authorization: `Bearer ${accessToken}` }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: {} }),
  });
}

/** The number of tools listed for this token. Throws unless the status is 200. */
export async function countTools(system: System, { access_token }: Tokens): Promise<number> {
  const response = await postMcp(system, "tools/list", access_token);
  if (response.status !== 200) throw new Error(`No tools: ${response.status} ${await response.text()}`);
  const { result } = (await response.json()) as { result: { tools: readonly unknown[] } };
  return result.tools.length;
}

/** A page of the gateway, and every way in which it leaves for another URL without a click. */
export function locationOf({ status, url, headers, html }: Page): object {
  const refreshes = html.includes('http-equiv="refresh"');
  return { status, origin: url.origin, location: headers.get("location"), refreshes };
}

/** The status and the `error` of an OAuth error response (RFC 6749 section 5.2). */
export async function errorOf(response: Response): Promise<[status: number, error: string]> {
  return [response.status, ((await response.json()) as { error: string }).error];
}

function changed(defaults: Readonly<Record<string, string>>, changes: Changes): URLSearchParams {
  const all = Object.entries<string | readonly string[] | null>({ ...defaults, ...changes });
  return new URLSearchParams(all.flatMap(([name, value]) => [value ?? []].flat().map((one) => [name, one])));
}
