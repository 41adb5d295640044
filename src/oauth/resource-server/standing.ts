// Standing of a user: the account is active, no bill is unpaid, and the sign-in has not ended. The
// auth Worker and the user's object are asked together, for every kind of credential, so that a
// change counts within the time that a credential is cached.
import type { GetUser } from "../../../contracts/auth.ts";
import type { CredentialCode } from "../../../contracts/gateway.ts";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import type { OutputOf } from "../../../contracts/rpc/operation.ts";
import { AUTH_UNAVAILABLE, AuthService } from "../../backends/auth.ts";
import type { RequestContext } from "../../context.ts";
import { hasTokenEnded, type TokenState, userObjectOf } from "../../durable/user-object.ts";

/** A user in good standing, with the current tenant and plan. */
export type GoodStanding = OutputOf<typeof GetUser>;

/** State of a user, and of one of the user's tokens. */
export interface UserState {
  readonly standing: GoodStanding | CredentialCode;
  readonly token: TokenState;
}

/** The user with the current tenant and plan, or why none of the user's credentials works now. */
export async function standingOf(context: RequestContext, userId: UserId): Promise<GoodStanding | CredentialCode> {
  const user = await new AuthService(context).getUser(userId);
  if (user === AUTH_UNAVAILABLE) return "unavailable";
  if (!user?.isActive) return "unauthenticated";
  return user.isDelinquent ? "payment_required" : user;
}

/** Asks for the standing of a user, and for the state of a token; without one, of any JWT. */
export async function userStateOf(
  context: RequestContext,
  userId: UserId,
  token?: { readonly grantId: string; readonly digest: string },
): Promise<UserState> {
  const [standing, state] = await Promise.all([
    standingOf(context, userId),
    userObjectOf(context.env, userId).tokenState(token),
  ]);
  return { standing, token: state };
}

/** The standing as far as it concerns a token of a sign-in at `signedInAtMs`. */
export function standingForSignIn({ standing, token }: UserState, signedInAtMs: number): GoodStanding | CredentialCode {
  if (hasTokenEnded(token, signedInAtMs)) return "unauthenticated";
  if (typeof standing === "string") return standing;
  return signedInAtMs <= standing.signedOutAtMs ? "unauthenticated" : standing;
}
