// People and their ways to sign in: by password, or through GitHub or Google. Everything here is about `user` and `account`, Better
// Auth's tables, and goes through its adapter where it writes.
import * as v from "valibot";
import type { AuthError, SignIn, SocialProvider } from "../../contracts/auth.ts";
import type { UserId } from "../../contracts/rpc/identity.ts";
import { storeOf } from "./better-auth.ts";
import { EmailAddress, isAcceptablePassword, PasswordAttempt, PersonName } from "./credentials.ts";
import type { Env } from "./settings.ts";
import { forgetAttempts, mayAttempt } from "./sign-in-attempts.ts";

/** Better Auth's name for the account that is an e-mail address and a password. */
const PASSWORD_PROVIDER = "credential";

/** A sign-up that takes longer than this has died between its two inserts. */
const SIGN_UP_MAX_SECONDS = 30;

/** A person as a provider describes them. */
export interface SocialProfile {
  readonly provider: SocialProvider;
  /** The person's id at the provider, which never changes; the address may. */
  readonly accountId: string;
  readonly email: string;
  /** Whether the provider vouches that the address is theirs. */
  readonly isEmailVerified: boolean;
  readonly name: string;
}

/** Why a person whom the provider knows cannot sign in here. */
export type SocialRefusal = "email_not_verified" | "account_exists" | "account_disabled";

/** `INVALID_CREDENTIALS` for any unknown, wrong or unusable pair, at the same cost; `RATE_LIMITED` after too many. */
export async function authenticate(env: Env, email: unknown, password: unknown, nowSeconds: number): Promise<SignIn> {
  const attempt = v.safeParse(v.tuple([EmailAddress, PasswordAttempt]), [email, password]);
  if (!attempt.success) return refused("INVALID_CREDENTIALS");
  const [address, secret] = attempt.output;
  if (!(await mayAttempt(env.DB, address, nowSeconds))) return refused("RATE_LIMITED");
  const { users, password: scrypt } = await storeOf(env);
  const found = await users.findUserByEmail(address, { includeAccounts: true });
  const hash = found?.accounts.find((account) => account.providerId === PASSWORD_PROVIDER)?.password;
  if (!found || !hash) {
    await scrypt.hash(secret); // costs what `verify` costs, so that time does not tell who has an account
    return refused("INVALID_CREDENTIALS");
  }
  const isRight = await scrypt.verify({ hash, password: secret });
  if (!isRight || isDisabled(found.user)) return refused("INVALID_CREDENTIALS");
  await forgetAttempts(env.DB, address);
  return signedIn(found.user);
}

/** `EMAIL_EXISTS` where the address is taken, `INVALID_CREDENTIALS` where name, address or password are not acceptable. */
export async function register(
  env: Env,
  name: unknown,
  email: unknown,
  password: unknown,
  nowSeconds: number,
): Promise<SignIn> {
  const request = v.safeParse(v.tuple([PersonName, EmailAddress, PasswordAttempt]), [name, email, password]);
  if (!request.success) return refused("INVALID_CREDENTIALS");
  const [goesBy, address, secret] = request.output;
  const person = { name: goesBy, email: address, emailVerified: false };
  if (!isAcceptablePassword(secret, person)) return refused("INVALID_CREDENTIALS");
  const { password: scrypt } = await storeOf(env);
  // Hashed before the address is looked up, so that a taken one takes as long.
  const hash = await scrypt.hash(secret);
  const user = await createPerson(
    env,
    person,
    (userId) => ({ providerId: PASSWORD_PROVIDER, accountId: userId, password: hash }),
    nowSeconds,
  );
  return user ? signedIn(user) : refused("EMAIL_EXISTS");
}

/**
 * The user who owns this account at the provider, made on first sight.
 *
 * An address that somebody here already has is refused, never linked. A password account's address has not been verified: whoever
 * made it may not own it, and linking would let them into the account of the person who does (pre-hijacking), or hand their account
 * over. Two providers are not linked either, since an address can change hands between them.
 */
export async function signInSocially(
  env: Env,
  profile: SocialProfile,
  nowSeconds: number,
): Promise<{ ok: true; userId: UserId } | { ok: false; refusal: SocialRefusal }> {
  if (!profile.isEmailVerified) return { ok: false, refusal: "email_not_verified" };
  const { users } = await storeOf(env);
  const account = { providerId: profile.provider, accountId: profile.accountId };
  const owner = async () => {
    const found = await users.findAccountOwnerByKey(account);
    return found?.kind === "owned" ? found.user : null;
  };
  const person = { name: profile.name, email: profile.email, emailVerified: true };
  // Asked again where the address is taken: the same person may have been signing in twice at once.
  const user = (await owner()) ?? (await createPerson(env, person, () => account, nowSeconds)) ?? (await owner());
  if (!user) return { ok: false, refusal: "account_exists" };
  return isDisabled(user) ? { ok: false, refusal: "account_disabled" } : { ok: true, userId: userIdOf(user) };
}

/** The reply for a user who has just proven who they are. `INVALID_TOKEN` where they are gone or disabled. */
export async function signInById(env: Env, userId: string): Promise<SignIn> {
  const { users } = await storeOf(env);
  const user = await users.findUserById(userId);
  return user && !isDisabled(user) ? signedIn(user) : refused("INVALID_TOKEN");
}

/** Says no. */
export function refused(error: AuthError): SignIn {
  return { valid: false, error };
}

interface Row {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly disabledAt?: Date | null;
}

/**
 * A new user with their first account, or `null` where the address is taken.
 *
 * D1 has no interactive transactions, so these are two inserts, and one may be all that happens. What is left then is taken back at
 * once, or, if this Worker died, by the next sign-up with the address. An account cannot outlive its user's row (foreign key), so
 * a sign-up that was taken for dead fails, and never ends up inside another's.
 */
async function createPerson(
  env: Env,
  person: { name: string; email: string; emailVerified: boolean },
  accountOf: (userId: string) => { providerId: string; accountId: string; password?: string },
  nowSeconds: number,
): Promise<Row | null> {
  const { users } = await storeOf(env);
  await env.DB.prepare(
    `DELETE FROM user WHERE email = ?1 AND createdAt < ?2
       AND NOT EXISTS (SELECT 1 FROM account WHERE userId = user.id) AND NOT EXISTS (SELECT 1 FROM tenants WHERE user_id = user.id)`,
  )
    .bind(person.email, new Date((nowSeconds - SIGN_UP_MAX_SECONDS) * 1000).toISOString())
    .run();
  if (await users.findUserByEmail(person.email)) return null;
  let user: Row;
  try {
    user = await users.createUser(person, { method: person.emailVerified ? "oauth" : "email-password" });
  } catch (error) {
    // Another sign-up may have been faster; the unique index tells, whatever the driver calls it.
    if (await users.findUserByEmail(person.email)) return null;
    throw error;
  }
  try {
    await users.linkAccount({ userId: user.id, ...accountOf(user.id) });
  } catch (error) {
    await users.deleteUser(user.id);
    throw error;
  }
  return user;
}

function isDisabled(user: Row): boolean {
  return user.disabledAt !== null && user.disabledAt !== undefined;
}

function signedIn(user: Row): SignIn {
  return { valid: true, userId: userIdOf(user), email: user.email, name: user.name };
}

/** Better Auth's ids are 32 letters and digits. */
function userIdOf(user: Row): UserId {
  return user.id as UserId; // the brand lives in TypeScript only
}
