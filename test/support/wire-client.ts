// A client of any make, word for word on the wire: it registers exactly what it is told to and asks with exactly those parameters;
// its user walks through the pages. The official clients, which decide all this themselves, are in `mcp-clients.ts`.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { newAddress } from "./address.ts";
import type { System } from "./system.ts";
import { newAccount, type Page, Person } from "./user.ts";

/** Parameters beside, or instead of, the usual ones: `null` leaves one out, a list repeats it. */
export type Changes = Readonly<Record<string, string | readonly string[] | null>>;

/** What the server answered to a registration. */
export interface Registration {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly token_endpoint_auth_method: string;
  readonly redirect_uris: readonly string[];
}

/** One attempt to be connected. */
export interface Ask {
  /** What the client opens in the browser. */
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

  /** Registers with these very fields (RFC 7591). Throws for any other answer than 201. */
  static async register(system: System, fields: object): Promise<WireClient> {
    const answer = await register(system, fields);
    if (answer.status !== 201) throw new Error(`Registration failed: ${answer.status} ${await answer.text()}`);
    return new WireClient(system, (await answer.json()) as Registration);
  }

  ask(redirectUri: string, changes: Changes = {}): Ask {
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

  /** The page, or the redirect away, that somebody's browser gets first. */
  open({ url }: Ask): Promise<Page> {
    return new Person().open(url);
  }

  /** Somebody new signs up and decides; where their browser is sent then. */
  decide({ url }: Ask, decision: "approve" | "deny" = "approve"): Promise<URL> {
    return new Person().authorize(url, newAccount(), { decision });
  }

  /** POST /token, authenticated as registered. */
  token(fields: Changes): Promise<Response> {
    const { client_id, client_secret = "", token_endpoint_auth_method: method } = this.registration;
    const inBody = { client_id, ...(method === "client_secret_post" ? { client_secret } : {}) };
    const headers: Record<string, string> = { "CF-Connecting-IP": this.#address };
    if (method === "client_secret_basic") headers.authorization = `Basic ${btoa(`${client_id}:${client_secret}`)}`;
    const body = changed(method === "client_secret_basic" ? {} : inBody, fields);
    return this.#system.fetch("/token", { method: "POST", headers, body });
  }

  /** Sends the code that `callback` brought. */
  redeem({ redirectUri, verifier }: Ask, callback: URL, changes: Changes = {}): Promise<Response> {
    const code = callback.searchParams.get("code") ?? "";
    const resource = `${this.#system.origin}/mcp`;
    return this.token({
      ...{ grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier, resource },
      ...changes,
    });
  }

  /** The whole way, from the browser to the tokens. Throws where no token comes back. */
  async connect(
    redirectUri: string,
    asked: Changes = {},
    redeemed: Changes = {},
  ): Promise<{ tokens: Tokens; callback: URL; ask: Ask }> {
    const ask = this.ask(redirectUri, asked);
    const callback = await this.decide(ask);
    const answer = await this.redeem(ask, callback, redeemed);
    if (answer.status !== 200)
      throw new Error(`No token for ${callback.search}: ${answer.status} ${await answer.text()}`);
    return { tokens: (await answer.json()) as Tokens, callback, ask };
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

/** POST /mcp: one request of the revision that most clients speak. */
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

/** How many tools the bearer of this token is shown. Throws for any other answer than 200. */
export async function countTools(system: System, { access_token }: Tokens): Promise<number> {
  const answer = await postMcp(system, "tools/list", access_token);
  if (answer.status !== 200) throw new Error(`No tools: ${answer.status} ${await answer.text()}`);
  const { result } = (await answer.json()) as { result: { tools: readonly unknown[] } };
  return result.tools.length;
}

function changed(usual: Readonly<Record<string, string>>, changes: Changes): URLSearchParams {
  const all = Object.entries<string | readonly string[] | null>({ ...usual, ...changes });
  return new URLSearchParams(all.flatMap(([name, value]) => [value ?? []].flat().map((one) => [name, one])));
}
