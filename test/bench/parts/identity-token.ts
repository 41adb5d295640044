// No identity token: no digest of the input, and no signature. The fake backends verify none.
import type * as original from "../../../contracts/rpc/identity-token.ts";

export * from "../../../contracts/rpc/identity-token.ts";

export const signIdentity: typeof original.signIdentity = async () => "header.claims.signature";
