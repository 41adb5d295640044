// Grants of new users, made as a client and its user make them, and what can be done with each.
import { env as bound } from "cloudflare:workers";
import { grantNameOf, grantObjectOf } from "../../../src/durable/grant-object.ts";
import { userObjectOf } from "../../../src/durable/user-object.ts";
import type { Env } from "../../../src/env.ts";
import { authorizationServer } from "../../../src/oauth/authorization-server/server.ts";
import { Browser, envWith, form, ORIGIN, REDIRECT, register, send, userId, VERIFIER } from "./browser.ts";

const RESOURCE = `${ORIGIN}/mcp`;
export const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

/**
 * A grant with an unredeemed code. `prefix`: the user's state at the auth Worker, see
 * `test/vitest.config.ts`.
 */
export async function grantWithCode(prefix = "u") {
  const user = userId(`${prefix}_${crypto.randomUUID()}`);
  const env = envWith({ authenticateUser: async (email) => ({ valid: true, userId: user, email, name: "Ada" }) });
  const client = await register(env);
  const left = await new Browser(env).connect(client);
  const code = new URL(left.next).searchParams.get("code") ?? "";
  const name = grantNameOf(code);
  if (!name) throw new Error(`No code of ours: ${left.next}`);
  const fields = {
    grant_type: "authorization_code",
    client_id: client,
    code,
    redirect_uri: REDIRECT,
    code_verifier: VERIFIER,
  };
  const redeem = (changes: Record<string, string> = {}) => send(env, "/token", form({ ...fields, ...changes }));
  const refresh = (refresh_token: string, changes: Record<string, string> = {}) =>
    send(env, "/token", form({ grant_type: "refresh_token", refresh_token, client_id: client, ...changes }));
  const works = async ({ access_token }: Tokens) =>
    (await authorizationServer(env).validateToken(RESOURCE, access_token, env)) !== null;
  const hasEnded = async () => (await userObjectOf(env, user).tokenState(name)).hasEnded;
  return { env, user, client, name, object: grantObjectOf(env, name), redeem, refresh, works, hasEnded };
}

/** A grant with its first tokens. */
export async function grantWithTokens(prefix?: string) {
  const grant = await grantWithCode(prefix);
  const response = await grant.redeem();
  if (response.status !== 200) throw new Error(`The code was refused with ${response.status}.`);
  return { ...grant, tokens: await response.json<Tokens>() };
}

/** The status and the OAuth error of a response. */
export async function errorOf(response: Response): Promise<[number, string]> {
  return [response.status, (await response.json<{ error: string }>()).error];
}
