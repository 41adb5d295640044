// One object a grant, in front of /token: its code is redeemed and its tokens are refreshed one request at a time, and all in one
// location. KV alone has no compare-and-set, so requests in parallel would each get tokens; and a location that has not heard of a
// revocation yet would refresh, and so bring back, a grant that is gone.
import { DurableObject } from "cloudflare:workers";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { digestText } from "../../contracts/rpc/encoding.ts";
import type { UserId } from "../../contracts/rpc/identity.ts";
import { recordAccess } from "../audit/sinks.ts";
import type { Trace } from "../context.ts";
import type { Env } from "../env.ts";
import { authorizationServer, type TracedEnv } from "../oauth/authorization-server/server.ts";

/** Names a grant; both parts stand in every code and token of it. */
export interface GrantName {
  readonly userId: UserId;
  readonly grantId: string;
}

/** A request to /token, its body read and measured. */
export interface TokenRequest {
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Form-encoded. */
  readonly body: string;
}

/** Seconds for which the very same refresh request gets the very same answer, and for which a replaced token may still turn up. */
const GRACE_SECONDS = 30;
/** After this KV takes another write of the same key. */
const STORAGE_PAUSE_MS = 1_100;
/** Replaced tokens that are remembered. */
const ROTATED_LIMIT = 10;
/** Longer than a code can be redeemed, and longer than a grant lives. */
const UNREDEEMED_MEMORY_MS = 15 * 60_000;
const MEMORY_MS = 31 * 86_400_000;

/** What is known of the grant's refresh tokens, by SHA-256. */
interface RefreshTokenFamily {
  /** The newest one. */
  readonly current?: string;
  /** The one it replaced, which the library takes again: its answer may have been lost. */
  readonly previous?: string;
  /** Those before, newest last, and when each was good for the last time, in milliseconds since the Unix epoch. */
  readonly rotated: readonly { readonly digest: string; readonly atMs: number }[];
  /** The grant is over, whatever KV still says. */
  readonly hasEnded?: true;
}

interface StoredResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Named by user and grant. It deletes itself after the grant's lifetime. */
export class GrantObject extends DurableObject<Env> {
  /** Everything that is under way, in order. Input gates do not wait for KV, so the object does it itself. */
  #last: Promise<unknown> = Promise.resolve();
  /** The last refresh, for a client that asks the same again because the answer was late or several of its tabs woke up at once. */
  #repeatable: { readonly fingerprint: string; readonly answer: StoredResponse; readonly atMs: number } | undefined;

