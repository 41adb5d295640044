// How often is too often. Volume is limited a minute at a time by the runtime's own counters, approximately and in each location;
// what must be exact, or lasts a day, is counted in a Durable Object. Failed sign-ins of an account are not here: the auth Worker
// counts those. Addresses and e-mails are hashed before they become keys.
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { digestText } from "../../contracts/rpc/encoding.ts";
import type { Tier } from "../../contracts/rpc/identity.ts";
import type { Trace } from "../context.ts";
import type { Env } from "../env.ts";

interface Limit {
  /** One binding serves everything that has its number: the keys begin with what is limited. */
  readonly perMinute?: 5 | 10 | 20 | 30 | 60 | 300 | 1000 | 3000;
  readonly perDay?: number;
  /** Whether what is counted has an id of ours, which says nothing about anybody and need not be hashed. */
  readonly isOurs?: true;
}

/** What is limited, and to how much. "By address" is the caller's; hosted clients send everybody's requests from a few of them. */
const LIMITS = {
  /** GET /authorize, by address. */
  authorize: { perMinute: 60 },
  /** Fetches of client metadata documents that are not known yet, by the host that they are asked of. */
  document: { perMinute: 30 },
  /** POST /login, by address, and by the e-mail that is tried. */
  login: { perMinute: 20 },
  loginEmail: { perMinute: 5 },
  /** POST /signup, by address; then the accounts asked for, by address and by e-mail. */
  signup: { perMinute: 5 },
  account: { perDay: 20 },
  accountEmail: { perDay: 3 },
  /** Going to an identity provider, and coming back, by address. */
  social: { perMinute: 30 },
  /** Allowing and denying, by address. */
  decision: { perMinute: 30 },
  /** Forms of the own pages, by address; those that make a credential. */
  ownPages: { perMinute: 30 },
  credential: { perMinute: 10 },
  /** POST /register, by address. */
  registration: { perMinute: 10, perDay: 50 },
  /** POST /token, by address, and by grant. Not by client: all users of a client with a metadata document share its id. */
  token: { perMinute: 300 },
  grant: { perMinute: 10 },
  /** Bearers that were refused, by address: those that look like ours have often just expired, the others are guesses. */
  expiredBearer: { perMinute: 300 },
  foreignBearer: { perMinute: 30 },
  /** Requests to /mcp of any kind, by who asks; then work that they have done, by plan: a client asks much that costs nothing. */
  mcpRequest: { perMinute: 3000, isOurs: true },
  "mcp.free": { perMinute: 20, isOurs: true },
  "mcp.hobby": { perMinute: 60, isOurs: true },
  "mcp.pro": { perMinute: 300, isOurs: true },
  "mcp.enterprise": { perMinute: 1000, isOurs: true },
} as const satisfies Record<string, Limit> & Record<`mcp.${Tier}`, Limit>;
export type Limited = keyof typeof LIMITS;

const DAY_SECONDS = 86_400;
/** The runtime does not say when its minute ends. */
const MINUTE_SECONDS = 60;

/** Requests whose limits could not be counted, and of which the log says so already. */
const reported = new WeakSet<Trace>();

/**
 * Counts one more `what` of `who`. Answers 0 where that is within the limit, otherwise the whole seconds to wait for the next.
 *
 * Where it cannot be counted it is let through: these limits keep volume down, no credential becomes good by them, and a door that
 * opens only while every counter answers would be shut by the first that does not.
 */
export async function consume(env: Env, trace: Trace, what: Limited, who: string): Promise<number> {
  const { perMinute, perDay, isOurs }: Limit = LIMITS[what];
  try {
    const key = `${what}:${isOurs ? who : await digestText(who)}`;
    if (perMinute !== undefined && !(await env[`LIMIT_${perMinute}`].limit({ key })).success) return MINUTE_SECONDS;
    if (perDay === undefined) return 0;
    return await env.RATE_COUNTER.get(env.RATE_COUNTER.idFromName(key)).count(perDay, DAY_SECONDS);
  } catch (error) {
    if (!reported.has(trace)) {
      reported.add(trace);
      console.error(
        JSON.stringify({ event: "limits.uncounted", what, traceId: trace.traceId, ...describeCrash(error) }),
      );
    }
    return 0;
  }
}

/**
 * Where a request came from, as far as limits are concerned: an IPv4 address, or the /64 network of an IPv6 address, which is what
 * one connection gets. Only Cloudflare's own header counts, since a client can write any other; requests without it share one key.
 */
export function addressOf({ headers }: Request): string {
  const address = headers.get("CF-Connecting-IP") ?? "";
  const canonical = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1);
  if (canonical === undefined) return address;
  const [head = [], tail] = canonical.split("::").map((part) => part.split(":").filter(Boolean));
  const groups =
    tail === undefined ? head : [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
  // An IPv4 address in the clothes of IPv6 (RFC 4291 section 2.5.5.2): as a network it would be one with all others.
  const isMapped = groups.slice(0, 6).join(":") === "0:0:0:0:0:ffff";
  if (!isMapped) return `${groups.slice(0, 4).join(":")}::/64`;
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((pair) => [pair >> 8, pair & 255])
    .join(".");
}
