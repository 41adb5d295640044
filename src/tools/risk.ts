// What a tool can do to the world. Everything that depends on danger follows from this one word: the scope a caller needs, the
// hints that clients show, and whether a person is asked first.
import * as v from "valibot";
import type { Scope } from "../../contracts/rpc/identity.ts";

/**
 * `READ_ONLY` changes nothing. `LOCAL_MUTATION` changes only what belongs to the caller. `EXTERNAL_MUTATION` also sets work going
 * outside the platform. `DESTRUCTIVE` cannot be undone.
 */
export const RISKS = ["READ_ONLY", "LOCAL_MUTATION", "EXTERNAL_MUTATION", "DESTRUCTIVE"] as const;
export const Risk = v.picklist(RISKS);
export type Risk = v.InferOutput<typeof Risk>;

const EFFECTS: Readonly<Record<Risk, string>> = {
  READ_ONLY: "it changes nothing.",
  LOCAL_MUTATION: "it changes what belongs to you here, and nothing else.",
  EXTERNAL_MUTATION: "it sets work going outside this platform.",
  DESTRUCTIVE: "it cannot be undone.",
};

/** What a call does to the world, in words for the person who is asked. */
export function effectOf({ risk, isPaid }: { readonly risk: Risk; readonly isPaid: boolean }): string {
  return EFFECTS[risk] + (isPaid ? " It costs credits." : "");
}

/** What a caller must hold for a tool of this risk. `generate` includes `read`. */
export function scopeOf(risk: Risk): Scope {
  return risk === "READ_ONLY" ? "read" : "generate";
}

/** MCP tool annotations: hints for a client's user, never a protection. */
export interface Annotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** The hints of a risk. `isIdempotent`: calling again with the same arguments changes nothing more; true of whatever only reads. */
export function annotationsOf(risk: Risk, isIdempotent: boolean): Annotations {
  return {
    readOnlyHint: risk === "READ_ONLY",
    destructiveHint: risk === "DESTRUCTIVE",
    idempotentHint: risk === "READ_ONLY" || isIdempotent,
    openWorldHint: risk === "EXTERNAL_MUTATION",
  };
}
