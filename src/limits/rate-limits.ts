// Rate limits. The runtime's own counters limit volume a minute at a time, approximately and in
// each location; limits that must be exact, or last a day, are counted in a Durable Object. Failed
// sign-ins of an account are not here: the auth Worker counts those. Addresses and e-mail addresses
// are hashed before they become keys.
import type { ReachedLimit } from "../../contracts/gateway.ts";
import { logCrash } from "../../contracts/log.ts";
import { digestText } from "../../contracts/rpc/encoding.ts";
import { Tier } from "../../contracts/rpc/identity.ts";
import type { RequestContext, Trace } from "../context.ts";

interface Limit {
  /** One binding serves all limits of its number: the keys begin with the name of the limit. */
  readonly perMinute?: 5 | 10 | 20 | 30 | 60 | 300 | 1000 | 3000;
  readonly perHour?: number;
  readonly perDay?: number;
  /**
   * True if the counted keys are ids of ours, which reveal nothing about a person and need no hash.
   */
  readonly isOwnId?: true;
  /** The requests that share it, as refusals that programs read say it. */
  readonly counted?: string;
}

/**
 * "By address" is the client's IP address; a hosted client sends the requests of all its users from
 * a few.
 */
const LIMITS = {
  /** GET /authorize, by address. */
  authorize: { perMinute: 60 },
  /**
   * Fetches of client metadata documents that are not known to be usable, by the client's address
   * and the document's host: no stranger uses up what others need.
   */
  document: { perMinute: 60 },
  /**
   * POST /login, by address, and by the e-mail address entered; or only by the browser and that
   * e-mail address, if the account has signed in there before.
   */
  login: { perMinute: 20 },
  loginEmail: { perMinute: 5 },
  loginBrowser: { perMinute: 10 },
  /**
   * POST /signup, by address; then the forms without a mistake, each of which made an account or
   * told that there is one. By the hour, so that one user of an address cannot close it for a day.
   */
  signup: { perMinute: 20 },
  account: { perHour: 20 },
  /** Redirects to an identity provider and callbacks from it, by address. */
  social: { perMinute: 30 },
  /** Allow and Deny, by address. */
  decision: { perMinute: 30 },
  /** Pictures on the account page, by address. */
  accountPicture: { perMinute: 300 },
  /** Forms of the account pages, by address; then those that create a credential. */
  accountForm: { perMinute: 30 },
  credential: { perMinute: 10 },
  /**
   * POST /register, by address. A hosted client registers anew for each of its users. A
   * registration without a grant is deleted after a day, which bounds what one address can store.
   */
  registration: { perMinute: 60, perDay: 10_000, counted: "registrations from one address" },
  /**
   * POST /token, by address; then refreshes with a token of the grant, by grant. Not by client: all
   * users of a client with a metadata document share its id. Never before the token is known: the
   * grant's name is in the address of every callback.
   */
  token: { perMinute: 300, counted: "token requests from one address" },
  grant: { perMinute: 10, counted: "refreshes of one connection" },
  /**
   * Refused bearer tokens, by address: those of our own shape have often just expired, the others
   * are guesses.
   */
  expiredBearer: { perMinute: 300, counted: "requests with an expired token from one address" },
  foreignBearer: { perMinute: 30, counted: "requests with an invalid credential from one address" },
  /** All requests to /mcp and of sibling Workers, by subject: many cost nothing. */
  request: { perMinute: 3000, isOwnId: true, counted: "requests of one account" },
  /** Questions about tasks, by subject. */
  taskQuery: { perMinute: 300, isOwnId: true, counted: "questions of one account about tasks" },
  /** Requests that cause work, by subject: see src/pipeline/metering.ts. */
  "plan.free": { perMinute: 20, isOwnId: true },
  "plan.hobby": { perMinute: 60, isOwnId: true },
  "plan.pro": { perMinute: 300, isOwnId: true },
  "plan.enterprise": { perMinute: 1000, isOwnId: true },
} as const satisfies Record<string, Limit> & Record<`plan.${Tier}`, Limit>;
export type LimitName = keyof typeof LIMITS;

/** The requests a minute that a limit allows. */
export function perMinuteOf(limit: LimitName): number {
  const { perMinute }: Limit = LIMITS[limit];
  return perMinute ?? Number.POSITIVE_INFINITY;
}

/** A limit that a request has reached, and a sentence that says so to a program or a model. */
export interface Overrun {
  /** Whole, at least 1. */
  readonly retryAfterSeconds: number;
  readonly message: string;
  readonly limit: ReachedLimit;
}

