// One object for each grant, in front of /token. It redeems the code and refreshes the tokens one
// request at a time, in one location. KV alone has no compare-and-set, so parallel requests would
// each get tokens; and a location that has not seen a revocation yet would refresh, and so restore,
// a grant that has ended. Every end of the grant passes here, also one by the library, and goes to
// the user's object, which is asked when a token is used.
import { DurableObject } from "cloudflare:workers";
import { logWarning } from "../../contracts/log.ts";
import { digestText, toBase64url } from "../../contracts/rpc/encoding.ts";
import type { UserId } from "../../contracts/rpc/identity.ts";
import { recordAccess } from "../audit/recorder.ts";
import { AuthService } from "../backends/auth.ts";
import { orUnavailable, type RequestContext, requestContext, type Trace, traceFrom } from "../context.ts";
import type { Env } from "../env.ts";
import { consume } from "../limits/rate-limits.ts";
import { readGrant } from "../oauth/authorization-server/grants.ts";
import { tooManyRequests } from "../oauth/authorization-server/oauth-response.ts";
import {
  ENDED_FAMILY,
  GRACE_SECONDS,
  isIssued,
  isReused,
  NEW_FAMILY,
  type RefreshTokenFamily,
  readFamily,
  rotate,
  writeFamily,
} from "../oauth/authorization-server/refresh-token-family.ts";
import { authorizationServer, forwardToLibrary } from "../oauth/authorization-server/server.ts";
import { type GrantRecord, userObjectOf } from "./user-object.ts";

/** Names a grant. Both parts are in every code and token of it. */
export interface GrantName {
  readonly userId: UserId;
  readonly grantId: string;
}

/** A grant whose code has just been made. */
export type MadeGrant = Omit<GrantRecord, "id" | "expiresAt">;

/** A request to /token whose body was read within its limit. */
export interface TokenRequest {
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Form-encoded. */
  readonly body: string;
}

/** KV accepts the next write of the same key after this. */
const KV_WRITE_INTERVAL_MS = 1_100;
/** Longer than a code can be redeemed. */
const UNREDEEMED_KEPT_MS = 15 * 60_000;
/** Longer than a grant lives. */
const KEPT_MS = 31 * 86_400_000;

interface StoredResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Response to a request to /token. */
export interface TokenReply {
  readonly response: Response;
  /** Ids of grants of the same user and client that the request has ended. */
  readonly evicted: readonly string[];
}

/** One request in its turn. */
interface GrantRequest {
  readonly context: RequestContext;
  readonly name: GrantName;
  readonly request: TokenRequest;
}

/** Named by user and grant. Deletes itself after the lifetime of the grant. */
export class GrantObject extends DurableObject<Env> {
  /**
   * The last request of the queue. The input gates of the runtime do not wait for KV, so the object
   * orders requests itself.
   */
  #last: Promise<unknown> = Promise.resolve();
  /**
   * The last refresh, for a client that repeats it because the response was late or several tabs
   * woke up at once.
   */
  #lastRefresh: { readonly fingerprint: string; readonly response: StoredResponse; readonly atMs: number } | undefined;

  /**
   * Creates the object where the grant was just written, so that its first reader is in a location
   * that has it, and adds the grant to the user's list. Reads no KV: a location that does not have
   * the grant yet would remember that for a minute.
   */
  async open(name: GrantName, made: MadeGrant): Promise<void> {
    if ((await readFamily(this.ctx.storage)) !== null) return;
    await this.#write(NEW_FAMILY, UNREDEEMED_KEPT_MS);
    const record: GrantRecord = { ...made, id: name.grantId, expiresAt: null };
    await userObjectOf(this.env, name.userId).registerGrant(record);
  }

  /** Adds a grant from before the user's list to that list. */
  addToList(name: GrantName, trace: Trace): Promise<void> {
    const add = async () => {
      if ((await readFamily(this.ctx.storage))?.hasEnded) return;
      await this.#register(requestContext(this.env, this.ctx, trace), name);
    };
    return this.#inTurn(add);
  }

