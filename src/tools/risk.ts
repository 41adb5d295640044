// Risks of tools. The scope of a tool, the annotations that clients show and the need for the
// user's confirmation all derive from its risk.
import type { Risk } from "../../contracts/gateway.ts";
import type { Scope } from "../../contracts/rpc/identity.ts";
import type { ToolAnnotations } from "../mcp/schema.ts";
import { creditCount } from "./price.ts";

const EFFECTS: Readonly<Record<Risk, string>> = {
  READ_ONLY: "it changes nothing.",
  LOCAL_MUTATION: "it changes your data on this platform, and nothing else.",
  EXTERNAL_MUTATION: "it starts work outside this platform.",
  DESTRUCTIVE: "it cannot be undone.",
};

/** The effect of a call as a sentence without its subject, for the confirmation form. */
export function effectOf(risk: Risk, credits: number): string {
  return EFFECTS[risk] + (credits > 0 ? ` It costs ${creditCount(credits)}.` : "");
}

/** The scope that a call to a tool of this risk needs. `generate` includes `read`. */
export function scopeOf(risk: Risk): Scope {
  return risk === "READ_ONLY" ? "read" : "generate";
}

/**
 * The annotations of a tool.
 *
 * @param isIdempotent a repeated call with the same arguments has no further effect; always true of
 *   `READ_ONLY`
 */
export function annotationsOf(risk: Risk, isIdempotent: boolean): ToolAnnotations {
  return {
    readOnlyHint: risk === "READ_ONLY",
    destructiveHint: risk === "DESTRUCTIVE",
    idempotentHint: risk === "READ_ONLY" || isIdempotent,
    openWorldHint: risk === "EXTERNAL_MUTATION",
  };
}
