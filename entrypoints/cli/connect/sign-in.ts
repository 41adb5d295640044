// The sign-in: in the user's browser, or by itself on a local gateway, whose pages it fills in.
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SERVER } from "../../../src/discovery/server-card.ts";
import type { Findings } from "./checks.ts";
import { type AuthorizationServer, isLoopback, sentenceOf } from "./discovery.ts";
import { send } from "./http.ts";
import { Problem, Skip } from "./outcome.ts";
import { newAccount, PageUser } from "./page-user.ts";

/** Time for a person to sign in and decide. */
const PERSON_MS = 300_000;

/** The loopback address that the browser returns to (RFC 8252 section 7.3). */
export interface RedirectListener {
  readonly redirectUri: string;
  /** The first redirect that arrives; `null` after `timeoutMs`. */
  next(timeoutMs: number): Promise<URL | null>;
  close(): void;
}

export async function listenForRedirect(): Promise<RedirectListener> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
  return {
    redirectUri,
    next: (timeoutMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve(null), timeoutMs);
        server.on("request", (request, response) => {
          const url = new URL(request.url ?? "/", redirectUri);
          response.setHeader("content-type", "text/plain; charset=utf-8");
          if (url.pathname !== "/callback") return void response.writeHead(404).end();
          clearTimeout(timer);
          response.end("Back to the terminal: you can close this tab.");
          resolve(url);
        });
      }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

export async function signIn(findings: Findings): Promise<string> {
  const { registeredId, discovered } = findings;
  const server = discovered?.server;
  if (!server || registeredId === undefined) throw new Skip(findings.needsSignIn ? "needs a client" : "no sign-in");
  const verifier = randomBytes(32).toString("base64url");
  const state = randomBytes(16).toString("base64url");
  const url = authorizationUrl(findings, server, {
    client_id: registeredId,
    state,
    code_challenge: challengeOf(verifier),
  });
  const isLocal = await isLocalGateway(findings.url);
  const redirected = isLocal ? await signUpLocally(url) : await waitForPerson(findings, url);
  findings.code = { code: codeOf(redirected, state, server), verifier };
  return isLocal ? "as a new user of the local gateway" : "in the browser";
}

function challengeOf(verifier: string): string {
  return createHash("sha256").update(verifier).digest("base64url");
}

function authorizationUrl(
  { url, discovered, listener }: Findings,
  { authorizationEndpoint }: AuthorizationServer,
  parameters: Readonly<Record<string, string>>,
): URL {
  const target = new URL(authorizationEndpoint);
  const all = {
    ...{ response_type: "code", redirect_uri: listener.redirectUri, code_challenge_method: "S256" },
    ...parameters,
    resource: discovered?.resource ?? url.href,
    ...(discovered?.scope !== undefined && { scope: discovered.scope }),
  };
  for (const [name, value] of Object.entries(all)) target.searchParams.set(name, value);
  return target;
}

/** True for this product on this machine, where the check may make an account. */
async function isLocalGateway(url: URL): Promise<boolean> {
  if (!isLoopback(url.hostname)) return false;
  const { status, text } = await send(new URL("/health", url));
  return status === 200 && text.includes(`"name":"${SERVER.name}"`);
}

async function signUpLocally(url: URL): Promise<URL> {
  try {
    return await new PageUser().authorize(url, newAccount("Connect Check"));
  } catch (error) {
    const [reason = "", ...page] = (error as Error).message.split("\n");
    const content = /<main\b.*<\/main>/s.exec(page.join("\n"))?.[0];
    throw new Problem(
      `The pages could not be filled in: ${content === undefined ? reason : sentenceOf(content.replace("</h1>", "."))}`,
      "Do what the page says, or check with a key or token: --token-from.",
    );
  }
}

async function waitForPerson({ listener, say }: Findings, url: URL): Promise<URL> {
  say(`    Sign in and allow access in your browser: ${url}`);
  openBrowser(url.href);
  const redirected = await listener.next(PERSON_MS);
  if (redirected === null) throw new Problem("The sign-in did not end within five minutes.", "Start the check again.");
  return redirected;
}

function openBrowser(url: string): void {
  const commands: Partial<Record<NodeJS.Platform, [string, string[]]>> = {
    darwin: ["open", [url]],
    win32: ["rundll32", ["url.dll,FileProtocolHandler", url]],
  };
  const [command, args] = commands[process.platform] ?? ["xdg-open", [url]];
  // Without a browser, the user opens the printed address.
  spawn(command, args, { stdio: "ignore", detached: true })
    .on("error", () => undefined)
    .unref();
}

function codeOf(redirected: URL, state: string, { issuer, sendsIssuer }: AuthorizationServer): string {
  const parameters = redirected.searchParams;
  const error = parameters.get("error");
  if (error !== null)
    throw new Problem(
      `Access was not allowed: ${parameters.get("error_description") ?? error}`,
      error === "access_denied" ? "Allow it on the page." : `See RFC 6749 section 4.1.2.1 for ${error}.`,
    );
  if (parameters.get("state") !== state)
    throw new Problem("The redirect has another `state`.", "Return it unchanged (RFC 6749 section 4.1.2).");
  const named = parameters.get("iss");
  if ((sendsIssuer || named !== null) && named !== issuer)
    throw new Problem(
      `The redirect names the issuer ${named ?? "not at all"}, expected ${issuer}.`,
      "Clients refuse it (RFC 9207 section 2.4).",
    );
  const code = parameters.get("code");
  if (code === null) throw new Problem("The redirect has no code.", "Return `code` (RFC 6749 section 4.1.2).");
  return code;
}
