// The sibling's door: the same tools, through the same pipeline, as typed RPC calls. Nothing is thrown at a sibling.
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
import { type Identity, Scope, type TenantId, Tier } from "../../contracts/rpc/identity.ts";
import type { CodeOf, InputOf, OutputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { type Trace, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";
import { authenticate, type Credential, type CredentialKind } from "../../src/oauth/resource-server/authenticate.ts";
import { mayCall, permits } from "../../src/pipeline/authorize.ts";
import { openCall, recordRefusedCall, refusal } from "../../src/pipeline/call-tool.ts";
import { catalog } from "../../src/tools/catalog.ts";

const Props = v.object({
  caller: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,39}$/)),
  scopes: v.array(Scope),
  tier: v.optional(Tier, "free"),
});

const shown = (kind: CredentialKind, bearer: string) => ({ kind, bearer });
/** Exactly one kind, under its own name. */
const GivenCredential = v.union([
  v.pipe(
    v.strictObject({ accessToken: v.string() }),
    v.transform(({ accessToken }) => shown("oauth", accessToken)),
  ),
  v.pipe(
    v.strictObject({ apiKey: v.string() }),
    v.transform(({ apiKey }) => shown("api_key", apiKey)),
  ),
  v.pipe(
    v.strictObject({ jwt: v.string() }),
    v.transform(({ jwt }) => shown("jwt", jwt)),
  ),
]);

/** Strict: under a misspelt credential the sibling would act as itself. */
const Options = v.strictObject({
  credential: v.optional(v.unknown()),
  traceparent: v.optional(v.string()),
  idempotencyKey: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(128))),
  onProgress: v.optional(v.custom<ProgressCallback>((value) => typeof value === "function")),
});

type Answer<Name extends ToolName> = Result<
  OutputOf<ToolOperations[Name]>,
  ToolRefusal<CodeOf<ToolOperations[Name]> | GatewayCode>
>;

/** What a sibling Worker binds. Who it is comes from the binding's `props`, which its requests cannot change. */
export class GatewayEntrypoint extends WorkerEntrypoint<Env> implements GatewayContract {
  async listTools(credential?: PresentedCredential): Promise<Result<readonly ToolListing[], ToolRefusal<GatewayCode>>> {
    const caller = await callerOf(this.env, siblingOf(this.ctx.props), credential, traceFrom(null));
    if (!caller.ok) return caller;
    const permitted = Array.from(catalog.values()).filter((tool) => mayCall(tool, caller.value.identity));
    const value = permitted.map(({ name, title, description, scope, inputSchema, outputSchema }) => ({
      name: name as ToolName, // the catalog is made from the contracts that `ToolName` is derived from
      title,
      description,
      scope,
      inputSchemaJson: JSON.stringify(inputSchema),
      outputSchemaJson: JSON.stringify(outputSchema),
    }));
    return { ok: true, value };
  }

  async callTool<Name extends ToolName>(
    name: Name,
    input: InputOf<ToolOperations[Name]>,
    options?: CallToolOptions,
  ): Promise<Answer<Name>> {
    const parsed = v.safeParse(Options, options ?? {});
    const { credential, traceparent, idempotencyKey, onProgress } = parsed.success ? parsed.output : {};
    const trace = traceFrom(traceparent);
    const sibling = siblingOf(this.ctx.props);
    const request = { catalog, name, args: input, trace, channel: "rpc", idempotencyKey } as const;
    const caller = parsed.success
      ? await callerOf(this.env, sibling, credential, trace)
      : ({ ok: false, error: refusal("invalid_arguments", trace) } as const);
    if (!caller.ok) {
      recordRefusedCall(this.env, this.ctx, { ...request, caller: sibling ?? NOBODY }, caller.error.code);
      return caller;
    }
    const { identity, revalidate } = caller.value;
    const opened = openCall(this.env, this.ctx, { ...request, caller: identity, revalidate });
    if (opened.state !== "ready") return { ok: false, error: refusal(opened.state, trace) };
    const { result } = await opened.run(onProgress);
    // The pipeline has judged the value against this tool's own output schema, and the code against its list.
    return result as Answer<Name>;
  }
}

/** A binding without proper `props`. */
const NOBODY: Identity = {
  subject: "sibling:unknown",
  tenantId: null,
  tier: "free",
  scopes: [],
  clientId: "sibling:unknown",
};

/** The bound Worker, acting as itself: a subject, and a tenant of the same name. */
function siblingOf(bound: unknown): Identity | null {
  const props = v.safeParse(Props, bound);
  if (!props.success) return null;
  const { caller, scopes, tier } = props.output;
  const subject = `sibling:${caller}`;
  return { subject, tenantId: subject as TenantId, tier, scopes, clientId: subject };
}

/** The sibling itself, or whoever's credential it shows; never with more scopes than its binding has. */
async function callerOf(
  env: Env,
  sibling: Identity | null,
  credential: unknown,
  trace: Trace,
): Promise<
  Result<Pick<Credential, "identity"> & Partial<Pick<Credential, "revalidate">>, ToolRefusal<CredentialCode>>
> {
  const given = v.safeParse(v.optional(GivenCredential), credential);
  if (sibling === null || !given.success) return { ok: false, error: refusal("unauthenticated", trace) };
  if (given.output === undefined) return { ok: true, value: { identity: sibling } };
  const caller = await authenticate(env, given.output.bearer, trace, given.output.kind);
  if (typeof caller === "string") return { ok: false, error: refusal(caller, trace) };
  const { identity, revalidate } = caller;
  const scopes = identity.scopes.filter((scope) => permits(sibling.scopes, scope));
  return {
    ok: true,
    value: { identity: { ...identity, scopes, clientId: `${sibling.clientId}/${identity.clientId}` }, revalidate },
  };
}
