// The log of every Worker: the only place that writes to the console. A line is one JSON object
// with an `event` of the list in log-events.ts. Its level is that of the list: another one does not
// compile.
import type { LOG_EVENTS, LogLevel } from "./log-events.ts";
import { describeCrash, developmentWorker } from "./rpc/crash.ts";

type Events = typeof LOG_EVENTS;

/** The events of one level. */
export type LogEvent<Level extends LogLevel = LogLevel> = {
  [Name in keyof Events]: Events[Name]["level"] extends Level ? Name : never;
}[keyof Events];

/**
 * Everything that a line can hold beside its event: ids and choices of ours, and numbers. There is
 * no field for a credential, for words of a user or a client, or for the user or tenant.
 */
export interface LogFields {
  readonly traceId?: string;
  /** Name of a tool of the catalog. */
  readonly tool?: string;
  /** Names of a binding, an audience, and a method of a contract. */
  readonly backend?: string;
  readonly audience?: string;
  readonly method?: string;
  readonly fault?: string;
  /** Kind, engine's message and place of a thrown value: `describeCrash`. */
  readonly error?: string;
  readonly message?: string;
  readonly at?: string;
  /** The thrown value in full, during `npm run dev` only. */
  readonly stack?: string;
  /** The part of a reply or of a Worker that failed. */
  readonly where?: string | null;
  /** Names of settings that cannot be used, and the reasons. */
  readonly config?: string;
  readonly settings?: string;
  readonly timeoutMs?: number;
  readonly retryAfterMs?: number;
  readonly failures?: number;
  readonly count?: number;
  readonly messages?: number;
  readonly waiting?: number;
  /** Name of a rate limit, kind of a credential, mode of a flow, type of an audit record. */
  readonly limit?: string;
  readonly kind?: string;
  readonly mode?: string;
  readonly type?: string;
  /** Path of the gateway's table of routes. */
  readonly route?: string;
  /** Class, reason and HTTP status of a refusal, in words of ours or the OAuth library's. */
  readonly category?: string;
  readonly reason?: string;
  readonly status?: number;
  /** Host of a client's metadata document. */
  readonly host?: string;
  /** Ids of keys, which reveal nothing about them. */
  readonly keyId?: string;
  readonly known?: readonly string[];
  /** Numbers of an audit chain, whose id is a digest. */
  readonly chainId?: string;
  readonly sequence?: number;
  readonly first?: number;
  readonly last?: number;
  readonly messageId?: string;
  readonly callId?: string;
  readonly jobId?: string;
  readonly flowId?: string;
  /** An audit record, which has rules of its own: src/audit/redact.ts. */
  readonly record?: object;
}

/** Makes a field that `LogFields` does not have an error, also one that is spread. */
type Only<Fields> = Fields & { readonly [Name in Exclude<keyof Fields, keyof LogFields>]: never };

/** Logs an error. */
export function logError<Fields extends LogFields>(event: LogEvent<"error">, fields: Only<Fields>): void {
  console.error(lineOf(event, fields));
}

/** Logs a thrown error: its kind and place, and its message only if the engine wrote it. */
export function logCrash<Fields extends LogFields>(
  event: LogEvent<"error">,
  fields: Only<Fields>,
  thrown: unknown,
): void {
  console.error(lineOf(event, { ...fields, ...describeCrash(thrown) }));
}

/** Logs a warning. */
export function logWarning<Fields extends LogFields>(event: LogEvent<"warn">, fields: Only<Fields>): void {
  console.warn(lineOf(event, fields));
}

/** Logs a normal event. */
export function logInfo<Fields extends LogFields>(event: LogEvent<"info">, fields: Only<Fields>): void {
  console.log(lineOf(event, fields));
}

/** Logs an audit record, field by field. */
export function logAuditRecord(record: object): void {
  console.log(lineOf("audit", record));
}

function lineOf(event: LogEvent, fields: object): string {
  // `worker` is undefined, and so absent, in every bundle but those of `npm run dev`.
  return JSON.stringify({ event, worker: developmentWorker(), ...fields });
}