  /** Responds to a request to /token about this grant. */
  async handleTokenRequest(name: GrantName, request: TokenRequest, trace: Trace): Promise<TokenReply> {
    if (await this.#isForeignRefresh(request)) return replyOf(invalidGrant());
    const handle = async () => this.#dispatch({ context: requestContext(this.env, this.ctx, trace), name, request });
    return this.#inTurn(handle);
  }

  /** Ends the grant and every token of it. */
  revoke(name: GrantName): Promise<void> {
    const end = () => this.#end({ trace: traceFrom(null) }, name);
    return this.#inTurn(end);
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  /**
   * True for a refresh token that this grant never had. It is refused out of turn: the grant's name
   * is in the address of every callback, so a stranger must neither delay nor use up its refreshes.
   */
  async #isForeignRefresh({ body }: TokenRequest): Promise<boolean> {
    const token = refreshTokenOf(body);
    const family = token === null ? null : await readFamily(this.ctx.storage);
    // Without a current token, the grant is older than this object.
    if (token === null || family?.current === undefined || isIssued(family, await digestText(token))) return false;
    const refusal = { category: "refresh-token-grant", reason: "refresh_token_mismatch", status: 400 };
    logWarning("oauth.refused", refusal);
    return true;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #dispatch(grantRequest: GrantRequest): Promise<TokenReply> {
    const parameters = new URLSearchParams(grantRequest.request.body);
    const family = (await readFamily(this.ctx.storage)) ?? NEW_FAMILY;
    // RFC 7009. The library decides whether the token is the client's.
    if (!parameters.get("grant_type")) return replyOf(toResponse(await this.#forward(grantRequest)));
    if (family.hasEnded) return replyOf(invalidGrant());
    const refreshToken = refreshTokenOf(grantRequest.request.body);
    return refreshToken === null
      ? this.#redeem(grantRequest)
      : this.#refresh(grantRequest, family, await digestText(refreshToken));
  }

  /** A code that is used twice ends its grant (RFC 6749 section 4.1.2). The library does that. */
  async #redeem(grantRequest: GrantRequest): Promise<TokenReply> {
    const response = await this.#forwardWithRetry(grantRequest);
    const next = await refreshTokenDigest(response);
    if (next === null) return replyOf(toResponse(response));
    await this.#write({ ...NEW_FAMILY, current: next }, KEPT_MS);
    return this.#issue(grantRequest, response);
  }

  async #refresh(grantRequest: GrantRequest, family: RefreshTokenFamily, digest: string): Promise<TokenReply> {
    const now = Date.now();
    const fingerprint = await fingerprintOf(grantRequest.request);
    const last = this.#lastRefresh;
    if (last?.fingerprint === fingerprint && last.atMs > now - GRACE_SECONDS * 1000)
      return replyOf(toResponse(aged(last.response, now - last.atMs)));
    if (isReused(family, digest, now)) return replyOf(await this.#endReused(grantRequest));
    const { context, name, request } = grantRequest;
    const wait = isIssued(family, digest) ? await consume(context, "grant", `${name.userId}:${name.grantId}`) : 0;
    if (wait > 0) return replyOf(tooManyRequests(toRequest(request), "grant", wait));

    const response = await this.#forwardWithRetry(grantRequest);
    const next = await refreshTokenDigest(response);
    if (next === null) return replyOf(toResponse(response));
    await this.#write(rotate(family, digest, next, now), null);
    this.#lastRefresh = { fingerprint, response, atMs: now };
    return this.#issue(grantRequest, response);
  }

  /** Responds with new tokens, unless everything of the user has ended in the meantime. */
  async #issue({ context, name }: GrantRequest, response: StoredResponse): Promise<TokenReply> {
    const registered = await this.#register(context, name);
    if (registered === "ended") {
      await this.#end(context, name);
      return replyOf(invalidGrant());
    }
    return replyOf(toResponse(response), registered);
  }

  /**
   * Adds the grant to the user's list, and ends those that are too many by then. Returns their
   * ids; `ended` if the grant itself has ended. A failure is logged: the next refresh, or the next
   * use of a token, repeats this.
   */
  async #register(context: RequestContext, name: GrantName): Promise<"ended" | readonly string[]> {
    const register = async () => {
      const grant = await readGrant(this.env, name);
      if (!grant) return [];
      const { hasEnded, evicted } = await userObjectOf(this.env, name.userId).registerGrant(grant);
      if (hasEnded) return "ended";
      const others = evicted.map((grantId) => ({ userId: name.userId, grantId }));
      await Promise.all(others.map((other) => grantObjectOf(this.env, other).revoke(other)));
      return evicted;
    };
    const registered = await orUnavailable(context.trace, "grant.not_registered", {}, register);
    return registered === "unavailable" ? [] : registered;
  }

