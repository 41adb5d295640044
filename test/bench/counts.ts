// Counters of the Workers behind the gateway, and of its Durable Objects.

/** Operations on storage since the system started. */
export interface StorageCounts {
  kvReads: number;
  kvWrites: number;
  /** Requests to Durable Objects, as `workers/counted-objects.ts` reports them. */
  objects: number;
  /** Messages that arrived at the queue. */
  messages: number;
}

/** Calls that arrived at the backends since the system started. */
export interface BackendCounts {
  /** Of the auth Worker, about a user. */
  auth: number;
  /** Of the auth Worker, about credits. */
  ledger: number;
  /** Of the product backends. */
  backends: number;
}

/** The operations of one request. */
export type Operations = Readonly<StorageCounts & BackendCounts>;

/** All of them, in the order of the report. */
export const OPERATIONS = {
  kvReads: "KV reads",
  kvWrites: "KV writes",
  objects: "objects",
  auth: "auth",
  ledger: "ledger",
  backends: "backends",
  messages: "messages",
} as const satisfies Record<keyof Operations, string>;
