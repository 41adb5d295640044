// The official MCP clients, connected by themselves: discovery, registration, PKCE, the gateway's
// own sign-up and consent pages, and the token request.
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
import { type Account, type AuthorizeOptions, newAccount, User } from "./user.ts";
import { validatingFetch } from "./validating-fetch.ts";

/** The client's version negotiation; `older-sdk` is the client of the 1.x SDK. */
export type Mode = "legacy" | "auto" | "modern" | "older-sdk";
export const MODES: readonly Mode[] = ["legacy", "auto", "modern", "older-sdk"];

const REDIRECT_URI = "http://localhost:33418/callback";

type Saved<Key extends "saveTokens" | "saveClientInformation" | "saveDiscoveryState"> = Parameters<
  NonNullable<OAuthClientProvider[Key]>
>[0];

/** The credentials that a client stores between runs, and the browser that it opens. */
export class BrowserAuthProvider implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT_URI;
  readonly clientMetadata: OAuthClientProvider["clientMetadata"];
  readonly #openBrowser: (authorizationUrl: URL) => Promise<URL>;
  #client: Saved<"saveClientInformation"> | undefined;
  #discovery: Saved<"saveDiscoveryState"> | undefined;
  #verifier = "";
  #state = "";
  saved: Saved<"saveTokens"> | undefined;
  /** The redirect URI with its parameters, as the browser requested it last. */
  callback: URL | undefined;

  constructor(openBrowser: (authorizationUrl: URL) => Promise<URL>, name = "Test client") {
    this.#openBrowser = openBrowser;
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
    this.callback = await this.#openBrowser(authorizationUrl);
    if (this.callback.searchParams.get("state") !== this.#state)
      throw new Error("The redirect has another state than the authorization request.");
  }
}

/** A connected client of either package. */
export interface Connected {
  readonly client: Client;
  readonly auth: BrowserAuthProvider;
  readonly account: Account;
  close(): Promise<void>;
}

export interface ConnectOptions extends AuthorizeOptions {
  readonly account?: Account;
  /** Capabilities that the client declares. Default: none. */
  readonly capabilities?: ClientCapabilities;
}

/**
 * Connects an official client to the system at `origin`. Its user signs up and allows everything.
 */
export async function connect(origin: string, mode: Mode, options: ConnectOptions = {}): Promise<Connected> {
  const { account = newAccount(), capabilities = {} } = options;
  const auth = new BrowserAuthProvider((url) => new User().authorize(url, account, options));
  const url = new URL("/mcp", origin);
  const name = { name: "e2e", version: "1.0.0" };
  const address = newAddress();
  const ownFetch = (target: string | URL, init?: RequestInit) =>
    validatingFetch(target, { ...init, headers: withAddress(init?.headers, address) });
  if (mode === "older-sdk") {
    // Both packages declare the same interfaces; TypeScript cannot know that they are the same.
    const client = new OlderClient(name, { capabilities: capabilities as object });
    const transport = () => new OlderTransport(url, { authProvider: auth as never, fetch: ownFetch });
    const first = transport();
    try {
      // The package was compiled without `exactOptionalPropertyTypes`.
      await client.connect(first as never);
    } catch (error) {
      if (!(error instanceof OlderUnauthorizedError)) throw error;
      await first.finishAuth(codeOf(auth));
      await client.connect(transport() as never);
    }
    // The methods that tests call are the same in both packages.
    return { client: client as unknown as Client, auth, account, close: () => client.close() };
  }
  const negotiation = mode === "modern" ? { mode: { pin: "2026-07-28" } } : { mode };
  const client = new Client(name, { versionNegotiation: negotiation, capabilities } as ConstructorParameters<
    typeof Client
  >[1]); // TypeScript widens the modes to strings
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

/** The structured content of a tool call. Throws for a tool error. */
export async function callTool<T = Record<string, unknown>>(
  { client }: Pick<Connected, "client">,
  name: string,
  args: Record<string, unknown> = {},
): Promise<T> {
  const result = await client.callTool({ name, arguments: args });
  if (result.isError) throw new Error(`${name}: ${JSON.stringify(result.content)}`);
  return result.structuredContent as T;
}

/** The access token of a connected client. */
export function accessTokenOf({ auth }: Pick<Connected, "auth">): string {
  const token = auth.saved?.access_token;
  if (token === undefined) throw new Error("The client has no token.");
  return token;
}

/** The user of a connected client, whose id is the first part of each access token. */
export function userIdOf(connected: Pick<Connected, "auth">): string {
  return accessTokenOf(connected).split(":", 1)[0] ?? "";
}

/** The id under which a connected client is registered. */
export function clientIdOf({ auth }: Pick<Connected, "auth">): string {
  return auth.clientInformation()?.client_id ?? "";
}

function codeOf({ callback }: BrowserAuthProvider): string {
  const code = callback?.searchParams.get("code");
  if (!code) throw new Error(`The redirect has no code: ${callback?.search ?? "there was no redirect"}`);
  return code;
}
