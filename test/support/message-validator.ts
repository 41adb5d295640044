// What the protocol says of a server's messages: the official schemas of `@modelcontextprotocol/core`, read strictly. Those are one set
// for all revisions and forgive what a client can bear; here a field must be known to the very revision that is spoken. What the
// package does not have, the envelope of 2026-07-28 and the Tasks extension's fields, is spelled out. Nothing of HTTP is in here.
import * as core from "@modelcontextprotocol/core";
import * as v from "valibot";

/** `unnamed`: a request without a version header. It is 2025-03-26 by the text, but later clients leave the header out as well. */
export type Revision = "2026-07-28" | "2025-11-25" | "2025-06-18" | "2025-03-26" | "unnamed";

export const REVISIONS: readonly string[] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"];
export const MODERN = "2026-07-28";

type Fields = Readonly<Record<string, unknown>>;

/** What a schema of the package is used for. */
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

/** What is wrong with a value, each as `path: what`. Reading it must change nothing: what gets lost is unknown, what appears is missing. */
function wrongIn(schema: Schema, value: unknown, path: string): string[] {
  const parsed = schema.safeParse(value);
  if (parsed.success) return changes(value, parsed.data, path);
  return parsed.error.issues.map((issue) => `${[path, ...issue.path].map(String).join(".")}: ${issue.message}`);
}

function changes(sent: unknown, read: unknown, path: string): string[] {
  if (sent === read) return [];
  const [before, after] = [sent, read] as [Fields | null, Fields | null]; // anything else than an object fails the test that follows
  if (typeof before !== "object" || typeof after !== "object" || !before || !after) return [`${path}: is not valid`];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => {
    const at = `${path}.${key}`;
    if (before[key] === undefined) return after[key] === undefined ? [] : [`${at}: is missing`];
    return after[key] === undefined ? [`${at}: is unknown or not valid`] : changes(before[key], after[key], at);
  });
}

/**
 * Which revisions have a field, where that is not all of them. Revisions are dates, so they compare as text. `_meta` is not here: it is
 * in fewer places in 2025-03-26, but its name is reserved for what others add.
 */
const SPANS: readonly (readonly [path: RegExp, since: string, until?: string])[] = [
  [/(?<!\.annotations)\.title$/, "2025-06-18"],
  [/\.(?:outputSchema|structuredContent|lastModified)$/, "2025-06-18"],
  [/\.icons$/, "2025-11-25"],
  [/\.serverInfo\.(?:description|websiteUrl)$/, "2025-11-25"],
  [/\.(?:execution|capabilities\.tasks|params\.task|elicitationId)$/, "2025-11-25", "2025-11-25"],
  [/\.params\.mode$/, "2025-11-25"],
];

/** What is below them is somebody else's. */
const FREE = /\.(?:_meta|inputSchema|outputSchema|structuredContent|requestedSchema|data|experimental|extensions)$/;

