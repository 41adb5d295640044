// Clients with a metadata document (CIMD), on an internet of the test's own: nothing leaves the
// machine, and a test sees what was fetched and logged.
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, vi } from "vitest";
import { grantNameOf, grantObjectOf } from "../../../src/durable/grant-object.ts";
import type { Env } from "../../../src/env.ts";
import { network } from "../../../src/oauth/authorization-server/client-document.ts";
import { Browser, envWith } from "./browser.ts";

/** The bindings with CIMD on. */
export const env = envWith({}, { CIMD_ENABLED: "true" });

/** Makes the response at each fetch: a body can be read only in the request that made it. */
type Responder = (init: RequestInit) => Response | Promise<Response>;

/**
 * An empty internet for each test of the calling file. `internet`: its resources by URL, to which
 * `publish` adds one. `fetched`: the URLs fetched, oldest first. `logged`: all lines logged.
 */
export function useInternet() {
  const internet = new Map<string, Responder>();
  const [fetched, logged]: [string[], string[]] = [[], []];
  beforeEach(() => {
    internet.clear();
    for (const list of [fetched, logged]) list.length = 0;
    vi.spyOn(network, "fetch").mockImplementation(async (target, init = {}) => {
      const url = String(target instanceof Request ? target.url : target);
      fetched.push(url);
      const respond = internet.get(url);
      if (!respond) throw new Error(`a stranger's words about ${url}`);
      return respond(init);
    });
    for (const level of ["log", "warn", "error"] as const) {
      vi.spyOn(console, level).mockImplementation((...words) => void logged.push(words.join(" ")));
    }
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  const publish = (url: string, document: unknown) => void internet.set(url, () => Response.json(document));
  return { internet, fetched, logged, publish };
}

export const newHost = (name = "app") => `${name}-${crypto.randomUUID()}.example.com`;

/** Claude Code's document, on a new host for each test, because usable documents are cached. */
export function claudeCode(host = newHost("claude"), changes: object = {}) {
  const id = `https://${host}/oauth/claude-code-client-metadata`;
  const document = {
    client_id: id,
    client_name: "Claude Code",
    client_uri: `https://${host}`,
    redirect_uris: ["http://localhost/callback", "http://127.0.0.1/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    ...changes,
  };
  return { id, document };
}

/** Enables CIMD in the grant's object, which has the settings of the test's own Worker. */
async function enableCimdInGrantObject(callback: URLSearchParams): Promise<void> {
  const name = grantNameOf(callback.get("code") ?? "");
  if (!name) throw new Error(`The callback has no code: ${callback}`);
  await runInDurableObject(grantObjectOf(env, name), (object) => {
    const inside = object as unknown as { env: Env }; // `protected` in TypeScript
    inside.env = { ...inside.env, CIMD_ENABLED: "true" };
  });
}

/** The parameters of the callback, with a code, after an authorization request of this client. */
export async function callbackOf(id: string, redirect_uri: string): Promise<URLSearchParams> {
  const left = await new Browser(env).connect(id, { decision: "approve", scope: "generate" }, { redirect_uri });
  const callback = new URL(left.next).searchParams;
  await enableCimdInGrantObject(callback);
  return callback;
}
