// Validates a server's MCP messages by the official schemas of `@modelcontextprotocol/core`,
// strictly. Those schemas are one set for all revisions and tolerate unknown fields; here each
// field must exist in the revision of the message. The envelope of 2026-07-28 and the fields of the
// Tasks extension, which the package lacks, are written out. HTTP is validated by
// `validating-fetch.ts`.
import * as core from "@modelcontextprotocol/core";
import * as v from "valibot";
import { Explanation } from "../../contracts/gateway.ts";

/**
 * `unnamed`: a request without a version header. By the specification it is 2025-03-26, but clients
 * of later revisions omit the header, too.
 */
export type Revision = "2026-07-28" | "2025-11-25" | "2025-06-18" | "2025-03-26" | "unnamed";

export const REVISIONS: readonly string[] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"];
export const MODERN = "2026-07-28";

type Fields = Readonly<Record<string, unknown>>;

/** A schema of the package, as far as it is used. */
interface Schema {
  safeParse(value: unknown):
    | { readonly success: true; readonly data: unknown }
    | {
        readonly success: false;
        readonly error: { readonly issues: readonly { path: readonly PropertyKey[]; message: string }[] };
      };
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The violations in a value, each as `path: what`. Parsing must not change the value: a field that
 * gets lost is unknown, a field that appears is missing.
 */
function violationsIn(schema: Schema, value: unknown, path: string): string[] {
  const parsed = schema.safeParse(value);
  if (parsed.success) return changes(value, parsed.data, path);
  return parsed.error.issues.map((issue) => `${[path, ...issue.path].map(String).join(".")}: ${issue.message}`);
}

function changes(sent: unknown, read: unknown, path: string): string[] {
  if (sent === read) return [];
  // Values of other types fail the check in the next line.
  const [before, after] = [sent, read] as [Fields | null, Fields | null];
  if (typeof before !== "object" || typeof after !== "object" || !before || !after) return [`${path}: is not valid`];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => {
    const at = `${path}.${key}`;
    if (before[key] === undefined) return after[key] === undefined ? [] : [`${at}: is missing`];
    return after[key] === undefined ? [`${at}: is unknown or not valid`] : changes(before[key], after[key], at);
  });
}

/**
 * The revisions of each field that not all of them have. Revisions are dates, so they compare as
 * text. `_meta` is not listed: 2025-03-26 has it in fewer places, but reserves the name everywhere.
 */
const SPANS: readonly (readonly [path: RegExp, since: string, until?: string])[] = [
  [/(?<!\.annotations)\.title$/, "2025-06-18"],
  [/\.(?:outputSchema|structuredContent|lastModified)$/, "2025-06-18"],
  [/\.icons$/, "2025-11-25"],
  [/\.serverInfo\.(?:description|websiteUrl)$/, "2025-11-25"],
  [/\.(?:execution|capabilities\.tasks|params\.task|elicitationId)$/, "2025-11-25", "2025-11-25"],
  [/\.params\.mode$/, "2025-11-25"],
];

/** Fields whose content MCP does not define. */
const FREE = /\.(?:_meta|inputSchema|outputSchema|structuredContent|requestedSchema|data|experimental|extensions)$/;

/** The fields of a valid value that do not exist in this revision. */
function fieldsOfOtherRevisions(revision: Revision, value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null || FREE.test(path)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = `${path}.${key}`;
    // Clients ignore unknown fields, but refuse a whole result that has an unknown type of content.
    if (key === "type" && inner === "resource_link" && (revision === "unnamed" || revision === "2025-03-26")) {
      return [`${at}: resource_link is unknown in this revision`];
    }
    const named = revision === "unnamed" ? "2025-11-25" : revision;
    const span = SPANS.find(([pattern]) => pattern.test(at));
    if (span && (named < span[1] || named > (span[2] ?? named))) return [`${at}: is unknown in this revision`];
    return fieldsOfOtherRevisions(revision, inner, at);
  });
}

const anyRevision = {
  "tools/call": core.CallToolResultSchema.strict(),
  "tools/list": core.ListToolsResultSchema.strict(),
  "resources/list": core.ListResourcesResultSchema.strict(),
  "resources/templates/list": core.ListResourceTemplatesResultSchema.strict(),
  "resources/read": core.ReadResourceResultSchema.strict(),
  "prompts/list": core.ListPromptsResultSchema.strict(),
  "prompts/get": core.GetPromptResultSchema.strict(),
  "completion/complete": core.CompleteResultSchema.extend({
    completion: core.CompleteResultSchema.shape.completion.strict(),
  }).strict(),
};

/**
 * Up to 2025-11-25 structured content is an object, and an output schema has the form of an input
 * schema.
 */