/** Describes `name`, whose `consume` returned this many seconds to wait. */
export function overrunOf(name: LimitName, retryAfterSeconds: number): Overrun {
  const { perMinute, perHour, perDay, counted }: Limit = LIMITS[name];
  const plan = Tier.options.find((tier) => name === `plan.${tier}`) ?? null;
  // The minute's own counter is asked first, and its wait is never longer.
  const isMinute = perMinute !== undefined && retryAfterSeconds <= MINUTE_SECONDS;
  const allowed = (isMinute ? perMinute : (perHour ?? perDay)) ?? 0;
  const period = isMinute ? "minute" : perHour === undefined ? "day" : "hour";
  const of = plan === null ? `for ${counted}` : `in the plan ${plan}, for all clients of the account together`;
  const resetsAt = new Date(Date.now() + retryAfterSeconds * 1000).toISOString();
  return {
    retryAfterSeconds,
    message: `Too many requests: the limit is ${allowed} a ${period} ${of}, and none is left. Try again in ${retryAfterSeconds} s.`,
    limit: { plan, unit: "requests", allowed, period, left: 0, resetsAt },
  };
}

/** A counter that takes longer has failed. Milliseconds. */
const COUNT_TIMEOUT_MS = 5_000;
const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;
/** The runtime does not tell when its minute ends. */
const MINUTE_SECONDS = 60;

/** Requests whose failure to count is logged already. */
const reported = new WeakSet<Trace>();

/**
 * Counts one more request of `key` against a limit. Returns 0 within the limit, otherwise the whole
 * seconds to wait.
 *
 * Fails open: these limits reduce volume and make no credential valid, so a counter that fails must
 * not close the gateway.
 */
export async function consume(context: RequestContext, limit: LimitName, key: string): Promise<number> {
  const { perMinute, perHour, perDay, isOwnId }: Limit = LIMITS[limit];
  try {
    const name = isOwnId ? `${limit}:${key}` : await hashedName(limit, key);
    if (perMinute !== undefined && !(await context.env[`LIMIT_${perMinute}`].limit({ key: name })).success)
      return MINUTE_SECONDS;
    const max = perHour ?? perDay;
    if (max === undefined) return 0;
    const windowSeconds = perHour === undefined ? DAY_SECONDS : HOUR_SECONDS;
    return await inTime(context, () => counterOf(context, name).count(max, windowSeconds));
  } catch (error) {
    return uncounted(context, limit, error);
  }
}

/** The same for a limit by the hour or day, without counting: the request may yet be mistaken. */
export async function peek(context: RequestContext, limit: LimitName, key: string): Promise<number> {
  const { perHour, perDay }: Limit = LIMITS[limit];
  const max = perHour ?? perDay ?? Number.POSITIVE_INFINITY;
  try {
    const counter = counterOf(context, await hashedName(limit, key));
    return await inTime(context, () => counter.peek(max));
  } catch (error) {
    return uncounted(context, limit, error);
  }
}

/** The answer of a counter. Throws if it takes too long. */
function inTime({ deadlines }: RequestContext, ask: () => PromiseLike<number>): Promise<number> {
  return deadlines.inTime(ask, COUNT_TIMEOUT_MS, "The counter did not answer in time.");
}

async function hashedName(limit: LimitName, key: string): Promise<string> {
  return `${limit}:${await digestText(key)}`;
}

function counterOf({ env }: RequestContext, name: string) {
  return env.RATE_COUNTER.get(env.RATE_COUNTER.idFromName(name));
}

/** Logs the failure of a counter, once a request. Returns no seconds to wait. */
function uncounted({ trace }: RequestContext, limit: LimitName, error: unknown): number {
  if (!reported.has(trace)) {
    reported.add(trace);
    const { traceId } = trace;
    logCrash("limits.uncounted", { limit, traceId }, error);
  }
  return 0;
}

/**
 * The client's address as rate limits count it: an IPv4 address, or the /64 network of an IPv6
 * address, which is what one connection gets. Read from Cloudflare's own header only, since a
 * client can write any other; requests without it share one key.
 */
export function addressOf({ headers }: Request): string {
  const address = headers.get("CF-Connecting-IP") ?? "";
  if (!address.includes(":")) return address; // parsing as a URL is slow where it fails
  const canonical = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1);
  if (canonical === undefined) return address;
  const groups = groupsOf(canonical);
  // IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2): use the IPv4 address, or all clients share one
  // /64.
  const isMapped = groups.slice(0, 6).join(":") === "0:0:0:0:0:ffff";
  return isMapped ? ipv4Of(groups.slice(6)) : `${groups.slice(0, 4).join(":")}::/64`;
}

/** The eight groups of an IPv6 address, with `::` filled in. */
function groupsOf(address: string): readonly string[] {
  const [head = [], tail] = address.split("::").map((part) => part.split(":").filter(Boolean));
  if (tail === undefined) return head;
  return [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
}

function ipv4Of(groups: readonly string[]): string {
  return groups
    .map((group) => Number.parseInt(group, 16))
    .flatMap((pair) => [pair >> 8, pair & 255])
    .join(".");
}
