// Step one: may this caller use this tool at all?
import { type Identity, isTestTenant, type Scope } from "../../contracts/rpc/identity.ts";
import type { ToolDefinition } from "../tools/tool-definition.ts";

/** `generate` includes `read`. */
export function permits(scopes: readonly Scope[], needed: Scope): boolean {
  return scopes.includes(needed) || (needed === "read" && scopes.includes("generate"));
}

/** `null` where the caller may; otherwise every scope it should ask for, in one list, so that one step-up is enough. */
export function missingScopes(tool: Pick<ToolDefinition, "scope">, caller: Identity): readonly Scope[] | null {
  if (permits(caller.scopes, tool.scope)) return null;
  return tool.scope === "generate" ? ["read", "generate"] : ["read"];
}

/** Whether no scope would help: nothing that costs credits is done for a test tenant. */
export function isBarred(tool: ToolDefinition, caller: Identity): boolean {
  return tool.isPaid && isTestTenant(caller.tenantId);
}

/** Whether a call would be let through. */
export function mayCall(tool: ToolDefinition, caller: Identity): boolean {
  return permits(caller.scopes, tool.scope) && !isBarred(tool, caller);
}
