// The one path of `callTool`, `listTools` and sessions: checks the binding's `props`, the options
// and the credential, then runs the pipeline. Nothing is thrown at a sibling: each refusal is a
// value.
import * as v from "valibot";
import type {
  CredentialCode,
  ExplanationResult,
  GatewayCode,
  ToolListing,
  ToolName,
  ToolRefusal,
} from "../../contracts/gateway.ts";
import { logError } from "../../contracts/log.ts";
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { type Identity, permits, Scope, type TenantId, Tier } from "../../contracts/rpc/identity.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { wellFormed } from "../../contracts/rpc/well-formed.ts";
import { ConfigError } from "../../src/config.ts";
import { type RequestContext, requestContext, type Trace, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";
import { isPlain, isWithin, type ValueLimits } from "../../src/limits/bounded-value.ts";
import { consume, overrunOf } from "../../src/limits/rate-limits.ts";
import { authenticate, type Credential, type CredentialKind } from "../../src/oauth/resource-server/authenticate.ts";
import { mayCall } from "../../src/pipeline/authorize.ts";
import { authorizeCall, callTool } from "../../src/pipeline/call-tool.ts";
import { recordRefusedCall, refusal } from "../../src/pipeline/checks.ts";
import { explainCall } from "../../src/pipeline/explain.ts";
import { rateRefusal } from "../../src/pipeline/limit-refusals.ts";
import type { Completed } from "../../src/pipeline/tool-call.ts";
import type { Catalog } from "../../src/tools/catalog.ts";
import type { ToolDefinition } from "../../src/tools/tool-definition.ts";

const Props = v.object({
  caller: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,39}$/)),
  scopes: v.array(Scope),
  tier: v.optional(Tier, "free"),
});

const presented = (kind: CredentialKind, token: string) => ({ kind, token });
/** Exactly one kind, under its own name. */
const PresentedCredentialInput = v.union([
  v.pipe(
    v.strictObject({ accessToken: v.string() }),
    v.transform(({ accessToken }) => presented("oauth", accessToken)),
  ),
  v.pipe(
    v.strictObject({ apiKey: v.string() }),
    v.transform(({ apiKey }) => presented("api_key", apiKey)),
  ),
  v.pipe(
    v.strictObject({ jwt: v.string() }),
    v.transform(({ jwt }) => presented("jwt", jwt)),
  ),
]);

/** As for the body of a message to /mcp. */
const INPUT_LIMITS: ValueLimits = { depth: 64, values: 10_000, characters: 1024 * 1024 };

const optionEntries = {
  traceparent: v.optional(v.string()),
  idempotencyKey: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(128), v.transform(wellFormed<string>))),
  onProgress: v.optional(v.custom<ProgressCallback>((value) => typeof value === "function")),
};
/** A `Date` or a list is no object of options, although it may have no field. */
const PlainObject = v.custom<object>((value) => isPlain(value) && !Array.isArray(value));
/** Options of a call of a session. */
export const SessionCallOptions = v.pipe(PlainObject, v.strictObject(optionEntries));
/** Strict: with a misspelt `credential` the sibling would act as itself. */
export const CallToolOptions = v.pipe(
  PlainObject,
  v.strictObject({ ...optionEntries, credential: v.optional(v.unknown()) }),
);

/** The invocation of the entrypoint that a sibling's calls run in. */
export interface Invocation {
  readonly env: Env;
  /** Its `props` are those of the sibling's binding. */
  readonly ctx: ExecutionContext;
}

/** A call as a sibling makes it: nothing in it is checked but the options. */
export interface SiblingCall {
  readonly catalog: Catalog;
  readonly credential: unknown;
  readonly name: unknown;
  readonly input: unknown;
  /** `null` if they are not valid. */
  readonly options: v.InferOutput<typeof SessionCallOptions> | null;
}

/** The tools of `tools` that the credential, or the sibling itself, may call. */
export async function listTools(
  invocation: Invocation,
  tools: Catalog,
  credential: unknown,
): Promise<Result<readonly ToolListing[], ToolRefusal<GatewayCode>>> {
  return inContext(invocation, traceFrom(null), async (context) => {
    const caller = await authenticateSibling(context, siblingOf(invocation.ctx.props), credential);
    if (!caller.ok) return caller;
    const { identity } = caller.value;
    const permitted = Array.from(tools.values()).filter((tool) => mayCall(tool, identity));
    return { ok: true, value: permitted.map(toListing) };
  });
}

/** Runs one call. Value and code fit the tool's operation. */
export async function callForSibling(invocation: Invocation, call: SiblingCall): Promise<Completed["result"]> {
  const trace = traceFrom(call.options?.traceparent);
  const sibling = siblingOf(invocation.ctx.props);
  return inContext(invocation, trace, (context) => inSpan(context, call, () => run(context, sibling, call)));
}

/**
 * Runs one call in a span of the platform's traces, named by OpenTelemetry's semantic conventions.
 */
async function inSpan(
  { ctx, trace }: RequestContext,
  { catalog, name }: SiblingCall,
  work: () => Promise<Completed["result"]>,
): Promise<Completed["result"]> {
  if (!ctx.tracing) return work();
  const tool = typeof name === "string" ? catalog.get(name)?.name : undefined;
  const spanName = tool === undefined ? "execute_tool" : `execute_tool ${tool}`;
  return ctx.tracing.enterSpan(spanName, async function runInSpan(span) {
    span.setAttribute("gen_ai.operation.name", "execute_tool");
    if (tool !== undefined) span.setAttribute("gen_ai.tool.name", tool);
    span.setAttribute("com.stackbilt.trace_id", trace.traceId);
    const result = await work();
    if (!result.ok) span.setAttribute("error.type", result.error.code);
    return result;
  });
}