const LEGACY_RESULTS: Readonly<Record<string, Schema>> = {
  ...anyRevision,
  "tools/call": anyRevision["tools/call"].extend({ structuredContent: core.JSONObjectSchema.optional() }),
  "tools/list": anyRevision["tools/list"].extend({
    tools: core.ToolSchema.extend({ outputSchema: core.ToolSchema.shape.inputSchema.optional() }).array(),
  }),
  initialize: core.InitializeResultSchema.strict(),
  ping: core.EmptyResultSchema,
  "logging/setLevel": core.EmptyResultSchema,
  "resources/subscribe": core.EmptyResultSchema,
  "resources/unsubscribe": core.EmptyResultSchema,
};

const MODERN_RESULTS: Readonly<Record<string, Schema>> = {
  ...anyRevision,
  "server/discover": core.DiscoverResultSchema.strict(),
  "subscriptions/listen": core.SubscriptionsListenResultSchema.strict(),
  "tasks/update": core.EmptyResultSchema,
  "tasks/cancel": core.EmptyResultSchema,
};

/** Results of the gateway's own extension, in every revision. */
const OWN_RESULTS: Readonly<Record<string, v.GenericSchema>> = { "com.stackbilt/explain": Explanation };

/** 2026-07-28, server/utilities/caching: methods whose results a client may cache. */
const CACHEABLE = [
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
];
/** 2026-07-28, basic/patterns/mrtr: methods whose result may be `input_required`. */
const MAY_REQUIRE_INPUT = ["tools/call", "prompts/get", "resources/read"];

const CacheHint = v.strictObject({
  ttlMs: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  cacheScope: v.picklist(["public", "private"]),
});
const TaskTimes = v.strictObject({
  ttlMs: v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  pollIntervalMs: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
});

function violationsInOwn(schema: v.GenericSchema, value: unknown, path: string): string[] {
  return (v.safeParse(schema, value).issues ?? []).map(
    (issue) => `${[path, v.getDotPath(issue)].filter(Boolean).join(".")}: ${issue.message}`,
  );
}

/** The violations in a whole response with a result to a request of `method`. */
export function violationsInResult(revision: Revision, method: string, message: Fields): string[] {
  const { result } = message;
  const found = violationsIn(core.JSONRPCResultResponseSchema, message, "message");
  if (!isFields(result)) return found;
  const own = OWN_RESULTS[method];
  if (own) {
    const isComplete = revision !== MODERN || result.resultType === "complete";
    return [
      ...found,
      ...(isComplete ? [] : ["result.resultType: is not complete"]),
      ...violationsInOwn(own, result, "result"),
    ];
  }
  found.push(
    ...(revision === MODERN ? violationsInModern(method, result) : violationsOfSchema(LEGACY_RESULTS[method], result)),
  );
  return [...found, ...fieldsOfOtherRevisions(revision, result, "result")];
}

function violationsOfSchema(schema: Schema | undefined, result: Fields): string[] {
  return schema ? violationsIn(schema, result, "result") : ["result: this method has none in this revision"];
}

function violationsInModern(method: string, { resultType, ...result }: Fields): string[] {
  switch (resultType) {
    case "complete": {
      if (method === "tasks/get") return violationsInTask(result, true);
      const { ttlMs, cacheScope, ...rest } = result;
      const hint = { ...(ttlMs !== undefined && { ttlMs }), ...(cacheScope !== undefined && { cacheScope }) };
      const found = violationsInOwn(CACHEABLE.includes(method) ? CacheHint : v.strictObject({}), hint, "result");
      return [...found, ...violationsOfSchema(MODERN_RESULTS[method], rest)];
    }
    case "input_required":
      return MAY_REQUIRE_INPUT.includes(method)
        ? violationsInInputRequired(result)
        : ["result.resultType: this method cannot require input"];
    case "task":
      return method === "tools/call"
        ? violationsInTask(result, false)
        : ["result.resultType: only a call becomes a task"];
    default:
      return ["result.resultType: is unknown"];
  }
}

function violationsInInputRequired({ inputRequests, requestState, ...result }: Fields): string[] {
  const found = violationsIn(core.ResultSchema.strict(), result, "result");
  if (inputRequests === undefined && requestState === undefined) found.push("result: requires no input");
  if (requestState !== undefined && typeof requestState !== "string") found.push("result.requestState: is no string");
  if (inputRequests !== undefined && !isFields(inputRequests)) found.push("result.inputRequests: is no object");
  const requests = Object.entries(isFields(inputRequests) ? inputRequests : {});
  return [
    ...found,
    ...requests.flatMap(([key, request]) => {
      const path = `result.inputRequests.${key}`;
      if (!isFields(request) || typeof request.method !== "string") return [`${path}: is no request`];
      return violationsInServerRequest(MODERN, request, path);
    }),
  ];
}

/**
 * The violations in a task. The package has the tasks of 2025-11-25, whose times have no units in
 * their names. `isDetailed`: the task has the outcome that its status names.
 */
