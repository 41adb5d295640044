// Props of a grant: the sign-in that made it. The library seals them together with each token. Plan
// and tenant are not among them, because they change during the life of a grant.
import * as v from "valibot";
import { UserId } from "../../../contracts/rpc/identity.ts";

const Instant = v.pipe(v.number(), v.integer());

export const GrantProps = v.object({
  userId: UserId,
  /** Time of the sign-in, in milliseconds since the Unix epoch. */
  signedInAtMs: v.optional(Instant),
  /** The user's session version at the sign-in; absent in older grants. */
  sessionVersion: v.optional(Instant),
  /** In older grants in place of `signedInAtMs`: seconds since the Unix epoch. */
  authTime: v.optional(Instant),
  /** Version of this shape. */
  v: v.literal(1),
});
export type GrantProps = Readonly<v.InferOutput<typeof GrantProps>>;

/** Time of the sign-in that made the grant, in milliseconds since the Unix epoch. */
export function signInTimeOf({ signedInAtMs, authTime = 0 }: GrantProps): number {
  return signedInAtMs ?? authTime * 1000;
}