  /** Makes the object where the grant was just written: its first reader is then in the location that knows of it. */
  async open(): Promise<void> {
    if ((await this.#family()) === null) await this.#keep({ rotated: [] }, UNREDEEMED_MEMORY_MS);
  }

  /** Answers a request to /token about this grant. */
  handleTokenRequest(name: GrantName, request: TokenRequest, trace: Trace): Promise<Response> {
    return this.#inTurn(() => this.#dispatch(name, request, trace));
  }

  /** Ends the grant and every token of it. */
  revoke(name: GrantName): Promise<void> {
    return this.#inTurn(() => this.#end(name));
  }

  /** Whether the grant was ended before its time. The same answer everywhere, at once. */
  async hasEnded(): Promise<boolean> {
    return (await this.#family())?.hasEnded === true;
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #dispatch(name: GrantName, request: TokenRequest, trace: Trace): Promise<Response> {
    const parameters = new URLSearchParams(request.body);
    const family = (await this.#family()) ?? { rotated: [] };
    if (!parameters.get("grant_type")) return this.#revokeOne(name, request, trace);
    if (family.hasEnded) return invalidGrant();
    const refreshToken = parameters.get("grant_type") === "refresh_token" ? parameters.get("refresh_token") : null;
    return refreshToken === null
      ? this.#redeem(name, request, trace)
      : this.#refresh(name, request, trace, family, await digestText(refreshToken));
  }

  async #redeem(name: GrantName, request: TokenRequest, trace: Trace): Promise<Response> {
    const answer = await this.#askPatiently(request, trace);
    const next = answer.status === 200 ? await refreshDigest(answer) : null;
    if (next !== null) await this.#keep({ current: next, rotated: [] }, MEMORY_MS);
    // A code that was used before ends its grant (RFC 6749 section 4.1.2); the library does that, and here it is noted.
    else if (answer.status === 400) await this.#noteEnd(name);
    return respond(answer);
  }

  async #refresh(
    name: GrantName,
    request: TokenRequest,
    trace: Trace,
    family: RefreshTokenFamily,
    digest: string,
  ): Promise<Response> {
    const now = Date.now();
    const fingerprint = await fingerprintOf(request);
    const before = this.#repeatable;
    if (before?.fingerprint === fingerprint && before.atMs > now - GRACE_SECONDS * 1000)
      return respond(aged(before.answer, now - before.atMs));

    const rotated = family.rotated.find((token) => token.digest === digest);
    if (rotated && rotated.atMs < now - GRACE_SECONDS * 1000) {
      await this.#end(name);
      console.warn(
        JSON.stringify({
          event: "oauth.refused",
          category: "refresh-token-grant",
          reason: "refresh_token_reused",
          status: 400,
        }),
      );
      const change = { type: "grant.reuse_detected", subject: name.userId, clientId: null } as const;
      recordAccess(this.env.PLATFORM_EVENTS_QUEUE, this.ctx, trace.traceId, change);
      return invalidGrant();
    }

    const answer = await this.#askPatiently(request, trace);
    const next = answer.status === 200 ? await refreshDigest(answer) : null;
    if (next !== null) {
      const left = [family.previous, family.current].filter((token) => token !== undefined && token !== digest);
      const rotated = [...family.rotated, ...left.map((token) => ({ digest: String(token), atMs: now }))].slice(
        -ROTATED_LIMIT,
      );
      await this.#keep({ current: next, previous: digest, rotated }, null);
      this.#repeatable = { fingerprint, answer, atMs: now };
    } else if (answer.status === 400) await this.#noteEnd(name);
    return respond(answer);
  }

  /** RFC 7009. The library judges whose token it is. */
  async #revokeOne(name: GrantName, request: TokenRequest, trace: Trace): Promise<Response> {
    const answer = await this.#ask(request, trace);
    await this.#noteEnd(name);
    return respond(answer);
  }

  /**
   * KV takes one write a second for each key, and quick clients redeem a code within the second of its making. The grant is written
   * first, so a refused write has changed nothing and the request can be made once more.
   */
  async #askPatiently(request: TokenRequest, trace: Trace): Promise<StoredResponse> {
    const answer = await this.#ask(request, trace);
    if (answer.status !== 429) return answer;
    await new Promise((resolve) => setTimeout(resolve, STORAGE_PAUSE_MS));
    return this.#ask(request, trace);
  }