/** Explains one call. */
export async function explainForSibling(
  invocation: Invocation,
  call: Omit<SiblingCall, "options">,
): Promise<ExplanationResult> {
  return inContext(invocation, traceFrom(null), async (context) => {
    const { request, caller } = await receive(context, siblingOf(invocation.ctx.props), { ...call, options: {} });
    if (!caller.ok) return caller;
    const explained = await explainCall(context, { ...request, ...caller.value });
    if (explained.state === "unknown_tool") return { ok: false, error: refusal(explained.state, context.trace) };
    return { ok: true, value: explained.explanation };
  });
}

/** The request for the pipeline, and the identity of its caller or why there is none. */
async function receive(
  context: RequestContext,
  sibling: Identity | null,
  { catalog, credential, name, input, options }: SiblingCall,
) {
  const isUsable = isWithin(input, INPUT_LIMITS);
  const request = {
    catalog,
    name: typeof name === "string" ? wellFormed(name) : "",
    args: isUsable ? wellFormed(input) : {},
    channel: "rpc",
    idempotencyKey: options?.idempotencyKey,
  } as const;
  const caller: SiblingCaller =
    options && isUsable
      ? await authenticateSibling(context, sibling, credential)
      : { ok: false, error: refusal("invalid_arguments", context.trace) };
  return { request, caller };
}

async function run(
  context: RequestContext,
  sibling: Identity | null,
  incoming: SiblingCall,
): Promise<Completed["result"]> {
  const { trace } = context;
  const { request, caller } = await receive(context, sibling, incoming);
  if (!caller.ok) {
    recordRefusedCall(context, { ...request, identity: sibling ?? UNKNOWN_SIBLING }, caller.error.code);
    return caller;
  }
  const call = await authorizeCall(context, { ...request, ...caller.value });
  if (call.state === "rate_limited") return { ok: false, error: call.error };
  if (call.state !== "authorized") return { ok: false, error: refusal(call.state, trace) };
  // Without client input and tasks, a call always completes.
  return ((await callTool(call, incoming.options?.onProgress)) as Completed).result;
}

/**
 * Runs `work` in a context of its own. Settings that cannot be used, and crashes, are logged and
 * become refusals.
 */
async function inContext<T>(
  { env, ctx }: Invocation,
  trace: Trace,
  work: (context: RequestContext) => Promise<Result<T, ToolRefusal>>,
): Promise<Result<T, ToolRefusal<GatewayCode>>> {
  try {
    return (await work(requestContext(env, ctx, trace))) as Result<T, ToolRefusal<GatewayCode>>;
  } catch (error) {
    const isConfig = error instanceof ConfigError;
    const details = isConfig ? { config: error.message } : describeCrash(error);
    logError("rpc.crashed", { traceId: trace.traceId, ...details });
    return { ok: false, error: refusal(isConfig ? "unavailable" : "internal", trace) };
  }
}

function toListing({ name, title, description, scope, inputSchema, outputSchema }: ToolDefinition): ToolListing {
  return {
    name: name as ToolName, // the catalog derives from the contracts that `ToolName` derives from
    title,
    description,
    scope,
    inputSchemaJson: JSON.stringify(inputSchema),
    outputSchemaJson: JSON.stringify(outputSchema),
  };
}

/** A binding without valid `props`. */
const UNKNOWN_SIBLING: Identity = {
  subject: "sibling:unknown",
  tenantId: null,
  tier: "free",
  scopes: [],
  clientId: "sibling:unknown",
};

/** The bound Worker acting as itself, with a tenant of the same name. */
function siblingOf(bound: unknown): Identity | null {
  const props = v.safeParse(Props, bound);
  if (!props.success) return null;
  const { caller, scopes, tier } = props.output;
  const subject = `sibling:${caller}`;
  return { subject, tenantId: subject as TenantId, tier, scopes, clientId: subject };
}

/** Identity of a call; `revalidate` if a credential was presented. */
type SiblingCaller = Result<
  Pick<Credential, "identity"> & Partial<Pick<Credential, "revalidate">>,
  ToolRefusal<CredentialCode | "invalid_arguments">
>;

/**
 * The sibling itself, or the owner of the credential that it presents, with the binding's scopes at
 * most.
 */
async function authenticateSibling(
  context: RequestContext,
  sibling: Identity | null,
  credential: unknown,
): Promise<SiblingCaller & Result<object, ToolRefusal<CredentialCode>>> {
  const { trace } = context;
  const given = v.safeParse(v.optional(PresentedCredentialInput), credential);
  if (sibling === null || !given.success) return { ok: false, error: refusal("unauthenticated", trace) };
  const { token, kind } = given.output ?? {};
  const source = { key: sibling.subject, limit: "expiredBearer" } as const;
  const checked = token === undefined ? { identity: sibling } : await authenticate(context, token, kind, source);
  if (typeof checked === "string") return { ok: false, error: refusal(checked, trace) };
  const wait = await consume(context, "request", checked.identity.subject);
  if (wait > 0) return { ok: false, error: rateRefusal(overrunOf("request", wait), trace) };
  if (!("revalidate" in checked)) return { ok: true, value: checked };
  const { identity, revalidate } = checked;
  const scopes = identity.scopes.filter((scope) => permits(sibling.scopes, scope));
  const clientId = `${sibling.clientId}/${identity.clientId}`;
  return { ok: true, value: { identity: { ...identity, scopes, clientId }, revalidate } };
}