  /**
   * Reuse of a rotated token means that it was copied: the grant ends (RFC 9700 section 4.14.2).
   */
  async #endReused({ context, name }: GrantRequest): Promise<Response> {
    await this.#end(context, name);
    const refusal = { category: "refresh-token-grant", reason: "refresh_token_reused", status: 400 };
    logWarning("oauth.refused", refusal);
    // The user sees it among the recent activity.
    const tenantId = await new AuthService(context).tenantOf(name.userId);
    await recordAccess(context, { type: "grant.reuse_detected", subject: name.userId, tenantId, clientId: null });
    return invalidGrant();
  }

  async #end({ trace }: Pick<RequestContext, "trace">, name: GrantName): Promise<void> {
    await this.#markEnded(name);
    // The marks count; what stays in KV expires by itself.
    const { userId, grantId } = name;
    const tidy = () => authorizationServer(this.env).getOAuthApi(this.env).revokeGrant(grantId, userId);
    await orUnavailable(trace, "grant.not_deleted", {}, tidy);
  }

  /** Marks the end in the user's object, for tokens in use, and here, for refreshes. */
  async #markEnded({ userId, grantId }: GrantName): Promise<void> {
    await userObjectOf(this.env, userId).endGrant(grantId);
    await this.#write(ENDED_FAMILY, KEPT_MS);
    this.#lastRefresh = undefined;
  }

  /**
   * KV accepts one write a second for each key, and a fast client redeems a code within a second
   * of its creation. The grant is the library's first write, so a refused write has changed nothing
   * and the request can be repeated.
   */
  async #forwardWithRetry(grantRequest: GrantRequest): Promise<StoredResponse> {
    const response = await this.#forward(grantRequest);
    if (response.status !== 429) return response;
    await new Promise((resolve) => setTimeout(resolve, KV_WRITE_INTERVAL_MS));
    return this.#forward(grantRequest);
  }

  /**
   * The library's response. It deletes the grant or a token on its own when a code is used twice,
   * when the sign-in has ended, and when the client revokes one (RFC 7009): KV elsewhere is late,
   * so the end is marked before.
   */
  async #forward({ context, name, request }: GrantRequest): Promise<StoredResponse> {
    const beforeDelete = async (key: string) => {
      const [kind, , , tokenId = ""] = key.split(":");
      if (kind === "grant") await this.#markEnded(name);
      if (kind === "token") await userObjectOf(this.env, name.userId).endToken(digestOfHex(tokenId));
    };
    const response = await forwardToLibrary(context, toRequest(request), beforeDelete);
    return { status: response.status, headers: [...response.headers], body: await response.text() };
  }

  /** `keptMs`: time from now until the object deletes itself; `null` leaves it unchanged. */
  async #write(family: RefreshTokenFamily, keptMs: number | null): Promise<void> {
    await writeFamily(this.ctx.storage, family);
    if (keptMs !== null) await this.ctx.storage.setAlarm(Date.now() + keptMs);
  }
}

const GRANT_TOKEN = /^([A-Za-z0-9_-]{1,64}):([A-Za-z0-9_-]{16}):[A-Za-z0-9_-]{32}$/;

/** The grant of a code or token of ours; `null` for text of any other shape. */
export function grantNameOf(token: string): GrantName | null {
  const [, userId, grantId] = GRANT_TOKEN.exec(token) ?? [];
  return userId === undefined || grantId === undefined ? null : { userId: userId as UserId, grantId }; // the brand exists in TypeScript only
}

/** The object of this grant. */
export function grantObjectOf(env: Env, { userId, grantId }: GrantName): DurableObjectStub<GrantObject> {
  return env.GRANTS.get(env.GRANTS.idFromName(`${userId}:${grantId}`));
}

/**
 * Creates the object of the grant whose code is in `redirectTo`. Redeeming the code does not depend
 * on it.
 */
export async function createGrantObject(
  { env, trace }: RequestContext,
  redirectTo: string,
  made: MadeGrant,
): Promise<void> {
  const name = grantNameOf(new URL(redirectTo).searchParams.get("code") ?? "");
  if (!name) return;
  const open = () => grantObjectOf(env, name).open(name, made);
  await orUnavailable(trace, "grant.object_not_created", {}, open);
}

function toRequest({ url, headers, body }: TokenRequest): Request {
  return new Request(url, { method: "POST", headers: headers.map(([key, value]) => [key, value]), body });
}

/** The refresh token that a request uses; `null` if it is no refresh. */
function refreshTokenOf(body: string): string | null {
  const parameters = new URLSearchParams(body);
  return parameters.get("grant_type") === "refresh_token" ? parameters.get("refresh_token") : null;
}

/** The digest of the refresh token in a successful response; `null` if there is none. */
async function refreshTokenDigest({ status, body }: StoredResponse): Promise<string | null> {
  if (status !== 200) return null;
  const { refresh_token: token }: { readonly refresh_token?: unknown } = JSON.parse(body);
  return typeof token === "string" ? digestText(token) : null;
}

/** Equal for two equal refresh requests, client authentication included. */
async function fingerprintOf({ headers, body }: TokenRequest): Promise<string> {
  const authorization = headers.find(([name]) => name.toLowerCase() === "authorization")?.[1] ?? "";
  return digestText(`${authorization}\n${body}`);
}

/** The same response `elapsedMs` later: less of the token's lifetime is left. */
function aged(response: StoredResponse, elapsedMs: number): StoredResponse {
  const content: { readonly expires_in: number } = JSON.parse(response.body);
  const expires_in = content.expires_in - Math.ceil(elapsedMs / 1000);
  return { ...response, body: JSON.stringify({ ...content, expires_in }) };
}

function replyOf(response: Response, evicted: readonly string[] = []): TokenReply {
  return { response, evicted };
}

/** A digest of the library's, in hexadecimal, as base64url. */
function digestOfHex(hex: string): string {
  return toBase64url(Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)));
}

function toResponse({ status, headers, body }: StoredResponse): Response {
  return new Response(body, { status, headers: headers.map(([key, value]) => [key, value]) });
}

/** The library's words, which do not reveal the reason. */
function invalidGrant(): Response {
  const headers = { "Cache-Control": "no-store", Pragma: "no-cache" };
  return Response.json({ error: "invalid_grant", error_description: "Grant not found" }, { status: 400, headers });
}
