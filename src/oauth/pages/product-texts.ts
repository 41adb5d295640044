// Texts about the products, for the pages. They are written in src/tools, beside the tools;
// entrypoints/gateway passes them in.
import type { Scope } from "../../../contracts/rpc/identity.ts";

export interface ProductTexts {
  /** The products as part of a sentence: "architecture flows and image generation". */
  readonly summary: string;
  /**
   * Per scope, the actions that it allows, separated by semicolons: "see your flows; see your
   * images".
   */
  readonly allows: Readonly<Record<Scope, string>>;
}

/** One sentence about the actions that these scopes allow. */
export function allowedBy({ allows }: ProductTexts, scopes: readonly string[]): string {
  return `Can ${allows.read}${scopes.includes("generate") ? `; ${allows.generate}` : ""}.`;
}

/** The same for one scope, as a sentence to the user: "See your flows; see your images." */
export function actionsOf({ allows }: ProductTexts, scope: Scope): string {
  return `${allows[scope].slice(0, 1).toUpperCase()}${allows[scope].slice(1)}.`;
}
