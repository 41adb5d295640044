// The authorization code. The library looks the client up once more when it makes the code, and
// throws if the client is no longer the one that the user was asked about.
import {
  AuthorizationError,
  CimdFetchError,
  type CompleteAuthorizationOptions,
} from "@cloudflare/workers-oauth-provider";
import type { Env } from "../../env.ts";
import { expireClientDocument } from "./client-document.ts";
import { authorizationServer } from "./server.ts";

/**
 * The client changed between its request and the decision. `deleted`: it is not registered any
 * more; `redirect_uri`: it no longer lists the address of the request; `request`: it may not make
 * such a request any more.
 */
export class ClientChangedError extends Error {
  override readonly name = "ClientChangedError";
  readonly reason: "deleted" | "redirect_uri" | "request";

  constructor(reason: ClientChangedError["reason"]) {
    super(`The client changed: ${reason}`);
    this.reason = reason;
  }
}

/**
 * Makes a grant and its code; returns the client's address with the code. Throws a
 * `ClientChangedError`, or a `CimdFetchError` if the client's document cannot be used now. Nothing
 * is written then.
 */
export async function completeAuthorization(
  env: Env,
  options: CompleteAuthorizationOptions,
): Promise<{ redirectTo: string }> {
  const library = authorizationServer(env).getOAuthApi(env);
  expireClientDocument(options.request.clientId);
  try {
    return await library.completeAuthorization(options);
  } catch (error) {
    // The library has no class for this one.
    const isRedirectLost = error instanceof Error && error.message.startsWith("Invalid redirect URI");
    if (error instanceof CimdFetchError || !(isRedirectLost || error instanceof AuthorizationError)) throw error;
    const client = await library.lookupClient(options.request.clientId);
    throw new ClientChangedError(client ? (isRedirectLost ? "redirect_uri" : "request") : "deleted");
  }
}
