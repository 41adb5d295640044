// The checks of `npm run connect -- --check`, in the order in which a client needs them to pass.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { checkChallenge, checkResource, checkServer, type Discovered, register } from "./discovery.ts";
import { callCheapTool, cancelCall, drawPicture, listTools } from "./mcp.ts";
import { type Outcome, Problem, Skip, Unreachable } from "./outcome.ts";
import { listenForRedirect, type RedirectListener, signIn } from "./sign-in.ts";
import { exchangeCode, refresh, type Tokens } from "./tokens.ts";

/** Time for the first message of the official client. */
const CONNECT_MS = 15_000;

export interface CheckOptions {
  readonly url: URL;
  /** True to make calls that cost credits on a gateway that is not local. */
  readonly isPaid: boolean;
  readonly clientId: string | undefined;
  /** A credential to use instead of signing in. */
  readonly token: string | undefined;
  /** Tells the user something while a check waits for them. */
  say(line: string): void;
}

/** Results of the checks so far; each check adds its own. */
export interface Findings extends CheckOptions {
  /** False for a server that serves clients without a sign-in, or the given credential. */
  needsSignIn: boolean;
  readonly listener: RedirectListener;
  discovered?: Discovered;
  registeredId?: string;
  code?: { readonly code: string; readonly verifier: string };
  tokens?: Tokens;
  client?: Client;
  tools?: Awaited<ReturnType<Client["listTools"]>>["tools"];
}

/** Returns the note of the passed check. Throws a `Problem`, or a `Skip`. */
export type Check = (findings: Findings) => Promise<string>;

export interface NamedCheck {
  readonly name: string;
  readonly run: Check;
}

/** With the official client. */
export const CONNECTION_CHECKS: readonly NamedCheck[] = [
  { name: "connect", run: connectClient },
  { name: "list", run: listTools },
  { name: "call", run: callCheapTool },
];

export const CHECKS: readonly NamedCheck[] = [
  { name: "endpoint", run: checkChallenge },
  { name: "resource", run: checkResource },
  { name: "authorization", run: checkServer },
  { name: "registration", run: register },
  { name: "sign-in", run: signIn },
  { name: "token", run: exchangeCode },
  { name: "refresh", run: refresh },
  ...CONNECTION_CHECKS,
  { name: "picture", run: drawPicture },
  { name: "cancel", run: cancelCall },
];

/** Runs the checks. After a failure, those that need its result are skipped. */
export async function* runChecks(
  options: CheckOptions,
  checks = CHECKS,
): AsyncGenerator<{ readonly name: string; readonly outcome: Outcome }> {
  const listener = await listenForRedirect();
  const findings: Findings = { ...options, needsSignIn: true, listener };
  try {
    for (const { name, run } of checks) yield { name, outcome: await outcomeOf(run, findings) };
  } finally {
    listener.close();
    await findings.client?.close();
  }
}

async function outcomeOf(run: Check, findings: Findings): Promise<Outcome> {
  try {
    return { state: "passed", note: await run(findings) };
  } catch (error) {
    if (error instanceof Skip) return { state: "skipped", note: error.message };
    if (!(error instanceof Problem)) throw error;
    const isUnreachable = error instanceof Unreachable;
    return { state: "failed", problem: error.message, remedy: error.remedy, isUnreachable };
  }
}

async function connectClient(findings: Findings): Promise<string> {
  const { url, token, tokens, needsSignIn } = findings;
  const bearer = needsSignIn ? tokens?.accessToken : token;
  if (needsSignIn && bearer === undefined) throw new Skip(token === undefined ? "needs a token" : "needs the endpoint");
  const client = new Client({ name: "connect-check", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
  const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  try {
    const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
    await client.connect(transport, { timeout: CONNECT_MS });
  } catch (error) {
    throw new Problem(
      `The official client cannot connect: ${(error as Error).message}`,
      bearer === undefined
        ? "The endpoint has to answer `initialize` or `server/discover`."
        : "The endpoint has to accept this token, which is valid.",
    );
  }
  findings.client = client;
  const version = client.getServerVersion();
  return `${version?.title ?? version?.name ?? "a server"} ${version?.version ?? ""}, revision ${client.getNegotiatedProtocolVersion() ?? "unknown"}`;
}