/** What in a value, of which the schemas know each field, has no place in this revision. */
function untimely(revision: Revision, value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null || FREE.test(path)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = `${path}.${key}`;
    // Clients ignore fields that they do not know, but refuse a whole result for an unknown kind of block.
    if (key === "type" && inner === "resource_link" && (revision === "unnamed" || revision === "2025-03-26")) {
      return [`${at}: resource_link is unknown in this revision`];
    }
    const named = revision === "unnamed" ? "2025-11-25" : revision;
    const span = SPANS.find(([pattern]) => pattern.test(at));
    if (span && (named < span[1] || named > (span[2] ?? named))) return [`${at}: is unknown in this revision`];
    return untimely(revision, inner, at);
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

/** Until 2025-11-25 the value of a tool is an object, and so says its schema; such a schema has the same fields as that of the input. */
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

/** 2026-07-28, server/utilities/caching: a client may keep the results of these. */
const CACHEABLE = [
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
];
/** 2026-07-28, basic/patterns/mrtr: only these may ask back. */
const ASKING = ["tools/call", "prompts/get", "resources/read"];

const CacheHint = v.strictObject({
  ttlMs: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  cacheScope: v.picklist(["public", "private"]),
});
const TaskTimes = v.strictObject({
  ttlMs: v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  pollIntervalMs: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
});

function wrongInOwn(schema: v.GenericSchema, value: unknown, path: string): string[] {
  return (v.safeParse(schema, value).issues ?? []).map(
    (issue) => `${[path, v.getDotPath(issue)].filter(Boolean).join(".")}: ${issue.message}`,
  );
}

/** What is wrong with the success that a request of `method` got, the whole message. */
export function wrongInResult(revision: Revision, method: string, message: Fields): string[] {
  const { result } = message;
  const wrong = wrongIn(core.JSONRPCResultResponseSchema, message, "message");
  if (!isFields(result)) return wrong;
  wrong.push(...(revision === MODERN ? wrongInModern(method, result) : wrongAs(LEGACY_RESULTS[method], result)));
  return [...wrong, ...untimely(revision, result, "result")];
}

function wrongAs(schema: Schema | undefined, result: Fields): string[] {
  return schema ? wrongIn(schema, result, "result") : ["result: this method has none in this revision"];
}

function wrongInModern(method: string, { resultType, ...result }: Fields): string[] {
  switch (resultType) {
    case "complete": {
      if (method === "tasks/get") return wrongInTask(result, true);
      const { ttlMs, cacheScope, ...rest } = result;
      const hint = { ...(ttlMs !== undefined && { ttlMs }), ...(cacheScope !== undefined && { cacheScope }) };
      const wrong = wrongInOwn(CACHEABLE.includes(method) ? CacheHint : v.strictObject({}), hint, "result");
      return [...wrong, ...wrongAs(MODERN_RESULTS[method], rest)];
    }
    case "input_required":
      return ASKING.includes(method) ? wrongInQuestions(result) : ["result.resultType: this method does not ask back"];
    case "task":
      return method === "tools/call" ? wrongInTask(result, false) : ["result.resultType: only a call becomes a task"];
    default:
      return ["result.resultType: is none that is known"];
  }
}

function wrongInQuestions({ inputRequests, requestState, ...result }: Fields): string[] {
  const wrong = wrongIn(core.ResultSchema.strict(), result, "result");
  if (inputRequests === undefined && requestState === undefined) wrong.push("result: asks for nothing");
  if (requestState !== undefined && typeof requestState !== "string") wrong.push("result.requestState: is no string");
  if (inputRequests !== undefined && !isFields(inputRequests)) wrong.push("result.inputRequests: is no object");
  const questions = Object.entries(isFields(inputRequests) ? inputRequests : {});
  return [
    ...wrong,
    ...questions.flatMap(([key, question]) => {
      const path = `result.inputRequests.${key}`;
      if (!isFields(question) || typeof question.method !== "string") return [`${path}: is no question`];
      return wrongAsked(MODERN, question, path);
    }),
  ];
}

/** The package has the tasks of 2025-11-25, whose times have no units in their names. `isAsked`: with what became of the task. */
function wrongInTask(
  { ttlMs, pollIntervalMs, result, error, inputRequests, ...task }: Fields,
  isAsked: boolean,
): string[] {
  const { _meta, ...fields } = task;
  const wrong = [
    ...wrongIn(core.ResultSchema.strict(), { ...(_meta !== undefined && { _meta }) }, "result"),
    ...wrongIn(core.TaskSchema.omit({ ttl: true, pollInterval: true }).strict(), fields, "result"),
    ...wrongInOwn(TaskTimes, { ttlMs, ...(pollIntervalMs !== undefined && { pollIntervalMs }) }, "result"),
  ];
  const outcomes = Object.entries({ completed: result, failed: error, input_required: inputRequests });
  for (const [status, outcome] of outcomes) {
    if ((outcome !== undefined) !== (isAsked && task.status === status))
      wrong.push(`result: what it carries does not fit "${task.status}"`);
  }
  if (isFields(result)) {
    // Inside a task it is not said once more that the result is one.
    const { resultType: _, ...ended } = result;
    wrong.push(...wrongIn(anyRevision["tools/call"], ended, "result.result"));
  }
  if (inputRequests !== undefined) wrong.push(...wrongInQuestions({ inputRequests }));
  return wrong;
}

const RESERVED = (code: number) => (code <= -32020 && code >= -32099) || code === -32002;
const KNOWN = [-32020, -32021, -32022];

/** What is wrong with an error, the whole message. */
export function wrongInError(revision: Revision, message: Fields): string[] {
  const wrong = wrongIn(core.JSONRPCErrorResponseSchema, message, "message");
  const { code, data } = isFields(message.error) ? message.error : {};
  if (typeof code !== "number") return wrong;
  if (revision === MODERN && RESERVED(code) && !KNOWN.includes(code))
    wrong.push(`error.code: ${code} has no meaning in this revision`);
  if (code === -32022)
    wrong.push(...wrongInOwn(v.object({ supported: v.array(v.string()), requested: v.string() }), data, "error.data"));
  if (code === -32021) {
    const { requiredCapabilities } = isFields(data) ? data : {};
    if (!core.ClientCapabilitiesSchema.safeParse(requiredCapabilities).success)
      wrong.push("error.data.requiredCapabilities: is not valid");
  }
  return wrong;
}

/** Since when, and until when, the server may tell them. */
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

/** The same for what it may ask. Since 2026-07-28 that is a part of results. */
const REQUESTS: typeof NOTIFICATIONS = {
  ping: [core.PingRequestSchema, "2025-03-26", "2025-11-25"],
  "roots/list": [core.ListRootsRequestSchema, "2025-03-26"],
  "sampling/createMessage": [core.CreateMessageRequestSchema, "2025-03-26"],
  "elicitation/create": [core.ElicitRequestSchema, "2025-06-18"],
};

function wrongOf(table: typeof NOTIFICATIONS, revision: Revision, { method, ...rest }: Fields, path: string): string[] {
  const [schema, since, until = MODERN] = table[String(method)] ?? [];
  const named = revision === "unnamed" ? "2025-03-26" : revision;
  if (!schema || !since || named < since || named > until) return [`${path}.method: is unknown in this revision`];
  return [...wrongIn(schema, { method, ...rest }, path), ...untimely(revision, rest, path)];
}

function wrongAsked(revision: Revision, question: Fields, path: string): string[] {
  return wrongOf(REQUESTS, revision, question, path);
}

/** What is wrong with a notification, the whole message. */
export function wrongInNotification(revision: Revision, message: Fields): string[] {
  const { jsonrpc: _, ...rest } = message;
  return [
    ...wrongIn(core.JSONRPCNotificationSchema, message, "message"),
    ...wrongOf(NOTIFICATIONS, revision, rest, "message"),
  ];
}

/** What is wrong with a request, the whole message. */
export function wrongInRequest(revision: Revision, message: Fields): string[] {
  const { jsonrpc: _, id: __, ...rest } = message;
  if (revision === MODERN) return ["message: the server asks nothing by itself in this revision"];
  return [...wrongIn(core.JSONRPCRequestSchema, message, "message"), ...wrongAsked(revision, rest, "message")];
}
