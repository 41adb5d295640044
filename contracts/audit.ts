// Contract of the audit store: what the caller's own tenant has done, and the proof that the stored
// records are complete and unaltered. It has no tools.
import * as v from "valibot";
import { type ContractOf, contract } from "./rpc/contract.ts";
import { operation } from "./rpc/operation.ts";

/** Milliseconds that the gateway waits for a reply of the audit store. */
const AUDIT_TIMEOUT_MS = 5_000;
/** Records of one trace that are returned. */
export const MAX_TRACE_RECORDS = 200;
/** Problems that are returned. */
export const MAX_PROBLEMS = 100;

/** One record, without the summary of its input. Fields that its type does not have are `null`. */
export const Activity = v.object({
  /** ISO 8601, UTC. */
  at: v.string(),
  /** E.g. `tool.called`, `grant.made`. */
  type: v.string(),
  traceId: v.nullable(v.string()),
  clientId: v.nullable(v.string()),
  tool: v.nullable(v.string()),
  /** `ok`, or the code of the refusal or fault. */
  outcome: v.nullable(v.string()),
  credits: v.nullable(v.number()),
});
export type Activity = v.InferOutput<typeof Activity>;

export const ListActivity = operation({
  input: v.strictObject({
    limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), 20),
  }),
  output: v.object({ activity: v.pipe(v.array(Activity), v.maxLength(100)) }),
  errors: {},
  timeoutMs: AUDIT_TIMEOUT_MS,
});

export const FindTrace = operation({
  input: v.strictObject({ traceId: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)) }),
  /** In the order in which they arrived. */
  output: v.object({ records: v.pipe(v.array(Activity), v.maxLength(MAX_TRACE_RECORDS)) }),
  errors: {},
  timeoutMs: AUDIT_TIMEOUT_MS,
});

/** A published key, without the fields that all of them share. */
const PublicKey = v.strictObject({ kid: v.pipe(v.string(), v.maxLength(64)), x: v.pipe(v.string(), v.length(43)) });

export const Verify = operation({
  input: v.strictObject({
    /**
     * The gateway's public keys. With them, signatures of checkpoints are checked; a checkpoint
     * without a valid one is a problem `invalid_signature`, and no evidence.
     */
    keys: v.optional(v.pipe(v.array(PublicKey), v.maxLength(8))),
  }),
  output: v.object({
    isIntact: v.boolean(),
    /** False also for a store that is older. */
    areSignaturesChecked: v.optional(v.boolean(), false),
    /** Records that are stored. */
    records: v.number(),
    problems: v.pipe(
      v.array(
        v.object({
          /** `gateway`: the chain of numbered records. `store`: that of all stored ones. */
          chain: v.picklist(["gateway", "store"]),
          problem: v.string(),
          /** Number in that chain; `null` if the record has none. */
          sequence: v.nullable(v.number()),
          traceId: v.nullable(v.string()),
        }),
      ),
      v.maxLength(MAX_PROBLEMS),
    ),
  }),
  errors: {},
  timeoutMs: AUDIT_TIMEOUT_MS,
});

/** The audit store. Every method is about the tenant that the identity token names. */
export const audit = contract({
  audience: "audit",
  prefix: "audit",
  methods: {
    /** The tenant's latest records, newest first. */
    listActivity: ListActivity,
    /** The tenant's records of one trace. */
    findTrace: FindTrace,
    /** Checks the tenant's records: altered, removed and moved ones are named. */
    verify: Verify,
  },
  tools: {},
  internal: ["listActivity", "findTrace", "verify"],
});

export type AuditContract = ContractOf<typeof audit>;
