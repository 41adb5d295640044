// What the stand-ins count while the gateway works.

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

/** What one request of one kind took. */
export type Operations = Readonly<StorageCounts & BackendCounts>;
