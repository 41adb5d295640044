// Mistakes in contracts and backends that must not compile. Each line below an expected error is a
// likely mistake; if one of them compiles, the expectation itself becomes the error.
import * as v from "valibot";
import type { Binding, RpcSafe } from "../../contracts/rpc/binding.ts";
import { contract } from "../../contracts/rpc/contract.ts";
import type { TenantId, UserId } from "../../contracts/rpc/identity.ts";
import type { IdentityKey } from "../../contracts/rpc/identity-token.ts";
import { operation } from "../../contracts/rpc/operation.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { type Guard, serve } from "../../contracts/rpc/serve.ts";
import { CreateFlow, GetFlowStatus, type StackbilderContract, stackbilder } from "../../contracts/stackbilder.ts";
import { identityKeysSetting } from "../../src/crypto/keys.ts";

const methods = { createFlow: CreateFlow, getFlowStatus: GetFlowStatus };
const base = { audience: "stackbilder", prefix: "flow", methods, internal: ["getFlowStatus"] } as const;
contract({ ...base, tools: { flow_create: "createFlow" } });
// A backend with one tool, named like the prefix.
const single = contract({
  audience: "echo",
  prefix: "echo",
  methods: { echo: GetFlowStatus },
  tools: { echo: "echo" },
  internal: [],
});
single.audience satisfies "echo";
// A backend with one tool among internal methods.
contract({ ...base, prefix: "flow", tools: { flow: "createFlow" } });
// A backend with no tool and no internal method.
contract({ audience: "empty", prefix: "empty", methods: {}, tools: {}, internal: [] });

// A method that is neither a tool nor listed as internal.
// @ts-expect-error methodIsNeitherToolNorInternal: "getFlowStatus"
contract({ ...base, tools: { flow_create: "createFlow" }, internal: [] });
// A tool of a method that the contract does not have.
// @ts-expect-error "advanceFlow" is not a method here
contract({ ...base, tools: { flow_create: "createFlow", flow_advance: "advanceFlow" } });
// A tool without its backend's prefix.
// @ts-expect-error create_flow does not start with flow_
contract({ ...base, tools: { flow_create: "createFlow", create_flow: "createFlow" } });
// A tool whose name continues the prefix without an underscore.
// @ts-expect-error flowchart does not start with flow_
contract({ ...base, tools: { flow_create: "createFlow", flowchart: "createFlow" } });
// A single tool with another name than the prefix.
// @ts-expect-error say is not echo
contract({ audience: "echo", prefix: "echo", methods: { echo: GetFlowStatus }, tools: { say: "echo" }, internal: [] });
// A key for a backend that is not in the list.
// @ts-expect-error "billing" is not an audience
await identityKeysSetting([], "billing");

declare const guard: Guard;

// A backend without all methods of its contract.
// @ts-expect-error getFlowStatus and others are missing
export class Incomplete implements StackbilderContract {
  createFlow(call: unknown, input: unknown) {
    return serve(stackbilder, "createFlow", { guard, call, input }, async () => fail("flow_not_found" as never));
  }
}

declare const call: unknown;
// A handler that fails with a code that its operation does not list.
// @ts-expect-error "flow_busy" is not a failure of getFlowStatus
await serve(stackbilder, "getFlowStatus", { guard, call, input: {} }, async () => fail("flow_busy"));
// A handler that returns another shape.
// @ts-expect-error a flow has a status
await serve(stackbilder, "getFlowStatus", { guard, call, input: {} }, async () => ok({ flowId: "f" }));
// A method that the contract does not have.
// @ts-expect-error no such method
await serve(stackbilder, "deleteFlow", { guard, call, input: {} }, async () => ok({}));

declare const binding: Binding<StackbilderContract>;
declare const context: Parameters<StackbilderContract["createFlow"]>[0];
// @ts-expect-error projectDescription is required
await binding.createFlow(context, {});
// @ts-expect-error there is no such profile
await binding.createFlow(context, { projectDescription: "x", policy: { profile: "reckless" } });
// @ts-expect-error there is no such method
await binding.destroyFlow(context, {});
// @ts-expect-error the call context is not optional
await binding.getFlowStatus({ flowId: "f" });

// A user is not a tenant.
declare const userId: UserId;
// @ts-expect-error UserId is not TenantId
export const tenantId: TenantId = userId;
// @ts-expect-error a plain string is neither
export const fromNowhere: UserId = "u1";

// An output that cannot cross a binding: free-form JSON turns the whole result into `never`.
const Loose = operation({ input: v.object({}), output: v.object({ anything: v.unknown() }), errors: {}, timeoutMs: 1 });
interface LooseContract {
  loose(): Promise<v.InferOutput<(typeof Loose)["output"]>>;
}
// @ts-expect-error notSerializable: "loose"
true satisfies RpcSafe<LooseContract>;

// A key as text.
// @ts-expect-error a key is imported, never a string
export const key: IdentityKey = { kid: "0123abcd", key: "secret" };