  async #ask({ url, headers, body }: TokenRequest, trace: Trace): Promise<StoredResponse> {
    const traced: TracedEnv = { ...this.env, trace };
    const request = new Request(url, { method: "POST", headers: headers.map(([key, value]) => [key, value]), body });
    // The library uses `waitUntil` only, which both kinds of context have.
    const response = await authorizationServer(this.env).fetch(
      request,
      traced,
      this.ctx as unknown as ExecutionContext,
    );
    return { status: response.status, headers: [...response.headers], body: await response.text() };
  }

  /** Notes that the grant is gone, where the library has removed it. */
  async #noteEnd({ userId, grantId }: GrantName): Promise<void> {
    if ((await this.#family()) === null || (await this.env.OAUTH_KV.get(`grant:${userId}:${grantId}`)) !== null) return;
    await this.#keep({ rotated: [], hasEnded: true }, MEMORY_MS);
    this.#repeatable = undefined;
  }

  async #end({ userId, grantId }: GrantName): Promise<void> {
    await this.#keep({ rotated: [], hasEnded: true }, MEMORY_MS);
    this.#repeatable = undefined;
    await authorizationServer(this.env).getOAuthApi(this.env).revokeGrant(grantId, userId);
  }

  /** Objects that were written as `TokenGate` hold the family as `chain`, with `spent` for `rotated`. */
  async #family(): Promise<RefreshTokenFamily | null> {
    const { storage } = this.ctx;
    const family = await storage.get<RefreshTokenFamily>("family");
    if (family) return family;
    const { spent, ...chain } = (await storage.get<{ spent?: RefreshTokenFamily["rotated"] }>("chain")) ?? {};
    return spent ? { ...chain, rotated: spent } : null;
  }

  /** `memoryMs`: how long from now; `null` leaves what was set before. */
  async #keep(family: RefreshTokenFamily, memoryMs: number | null): Promise<void> {
    await this.ctx.storage.put("family", family);
    if (memoryMs !== null) await this.ctx.storage.setAlarm(Date.now() + memoryMs);
  }
}

const GRANT_TOKEN = /^([A-Za-z0-9_-]{1,64}):([A-Za-z0-9_-]{16}):[A-Za-z0-9_-]{32}$/;

/** The grant that a code or token of ours belongs to; `null` for anything of another shape, which cannot be one. */
export function grantNameOf(token: string): GrantName | null {
  const [, userId, grantId] = GRANT_TOKEN.exec(token) ?? [];
  return userId === undefined || grantId === undefined ? null : { userId: userId as UserId, grantId }; // the brand lives in TypeScript only
}

/** The gate of this grant. */
export function grantObjectOf(env: Env, { userId, grantId }: GrantName): DurableObjectStub<GrantObject> {
  return env.GRANTS.get(env.GRANTS.idFromName(`${userId}:${grantId}`));
}

/** Opens the gate of the grant whose code stands in `redirectTo`. That a code can be redeemed does not depend on it. */
export async function createGrantObject(env: Env, redirectTo: string, traceId: string): Promise<void> {
  const name = grantNameOf(new URL(redirectTo).searchParams.get("code") ?? "");
  try {
    if (name) await grantObjectOf(env, name).open();
  } catch (error) {
    console.error(JSON.stringify({ event: "oauth.gate_unopened", traceId, ...describeCrash(error) }));
  }
}

/** The digest of the refresh token in a success answer; `null` where it has none. */
async function refreshDigest({ body }: StoredResponse): Promise<string | null> {
  const { refresh_token: token }: { readonly refresh_token?: unknown } = JSON.parse(body);
  return typeof token === "string" ? digestText(token) : null;
}

/** Everything that makes two refresh requests the same one, client authentication included. */
async function fingerprintOf({ headers, body }: TokenRequest): Promise<string> {
  const authorization = headers.find(([name]) => name.toLowerCase() === "authorization")?.[1] ?? "";
  return digestText(`${authorization}\n${body}`);
}

/** The same answer `elapsedMs` later: the token's life has gone on. */
function aged(answer: StoredResponse, elapsedMs: number): StoredResponse {
  const content: { readonly expires_in: number } = JSON.parse(answer.body);
  return {
    ...answer,
    body: JSON.stringify({ ...content, expires_in: content.expires_in - Math.ceil(elapsedMs / 1000) }),
  };
}

function respond({ status, headers, body }: StoredResponse): Response {
  return new Response(body, { status, headers: headers.map(([key, value]) => [key, value]) });
}

/** In the library's words, which tell nothing about why. */
function invalidGrant(): Response {
  const headers = { "Cache-Control": "no-store", Pragma: "no-cache" };
  return Response.json({ error: "invalid_grant", error_description: "Grant not found" }, { status: 400, headers });
}
