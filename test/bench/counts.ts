// Counters of the Workers behind the gateway.

/** Operations on storage since the system started. */
export interface StorageCounts {
  kvReads: number;
  kvWrites: number;
  /** Messages that arrived at the queue. */
  messages: number;
}

/** Calls that arrived at the backends, of any method, since the system started. */
export interface BackendCounts {
  calls: number;
}

/** The operations of one request. */
export type Operations = Readonly<StorageCounts & BackendCounts>;