function violationsInTask(
  { ttlMs, pollIntervalMs, result, error, inputRequests, ...task }: Fields,
  isDetailed: boolean,
): string[] {
  const { _meta, ...fields } = task;
  const found = [
    ...violationsIn(core.ResultSchema.strict(), { ...(_meta !== undefined && { _meta }) }, "result"),
    ...violationsIn(core.TaskSchema.omit({ ttl: true, pollInterval: true }).strict(), fields, "result"),
    ...violationsInOwn(TaskTimes, { ttlMs, ...(pollIntervalMs !== undefined && { pollIntervalMs }) }, "result"),
  ];
  const outcomes = Object.entries({ completed: result, failed: error, input_required: inputRequests });
  for (const [status, outcome] of outcomes) {
    if ((outcome !== undefined) !== (isDetailed && task.status === status))
      found.push(`result: what it carries does not fit "${task.status}"`);
  }
  if (isFields(result)) {
    // Within a task, `resultType` is optional.
    const { resultType: _, ...ended } = result;
    found.push(...violationsIn(anyRevision["tools/call"], ended, "result.result"));
  }
  if (inputRequests !== undefined) found.push(...violationsInInputRequired({ inputRequests }));
  return found;
}

const RESERVED = (code: number) => (code <= -32020 && code >= -32099) || code === -32002;
const KNOWN = [-32020, -32021, -32022];

/** The violations in a whole response with an error. */
export function violationsInError(revision: Revision, message: Fields): string[] {
  const found = violationsIn(core.JSONRPCErrorResponseSchema, message, "message");
  const { code, data } = isFields(message.error) ? message.error : {};
  if (typeof code !== "number") return found;
  if (revision === MODERN && RESERVED(code) && !KNOWN.includes(code))
    found.push(`error.code: ${code} has no meaning in this revision`);
  if (code === -32022)
    found.push(
      ...violationsInOwn(v.object({ supported: v.array(v.string()), requested: v.string() }), data, "error.data"),
    );
  if (code === -32021) {
    const { requiredCapabilities } = isFields(data) ? data : {};
    if (!core.ClientCapabilitiesSchema.safeParse(requiredCapabilities).success)
      found.push("error.data.requiredCapabilities: is not valid");
  }
  return found;
}

/** The revisions in which the server may send a notification: the first, and the last if any. */
const NOTIFICATIONS: Readonly<Record<string, readonly [schema: Schema, since: string, until?: string]>> = {
  "notifications/cancelled": [core.CancelledNotificationSchema, "2025-03-26"],
  "notifications/progress": [core.ProgressNotificationSchema, "2025-03-26"],
  "notifications/message": [core.LoggingMessageNotificationSchema, "2025-03-26"],
  "notifications/resources/updated": [core.ResourceUpdatedNotificationSchema, "2025-03-26"],
  "notifications/resources/list_changed": [core.ResourceListChangedNotificationSchema, "2025-03-26"],
  "notifications/tools/list_changed": [core.ToolListChangedNotificationSchema, "2025-03-26"],
  "notifications/prompts/list_changed": [core.PromptListChangedNotificationSchema, "2025-03-26"],
  "notifications/elicitation/complete": [core.ElicitationCompleteNotificationSchema, "2025-11-25", "2025-11-25"],
  "notifications/subscriptions/acknowledged": [core.SubscriptionsAcknowledgedNotificationSchema, MODERN],
};

/** The same for requests of the server. In 2026-07-28 they are part of results. */
const REQUESTS: typeof NOTIFICATIONS = {
  ping: [core.PingRequestSchema, "2025-03-26", "2025-11-25"],
  "roots/list": [core.ListRootsRequestSchema, "2025-03-26"],
  "sampling/createMessage": [core.CreateMessageRequestSchema, "2025-03-26"],
  "elicitation/create": [core.ElicitRequestSchema, "2025-06-18"],
};

function violationsBy(
  table: typeof NOTIFICATIONS,
  revision: Revision,
  { method, ...rest }: Fields,
  path: string,
): string[] {
  const [schema, since, until = MODERN] = table[String(method)] ?? [];
  const named = revision === "unnamed" ? "2025-03-26" : revision;
  if (!schema || !since || named < since || named > until) return [`${path}.method: is unknown in this revision`];
  return [...violationsIn(schema, { method, ...rest }, path), ...fieldsOfOtherRevisions(revision, rest, path)];
}

function violationsInServerRequest(revision: Revision, request: Fields, path: string): string[] {
  return violationsBy(REQUESTS, revision, request, path);
}

/** The violations in a whole notification. */
export function violationsInNotification(revision: Revision, message: Fields): string[] {
  const { jsonrpc: _, ...rest } = message;
  return [
    ...violationsIn(core.JSONRPCNotificationSchema, message, "message"),
    ...violationsBy(NOTIFICATIONS, revision, rest, "message"),
  ];
}

/** The violations in a whole request of the server. */
export function violationsInRequest(revision: Revision, message: Fields): string[] {
  const { jsonrpc: _, id: __, ...rest } = message;
  if (revision === MODERN) return ["message: the server sends no requests in this revision"];
  return [
    ...violationsIn(core.JSONRPCRequestSchema, message, "message"),
    ...violationsInServerRequest(revision, rest, "message"),
  ];
}
