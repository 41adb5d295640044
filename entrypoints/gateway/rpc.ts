// The RPC entrypoint for sibling Workers: the same tools through the same pipeline, as typed calls.
// Nothing is thrown at a sibling.
import { WorkerEntrypoint } from "cloudflare:workers";
import * as v from "valibot";
import type {
  CallToolOptions,
  CredentialCode,
  GatewayCode,
  GatewayContract,
  PresentedCredential,
  ToolListing,
  ToolName,
  ToolOperations,
  ToolRefusal,
} from "../../contracts/gateway.ts";
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import { type Identity, permits, Scope, type TenantId, Tier } from "../../contracts/rpc/identity.ts";
import type { CodeOf, InputOf, OutputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { wellFormed } from "../../contracts/rpc/well-formed.ts";
import { ConfigError } from "../../src/config.ts";
import { type RequestContext, requestContext, type Trace, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";
import { isWithin, type ValueLimits } from "../../src/limits/bounded-value.ts";
import { consume } from "../../src/limits/rate-limits.ts";
import { authenticate, type Credential, type CredentialKind } from "../../src/oauth/resource-server/authenticate.ts";
import { mayCall } from "../../src/pipeline/authorize.ts";
import { authorizeCall, callTool } from "../../src/pipeline/call-tool.ts";
import { recordRefusedCall, refusal } from "../../src/pipeline/checks.ts";
import type { Completed } from "../../src/pipeline/tool-call.ts";
import { catalog } from "../../src/tools/catalog.ts";
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

/** Strict: with a misspelt `credential` the sibling would act as itself. */
const Options = v.strictObject({
  credential: v.optional(v.unknown()),
  traceparent: v.optional(v.string()),
  idempotencyKey: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(128), v.transform(wellFormed<string>))),
  onProgress: v.optional(v.custom<ProgressCallback>((value) => typeof value === "function")),
});

type ToolResult<Name extends ToolName> = Result<
  OutputOf<ToolOperations[Name]>,
  ToolRefusal<CodeOf<ToolOperations[Name]> | GatewayCode>
>;

/**
 * Bound by sibling Workers. The binding's `props` say which Worker calls, and no request can change
 * them.
 */
export class GatewayEntrypoint extends WorkerEntrypoint<Env> implements GatewayContract {
  async listTools(credential?: PresentedCredential): Promise<Result<readonly ToolListing[], ToolRefusal<GatewayCode>>> {
    const trace = traceFrom(null);
    const context = contextFor(this.env, this.ctx, trace);
    if (!context) return { ok: false, error: refusal("unavailable", trace) };
    const caller = await authenticateSibling(context, siblingOf(this.ctx.props), credential);
    if (!caller.ok) return caller;
    const { identity } = caller.value;
    const permitted = Array.from(catalog.values()).filter((tool) => mayCall(tool, identity));
    return { ok: true, value: permitted.map(toListing) };
  }

  async callTool<Name extends ToolName>(
    name: Name,
    input: InputOf<ToolOperations[Name]>,
    options?: CallToolOptions,
  ): Promise<ToolResult<Name>> {
    const parsed = v.safeParse(Options, options ?? {});
    const { credential, traceparent, idempotencyKey, onProgress } = parsed.success ? parsed.output : {};
    const trace = traceFrom(traceparent);
    const context = contextFor(this.env, this.ctx, trace);
    if (!context) return { ok: false, error: refusal("unavailable", trace) };
    const sibling = siblingOf(this.ctx.props);
    const isUsable = isWithin(input, INPUT_LIMITS);
    const args: unknown = isUsable ? wellFormed(input) : {};
    const request = {
      catalog,
      name: typeof name === "string" ? wellFormed(name) : "",
      args,
      channel: "rpc",
      idempotencyKey,
    } as const;
    const caller: SiblingCaller =
      parsed.success && isUsable
        ? await authenticateSibling(context, sibling, credential)
        : { ok: false, error: refusal("invalid_arguments", trace) };
    if (!caller.ok) {
      recordRefusedCall(context, { ...request, identity: sibling ?? UNKNOWN_SIBLING }, caller.error.code);
      return caller;
    }
    const call = await authorizeCall(context, { ...request, ...caller.value });
    if (call.state === "rate_limited") return { ok: false, error: call.error };
    if (call.state !== "authorized") return { ok: false, error: refusal(call.state, trace) };
    const outcome = await callTool(call, onProgress);
    // Without client input and tasks, a call always completes. Value and code were checked against
    // this tool's operation.
    return (outcome as Completed).result as ToolResult<Name>;
  }
}

/** `null` if the settings cannot be used, which is logged. */
function contextFor(env: Env, ctx: ExecutionContext, trace: Trace): RequestContext | null {
  try {
    return requestContext(env, ctx, trace);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(JSON.stringify({ event: "rpc.crashed", traceId: trace.traceId, config: error.message }));
    return null;
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
  if ((await consume(context, "request", checked.identity.subject)) > 0)
    return { ok: false, error: refusal("rate_limited", trace) };
  if (!("revalidate" in checked)) return { ok: true, value: checked };
  const { identity, revalidate } = checked;
  const scopes = identity.scopes.filter((scope) => permits(sibling.scopes, scope));
  const clientId = `${sibling.clientId}/${identity.clientId}`;
  return { ok: true, value: { identity: { ...identity, scopes, clientId }, revalidate } };
}
