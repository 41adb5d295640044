// Sessions of the revisions with a handshake (2025-11-25, basic/transports, "Session Management"):
// the port that the gateway implements with a Durable Object.
import { isObject, type RequestId } from "./json-rpc.ts";
import type { RateLimited } from "./port.ts";
import type { ClientCapabilities, LogLevel } from "./schema.ts";

/** The part of `initialize` that a session keeps. */
export interface Handshake {
  /** The negotiated revision. */
  readonly version: string;
  /** The capabilities that allow the server to send requests. */
  readonly capabilities: ClientCapabilities;
}

/**
 * An active session, as one message finds it. It is not a credential: the token of each request
 * identifies the user. Methods reject if the storage is unavailable.
 */
export interface McpSession extends Handshake {
  /** The least level of log messages that the client receives. Absent: none are sent. */
  readonly level?: LogLevel | undefined;
  setLevel(level: LogLevel): Promise<void>;
  /**
   * Ids for `count` requests to the client, for whose responses `call` will wait. Empty if too many
   * requests are pending, or the call is cancelled.
   */
  expect(count: number, call: RequestId): Promise<readonly string[]>;
  /** The result of each request: `null` for an error, `undefined` without a response in time. */
  responsesTo(ids: readonly string[]): Promise<readonly (object | null | undefined)[]>;
  /** Delivers a response to the call that waits for it, possibly in another isolate. */
  resolve(id: RequestId, result: object | null): Promise<void>;
  /**
   * Cancels the client's request with this id and all that it waits for. A cancellation that
   * arrives before the request or after its end has no effect.
   */
  cancel(id: RequestId): Promise<void>;
  /** True if the request with this id was cancelled after the message that found this session. */
  isCancelled(id: RequestId): Promise<boolean>;
  /** Sends one message over a stream that the client opened with GET. Returns false without one. */
  send(json: string): Promise<boolean>;
  /** Opens such a stream. A broken one is not resumed: its events have no ids. */
  stream(): Promise<Response>;
  end(): Promise<void>;
}

/** The sessions of one user. Each token of the user finds them; no other user does. */
export interface McpSessions {
  /** Creates a session and returns its id. It counts against the rate limit of the user's plan. */
  create(handshake: Handshake): Promise<string | RateLimited>;
  /** The session with this id; `null` if it has ended, never existed or is another user's. */
  find(id: string): Promise<McpSession | null>;
}

export const SESSION_HEADER = "mcp-session-id";

/** Capabilities that allow requests to the client, with the settings that a session keeps. */
const REQUEST_CAPABILITIES: Readonly<Record<string, readonly string[]>> = {
  elicitation: ["form", "url"],
  sampling: ["context", "tools"],
  roots: [],
};

/**
 * The client capabilities that a session keeps; `null` if the server cannot send this client any
 * request. Such a client gets no session, and costs no storage.
 */
export function sessionCapabilities(version: string, capabilities: unknown): ClientCapabilities | null {
  if (!isObject(capabilities)) return null;
  const declared = Object.entries(REQUEST_CAPABILITIES).flatMap(([name, settings]) => {
    const { [name]: value } = capabilities;
    // Revision 2025-06-18 added elicitation.
    return isObject(value) && (name !== "elicitation" || version !== "2025-03-26")
      ? [[name, Object.fromEntries(settings.flatMap((key) => (isObject(value[key]) ? [[key, {}]] : [])))]]
      : [];
  });
  return declared.length > 0 ? Object.fromEntries(declared) : null;
}
