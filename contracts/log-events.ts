// The one list of log events: level, Worker, meaning and remedy of each. `log.ts` takes only names
// of this list, and `npm run catalog` writes the table of docs/log-events.md from it. Workers
// import its type only, so no word of it is in a bundle.

/**
 * `error`: something failed that should not, or needs an operator. `warn`: a refusal or an
 * irregularity that can be normal, but not in numbers. `info`: normal.
 */
export type LogLevel = "error" | "warn" | "info";

/** The Worker that logs an event, by its folder; `backends`: each of those with a contract. */
type LogSource = "gateway" | "auth" | "stackbilder" | "img-forge" | "audit" | "backends" | "all";

/** One event. The sentences are Markdown, for operators. */
export interface LogEventEntry {
  readonly level: LogLevel;
  readonly source: LogSource;
  readonly meaning: string;
  /** Absent if nothing needs to be done. */
  readonly remedy?: string;
}

export const LOG_EVENTS = {
  "account.erased": {
    level: "info",
    source: "gateway",
    meaning: "An account was deleted, everywhere and for the second time.",
  },
  "account.erasure_delayed": {
    level: "error",
    source: "gateway",
    meaning:
      "A step (`where`) of the deletion of an account failed. The account is closed unless it is `access` or `account`; all steps are taken again after `retryAfterMs`.",
    remedy:
      "Look for `rpc.fault` or `account.step_failed` of the same trace. Nothing else is needed: it is tried until it succeeds.",
  },
  "account.step_failed": {
    level: "error",
    source: "gateway",
    meaning: "Storage failed in a step (`where`) of the deletion of an account.",
    remedy: "See `account.erasure_delayed`, which follows.",
  },
  "account.unstarted": {
    level: "error",
    source: "gateway",
    meaning: "The deletion of an account could not be stored. The user got 503 and may try again.",
    remedy: "Check the Durable Objects of the gateway.",
  },
  audit: {
    level: "info",
    source: "gateway",
    meaning: "An audit record of a call, a task, a resource or a change of access.",
  },
  "audit.checkpoint_unsigned": {
    level: "error",
    source: "gateway",
    meaning: "A checkpoint of a chain could not be signed. It is tried again; records are sent all the same.",
    remedy: "Check `SERVICE_BINDING_SECRET`.",
  },
  "audit.gap": {
    level: "warn",
    source: "audit",
    meaning: "The records `first` to `last` of a chain have not arrived.",
    remedy:
      "Wait for `audit.gap_closed`. If it does not come, look for `audit.outbox_delayed` at the gateway, and run `npm run audit -- verify`.",
  },
  "audit.gap_closed": {
    level: "info",
    source: "audit",
    meaning: "A record that was missing has arrived.",
  },
  "audit.outbox_delayed": {
    level: "error",
    source: "gateway",
    meaning: "The queue does not take the records of a chain. They are kept, and sent after `retryAfterMs`.",
    remedy: "Check the queue `stackbilt-user-events`. No record is lost.",
  },
  "audit.record_rejected": {
    level: "warn",
    source: "audit",
    meaning: "A message of the queue is no valid record. It is kept in the table `rejected`.",
    remedy:
      "Find the program that writes to the queue beside the gateway. `number_taken`: two records have one number; run `npm run audit -- verify`.",
  },
  "audit.store_failed": {
    level: "error",
    source: "audit",
    meaning: "The database does not store records. The queue delivers them again.",
    remedy: "Check the database `stackbilt-reference-audit`: its migrations and its size.",
  },
  "audit.unchained": {
    level: "error",
    source: "gateway",
    meaning: "The audit log did not store a change of access. Its record went to the queue without a number.",
    remedy: "Check the Durable Objects of the gateway.",
  },
  "audit.undelivered": {
    level: "error",
    source: "gateway",
    meaning: "A record could not be sent to the queue. Only this line has it, in `record`.",
    remedy: "Keep the line. Check the queue `stackbilt-user-events`.",
  },
  "audit.unrecorded": {
    level: "error",
    source: "gateway",
    meaning:
      "The audit log did not store the intent or the outcome of a call. Without an intent, a call that costs credits, has an idempotency key or a risk of `AUDIT_REQUIRED_RISKS` is refused.",
    remedy: "Check the Durable Objects of the gateway.",
  },
  "auth.crashed": {
    level: "error",
    source: "auth",
    meaning: "An unexpected error at `where`, or settings that cannot be used (`settings`). The gateway answers 503.",
    remedy: "Correct the settings. Without `settings`, look at `at`, and at the database `stackbilt-reference-auth`.",
  },
  "auth.revocations_undelivered": {
    level: "error",
    source: "auth",
    meaning: "The gateway does not know yet that sign-ins have ended. The next try is a minute later.",
    remedy: "Check the binding `GATEWAY_ADMIN`. Until then, access tokens of these users can still work.",
  },
  "backend.breaker_closed": {
    level: "info",
    source: "gateway",
    meaning: "A backend has answered a probe, and is called again.",
  },
  "backend.breaker_opened": {
    level: "error",
    source: "gateway",
    meaning:
      "Five calls to a backend went wrong in a row. This isolate does not call it for 10 seconds, and then makes one call to see.",
    remedy: "Look at the lines `rpc.fault` before it.",
  },
  "call.abandoned": {
    level: "error",
    source: "gateway",
    meaning:
      "The outcome of a call that costs credits never became known. Its credits are returned, and its record says `unknown`.",
    remedy: "Look up `traceId`, and check the backend of the tool.",
  },
  "call.unsettled": {
    level: "error",
    source: "gateway",
    meaning: "The settlement of a call crashed. It is tried again.",
    remedy: "Look at `at`.",
  },
  "confirmation.unchecked": {
    level: "error",
    source: "gateway",
    meaning: "The confirmation of a call could not be checked. The call was refused.",
    remedy: "Check the Durable Objects of the gateway.",
  },
  "credential.unchecked": {
    level: "error",
    source: "gateway",
    meaning: "Storage failed while a credential was checked. The client got 503.",
    remedy: "Check KV, the Durable Objects of the gateway and the auth Worker.",
  },
  "flow.crashed": {
    level: "error",
    source: "stackbilder",
    meaning: "A mode of a flow ended with an unexpected error. The user can recover the flow.",
    remedy: "Look at `at`.",
  },
  "flow.unlisted": {
    level: "error",
    source: "stackbilder",
    meaning: "A flow is missing in its owner's list. It can be read by its id.",
  },
  "grant.not_deleted": {
    level: "error",
    source: "gateway",
    meaning: "A grant that has ended is still in KV. It is not valid, and expires by itself.",
  },
  "grant.not_registered": {
    level: "error",
    source: "gateway",
    meaning: "A grant is missing in its user's list. Its next use adds it.",
    remedy: "If it repeats, check the Durable Objects of the gateway.",
  },
  "grant.object_not_created": {
    level: "error",
    source: "gateway",
    meaning: "A new grant has no object yet. Its first request at `/token` creates it.",
    remedy: "If it repeats, check the Durable Objects of the gateway.",
  },
  "grant.unchecked": {
    level: "error",
    source: "gateway",
    meaning: "The user behind a grant could not be checked at `/token`. The client got 503 and keeps the grant.",
    remedy: "Check the auth Worker and the Durable Objects of the gateway.",
  },
  "health.keys_differ": {
    level: "error",
    source: "gateway",
    meaning: "A backend does not accept the gateway's identity tokens.",
    remedy: "Set its `IDENTITY_KEYS` again: [Keys of a backend](operations.md#keys-of-a-backend).",
  },
  "http.crashed": {
    level: "error",
    source: "gateway",
    meaning: "An unexpected error, or settings that cannot be used (`config`). The client got 500.",
    remedy: "Correct the settings. Without `config`, look at `at`.",
  },
  "image.unlisted": {
    level: "error",
    source: "img-forge",
    meaning: "A picture is missing in its owner's list. It can be read by its id.",
  },
  "job.failed": {
    level: "error",
    source: "img-forge",
    meaning: "A picture could not be made. Its credits are returned.",
    remedy: "Look at `at`; check Workers AI and the bucket `stackbilt-reference-images`.",
  },
  "limits.uncounted": {
    level: "error",
    source: "gateway",
    meaning: "A rate limit could not be counted. The request passed.",
    remedy: "Check the rate limits and the Durable Objects of the gateway.",
  },
  "mcp.crashed": {
    level: "error",
    source: "gateway",
    meaning: "An unexpected error in an MCP request. The client got an internal error.",
    remedy: "Look at `at`.",
  },
  "mcp.input_failed": {
    level: "error",
    source: "gateway",
    meaning: "A question could not be put to the client of a session. The call was refused.",
    remedy: "If it repeats, check the Durable Objects of the gateway.",
  },
  "mcp.session_unavailable": {
    level: "error",
    source: "gateway",
    meaning: "The object of a session failed. The client got 503.",
    remedy: "If it repeats, check the Durable Objects of the gateway.",
  },
  "mcp.timeout": {
    level: "error",
    source: "gateway",
    meaning: "An MCP request had no result after 90 seconds. The client got an internal error.",
    remedy: "Look for other lines of the same trace: the deadline of a backend is shorter.",
  },
  "mcp.unfinished": {
    level: "error",
    source: "gateway",
    meaning: "A call asked its user again after the last round. The client got an internal error.",
    remedy: "It is a defect of the gateway: report it with the trace id.",
  },
  "oauth.answer_not_kept": {
    level: "error",
    source: "gateway",
    meaning: "The answer to a form could not be kept for a second press of its button.",
  },
  "oauth.crashed": {
    level: "error",
    source: "gateway",
    meaning: "An unexpected error at an OAuth endpoint or a page. The client got 500.",
    remedy: "Look at `route` and `at`.",
  },
  "oauth.document_refused": {
    level: "warn",
    source: "gateway",
    meaning: "The metadata document of a client cannot be used, for `reason`.",
    remedy: "If a well-known client is refused, tell its vendor the reason.",
  },
  "oauth.refused": {
    level: "warn",
    source: "gateway",
    meaning: "An OAuth request was refused, for `reason`.",
    remedy: "Many `refresh_token_reused`: a client repeats old refresh tokens, or tokens were copied.",
  },
  "oauth.timeout": {
    level: "error",
    source: "gateway",
    meaning: "An OAuth endpoint or a page had no response after 45 seconds. The client got 503.",
    remedy: "Check KV and the Durable Objects of the gateway.",
  },
  "oauth.unusable_user_id": {
    level: "error",
    source: "gateway",
    meaning: "The auth Worker returned a user id that the gateway cannot use. The user got 503.",
    remedy: "Correct the ids in the database of the auth Worker: letters, digits, `_` and `-`, at most 64.",
  },
  "picture.undeleted": {
    level: "error",
    source: "img-forge",
    meaning: "The bytes of a picture could not be deleted. It is tried again.",
    remedy: "If it repeats, check the bucket `stackbilt-reference-images`.",
  },
  "picture.unreadable": {
    level: "error",
    source: "img-forge",
    meaning: "A picture could not be read from the bucket. The browser got 503.",
    remedy: "Check the bucket `stackbilt-reference-images`.",
  },
  "resource.unread": {
    level: "error",
    source: "gateway",
    meaning: "The body of a picture broke off, or came too slowly.",
  },
  "rpc.crashed": {
    level: "error",
    source: "all",
    meaning: "A method of a contract threw, or the gateway's settings cannot be used (`config`).",
    remedy: "Correct the settings. Without `config`, look at `at`.",
  },
  "rpc.fault": {
    level: "error",
    source: "gateway",
    meaning:
      "A call to a backend went wrong. `rejected`: the binding threw. `timeout`: no reply in time. `crashed`: the backend logged `rpc.crashed`. `breach`: its reply does not fit the contract.",
    remedy:
      "`rejected`: check that the Worker is deployed and its binding names the entrypoint. `breach`: deploy the backend before the gateway; compare versions with `/health?deep=1`.",
  },
  "rpc.key_unknown": {
    level: "error",
    source: "backends",
    meaning: "An identity token is signed with a key (`keyId`) that `IDENTITY_KEYS` does not have.",
    remedy: "Set `IDENTITY_KEYS` again: [Keys of a backend](operations.md#keys-of-a-backend).",
  },
  "rpc.signature_invalid": {
    level: "error",
    source: "backends",
    meaning: "The signature of an identity token is wrong. The keys may be those of another backend.",
    remedy: "Set `IDENTITY_KEYS` again: [Keys of a backend](operations.md#keys-of-a-backend).",
  },
  "tool.unrendered": {
    level: "error",
    source: "gateway",
    meaning: "The content of a result, such as a picture, could not be made. The client got its JSON only.",
    remedy: "Look for `rpc.fault` of the same trace.",
  },
} as const satisfies Readonly<Record<string, LogEventEntry>>;
