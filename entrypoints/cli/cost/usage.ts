// Units that Cloudflare bills for one request of each kind, with the reference Workers. Tests count
// them (test/src/billed.test.ts, test/src/operations.test.ts); estimates say that they are.
import type { Resource, Usage } from "./prices.ts";

/** Three a message: write, read, delete. */
const OPERATIONS_A_MESSAGE = 3;
/**
 * Rows that one record writes: itself, its key and its four other indexes; all of them again when
 * retention deletes it; and the state of its chain.
 */
export const ROWS_A_RECORD = 13;
/** The state, and the look-up of what has arrived already. Estimated. */
const ROWS_READ_A_RECORD = 8;

/** Rows that a paid call writes in the objects of the gateway and of the auth Worker. */
export const ROWS_OF_PAID_CALL = { auditLog: 16, ledger: 13 };
/** Rows of the image's object: its states, its alarms, its place in the list. Estimated. */
const ROWS_OF_IMAGE = 14;
/** Memory of an object, by which its duration is billed. */
const GB = 0.125;
/** Seconds for which one request keeps an object active. Estimated. */
const ACTIVE_SECONDS = 0.02;
/** Days for which images are kept, in months: `RETENTION_DAYS` of img-forge. */
const IMAGE_MONTHS = 3;
/** Gigabytes of a record with its indexes. Estimated. */
const GB_A_RECORD = 1.5e-6;

/** Requests to Durable Objects of one image: those of the gateway and the ledger, then its own. */
const OBJECTS_OF_IMAGE = 5 + 5;

/** Audit records that the reference audit Worker stores. */
function records(number: number, days: number): Usage {
  return {
    queueOperations: number * OPERATIONS_A_MESSAGE,
    d1RowsWritten: number * ROWS_A_RECORD,
    d1RowsRead: number * ROWS_READ_A_RECORD,
    d1GbMonths: number * GB_A_RECORD * (days / 30),
  };
}

/** The traffic that is expected. */
export interface Traffic {
  /** Tool calls a day. */
  readonly calls: number;
  /** Percent of them that draw an image; the others only read. */
  readonly images: number;
  /** Percent of requests whose credential the isolate has not seen in the last 30 seconds. */
  readonly lookUps: number;
  /** Users a day. Each app starts once: a token refresh, the handshake, the lists. */
  readonly users: number;
  /** Milliseconds of processor time a request, with the backend's. */
  readonly cpuMs: number;
  /** Seconds for which the model draws. */
  readonly imageSeconds: number;
  /** Megabytes of an image. */
  readonly imageMb: number;
  /** Days for which audit records are kept. */
  readonly recordDays: number;
}

/** Traffic of `calls` a day, with the values that the calculator assumes. */
export function trafficOf(calls: number): Traffic {
  const users = Math.max(1, Math.round(calls / 20));
  return { calls, images: 5, lookUps: 50, users, cpuMs: 3, imageSeconds: 5, imageMb: 0.5, recordDays: 400 };
}

/** Requests to the gateway when an app starts: the refresh, the handshake and three lists. */
const REQUESTS_OF_START = 5;

/** Units of one request of each kind. */
function usageOfEach({ cpuMs, imageSeconds, imageMb, recordDays }: Traffic) {
  return {
    read: { requests: 1, cpuMs, logEvents: 1, ...records(1, recordDays) },
    image: {
      requests: 1,
      cpuMs: cpuMs * 3,
      logEvents: 3,
      ...records(2, recordDays),
      objectRequests: OBJECTS_OF_IMAGE,
      objectGbSeconds: GB * (imageSeconds + OBJECTS_OF_IMAGE * ACTIVE_SECONDS),
      objectRowsWritten: ROWS_OF_PAID_CALL.auditLog + ROWS_OF_PAID_CALL.ledger + ROWS_OF_IMAGE,
      r2Writes: 1,
      r2Reads: 1,
      r2GbMonths: (imageMb / 1000) * IMAGE_MONTHS,
    },
    lookUp: { kvReads: 1, objectRequests: 1, objectGbSeconds: GB * ACTIVE_SECONDS, d1RowsRead: 3 },
    start: {
      requests: REQUESTS_OF_START,
      cpuMs: cpuMs * REQUESTS_OF_START,
      logEvents: 1,
      kvReads: KV_OF_REFRESH.reads,
      kvWrites: KV_OF_REFRESH.writes,
      objectRequests: 2,
      objectGbSeconds: 2 * GB * ACTIVE_SECONDS,
      objectRowsWritten: 2,
      ...records(1, recordDays),
    },
  } satisfies Readonly<Record<string, Usage>>;
}

/** Operations on KV of one refresh of a token. */
export const KV_OF_REFRESH = { reads: 3, writes: 2 };

/** Units a month of 30 days. */
export function usageOf(traffic: Traffic): ReadonlyMap<Resource, number> {
  const { calls, images, lookUps, users } = traffic;
  const each = usageOfEach(traffic);
  const drawn = (calls * images) / 100;
  const asked = (calls + users * REQUESTS_OF_START) * (lookUps / 100);
  const sum = new Map<Resource, number>();
  const add = (usage: Usage, times: number) => {
    for (const [resource, units] of Object.entries(usage) as [Resource, number][])
      sum.set(resource, (sum.get(resource) ?? 0) + units * times * 30);
  };
  add(each.read, calls - drawn);
  add(each.image, drawn);
  add(each.lookUp, asked);
  add(each.start, users);
  return sum;
}
