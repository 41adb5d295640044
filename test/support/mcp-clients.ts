// The official MCP clients, signed in by a person who walks through the gateway's own pages: discovery, registration, PKCE, sign-up,
// consent, token, exactly as the clients do it themselves.
import {
  Client,
  type ClientCapabilities,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";
import { UnauthorizedError as OlderUnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { newAddress, withAddress } from "./address.ts";
import { type Account, type AuthorizeOptions, newAccount, Person } from "./user.ts";
import { judgedFetch } from "./validating-fetch.ts";

/** How the client finds out which protocol the server speaks. */
export type Mode = "legacy" | "auto" | "modern" | "older-sdk";
export const MODES: readonly Mode[] = ["legacy", "auto", "modern", "older-sdk"];

const REDIRECT_URI = "http://localhost:33418/callback";

type Saved<Key extends "saveTokens" | "saveClientInformation" | "saveDiscoveryState"> = Parameters<
  NonNullable<OAuthClientProvider[Key]>
>[0];

/** What a client keeps between runs, and the person it sends to the browser. */
export class SignInByPerson implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT_URI;
  readonly clientMetadata: OAuthClientProvider["clientMetadata"];
  readonly #visit: (authorizationUrl: URL) => Promise<URL>;
  #client: Saved<"saveClientInformation"> | undefined;
  #discovery: Saved<"saveDiscoveryState"> | undefined;
  #verifier = "";
  #state = "";
  saved: Saved<"saveTokens"> | undefined;
  /** Where the browser came back to, last time. */
  callback: URL | undefined;

  constructor(visit: (authorizationUrl: URL) => Promise<URL>, name = "Test client") {
    this.#visit = visit;
    this.clientMetadata = {
      client_name: name,
      redirect_uris: [REDIRECT_URI],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
    };
  }

  state = () => {
    this.#state = crypto.randomUUID();
    return this.#state;
  };
  clientInformation = () => this.#client;
  saveClientInformation = (client: Saved<"saveClientInformation">) => {
    this.#client = client;
  };
  tokens = () => this.saved;
  saveTokens = (tokens: Saved<"saveTokens">) => {
    this.saved = tokens;
  };
  saveCodeVerifier = (verifier: string) => {
    this.#verifier = verifier;
  };
  codeVerifier = () => this.#verifier;
  saveDiscoveryState = (state: Saved<"saveDiscoveryState">) => {
    this.#discovery = state;
  };
  discoveryState = () => this.#discovery;

  async redirectToAuthorization(authorizationUrl: URL): Promise<void> {
    this.callback = await this.#visit(authorizationUrl);
    if (this.callback.searchParams.get("state") !== this.#state)
      throw new Error("The state did not come back as it was sent.");
  }
}

/** What tests need of either official client. */
export interface Connected {
  readonly client: Client;
  readonly auth: SignInByPerson;
  readonly account: Account;
  close(): Promise<void>;
}

export interface ConnectOptions extends AuthorizeOptions {
  readonly account?: Account;
  /** What the client can be asked for. Default: nothing. */
  readonly capabilities?: ClientCapabilities;
}

/** Connects an official client to the system at `origin`, with a person who signs up and allows everything. */
export async function connect(origin: string, mode: Mode, options: ConnectOptions = {}): Promise<Connected> {
  const { account = newAccount(), capabilities = {} } = options;
  const auth = new SignInByPerson((url) => new Person().authorize(url, account, options));
  const url = new URL("/mcp", origin);
  const name = { name: "e2e", version: "1.0.0" };
  const address = newAddress();
  const ownFetch = (target: string | URL, init?: RequestInit) =>
    judgedFetch(target, { ...init, headers: withAddress(init?.headers, address) });
  if (mode === "older-sdk") {
    const client = new OlderClient(name, { capabilities: capabilities as object }); // named alike in each package
    const transport = () => new OlderTransport(url, { authProvider: auth as never, fetch: ownFetch }); // the same interface, declared once in each package
    const first = transport();
    try {
      await client.connect(first as never); // `exactOptionalPropertyTypes` is not what this package was compiled with
    } catch (error) {
      if (!(error instanceof OlderUnauthorizedError)) throw error;
      await first.finishAuth(codeOf(auth));
      await client.connect(transport() as never); // as above
    }
    return { client: client as unknown as Client, auth, account, close: () => client.close() }; // the methods that tests call are the same
  }
  const negotiation = mode === "modern" ? { mode: { pin: "2026-07-28" } } : { mode };
  const client = new Client(name, { versionNegotiation: negotiation, capabilities } as ConstructorParameters<
    typeof Client
  >[1]); // the modes as literals
  const transport = () => new StreamableHTTPClientTransport(url, { authProvider: auth, fetch: ownFetch });
  const first = transport();
  try {
    await client.connect(first);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await first.finishAuth(auth.callback?.searchParams ?? new URLSearchParams());
    await client.connect(transport());
  }
  return { client, auth, account, close: () => client.close() };
}

function codeOf({ callback }: SignInByPerson): string {
  const code = callback?.searchParams.get("code");
  if (!code) throw new Error(`The browser came back without a code: ${callback?.search ?? "not at all"}`);
  return code;
}
