// Cloudflare's prices of the Workers Paid plan, as documented in November 2026 at
// https://developers.cloudflare.com/workers/platform/pricing/ and the pages of each product. The
// one list of them: the calculator and the tables of the documents derive from it.

/** Dollars a month for the plan itself. */
export const PLAN_DOLLARS = 5;

interface Price {
  /** As the table of the documents names it. */
  readonly title: string;
  /** Units that the plan includes each month. */
  readonly included: number;
  /** Dollars for a million units beyond. */
  readonly dollarsPerMillion: number;
}

/** By what is counted. */
export const PRICES = {
  requests: { title: "requests", included: 10e6, dollarsPerMillion: 0.3 },
  cpuMs: { title: "processor time, ms", included: 30e6, dollarsPerMillion: 0.02 },
  objectRequests: { title: "Durable Objects: requests", included: 1e6, dollarsPerMillion: 0.15 },
  objectGbSeconds: { title: "Durable Objects: GB-seconds", included: 400_000, dollarsPerMillion: 12.5 },
  objectRowsWritten: { title: "Durable Objects: rows written", included: 50e6, dollarsPerMillion: 1 },
  d1RowsRead: { title: "D1: rows read", included: 25e9, dollarsPerMillion: 0.001 },
  d1RowsWritten: { title: "D1: rows written", included: 50e6, dollarsPerMillion: 1 },
  d1GbMonths: { title: "D1: GB stored", included: 5, dollarsPerMillion: 0.75e6 },
  kvReads: { title: "KV: reads", included: 10e6, dollarsPerMillion: 0.5 },
  kvWrites: { title: "KV: writes", included: 1e6, dollarsPerMillion: 5 },
  queueOperations: { title: "Queues: operations", included: 1e6, dollarsPerMillion: 0.4 },
  r2Writes: { title: "R2: writes", included: 1e6, dollarsPerMillion: 4.5 },
  r2Reads: { title: "R2: reads", included: 10e6, dollarsPerMillion: 0.36 },
  r2GbMonths: { title: "R2: GB stored", included: 10, dollarsPerMillion: 0.015e6 },
  logEvents: { title: "Workers Logs: events", included: 20e6, dollarsPerMillion: 0.6 },
} as const satisfies Readonly<Record<string, Price>>;

/** A resource that Cloudflare counts. */
export type Resource = keyof typeof PRICES;

/** Units of each resource; an absent one is 0. */
export type Usage = Readonly<Partial<Record<Resource, number>>>;

/** Dollars a month for units of one resource, beyond what the plan includes. */
export function dollarsOf(resource: Resource, units: number): number {
  const { included, dollarsPerMillion } = PRICES[resource];
  return (Math.max(units - included, 0) / 1e6) * dollarsPerMillion;
}
