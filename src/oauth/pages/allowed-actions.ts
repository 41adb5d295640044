// Sentences about the products for the pages, from the texts that entrypoints/gateway passes in.
import type { Scope } from "../../../contracts/rpc/identity.ts";
import type { ProductTexts } from "../../tools/product-texts.ts";

/** One sentence about the actions that these scopes allow. */
export function allowedBy({ allows }: ProductTexts, scopes: readonly string[]): string {
  return `Can ${allows.read}${scopes.includes("generate") ? `; ${allows.generate}` : ""}.`;
}

/** The same for one scope, as a sentence to the user: "See your flows; see your images." */
export function actionsOf({ allows }: ProductTexts, scope: Scope): string {
  return `${allows[scope].slice(0, 1).toUpperCase()}${allows[scope].slice(1)}.`;
}
