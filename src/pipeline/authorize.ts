// Authorization of a tool by scope, and by kind of tenant.
import { type Identity, isTestTenant, permits, type Scope } from "../../contracts/rpc/identity.ts";
import type { ToolDefinition } from "../tools/tool-definition.ts";

/**
 * `null` if the identity has the tool's scope; otherwise every scope to ask for, so that one
 * step-up is enough.
 */
export function missingScopes({ scope }: Pick<ToolDefinition, "scope">, identity: Identity): readonly Scope[] | null {
  if (permits(identity.scopes, scope)) return null;
  return scope === "generate" ? ["read", "generate"] : ["read"];
}

/** True if no scope would help: a test tenant never gets a tool that costs credits. */
export function isBarred(tool: ToolDefinition, identity: Identity): boolean {
  return tool.isPaid && isTestTenant(identity.tenantId);
}

/** True if a call of this tool would be allowed. */
export function mayCall(tool: ToolDefinition, identity: Identity): boolean {
  return permits(identity.scopes, tool.scope) && !isBarred(tool, identity);
}
