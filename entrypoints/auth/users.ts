// Users and their ways to sign in: with a password, or through GitHub or Google. The tables `user`
// and `account` are Better Auth's, and its adapter makes the changes.
import * as v from "valibot";
import type { AuthError, SignIn, SocialProvider } from "../../contracts/auth.ts";
import type { UserId } from "../../contracts/rpc/identity.ts";
import { DisplayName, EmailAddress, isAcceptablePassword, PasswordAttempt } from "./account-fields.ts";
import { storeOf } from "./better-auth.ts";
import { readableEmail, spellingsOf } from "./email-spellings.ts";
import type { Env } from "./settings.ts";
import { countAttempt, resetAttempts } from "./sign-in-attempts.ts";
import type { ProviderUser } from "./social-provider.ts";

/** Better Auth's id of the provider behind an account with e-mail address and password. */
export const PASSWORD_PROVIDER = "credential";

/** A sign-up that takes longer than this has failed between its two inserts. */
const SIGN_UP_MAX_SECONDS = 30;

/** A user of one provider. */
export interface SocialProfile extends ProviderUser {
  readonly provider: SocialProvider;
}

/** The reason that a user of a provider cannot sign in. */
export type SocialRefusal = "email_not_verified" | "account_exists" | "account_disabled";

/** A user before the insert. */
interface NewUser {
  readonly name: string;
  readonly email: string;
  readonly emailVerified: boolean;
}

/** The account with which a user signs in. */
interface NewAccount {
  readonly providerId: string;
  readonly accountId: string;
  /** Hash of the password, if the account has one. */
  readonly password?: string;
}

/** A row of the table `user`. */
interface UserRow {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly disabledAt?: Date | null;
}

/** Arguments of `authenticateUser`, unverified. */
const PasswordSignIn = v.object({
  email: EmailAddress,
  password: PasswordAttempt,
  options: v.optional(v.object({ knownBrowser: v.optional(v.pipe(v.string(), v.nonEmpty(), v.maxLength(64))) }), {}),
});

/**
 * Signs a user in with a password. `INVALID_CREDENTIALS` for malformed input, an unknown address
 * and a wrong password alike, the latter two after the same time; `RATE_LIMITED` during a pause.
 */
export async function authenticate(
  env: Env,
  given: { email: unknown; password: unknown; options: unknown },
  nowSeconds: number,
): Promise<SignIn> {
  const input = v.safeParse(PasswordSignIn, given);
  if (!input.success) return refused("INVALID_CREDENTIALS");
  const { email, password, options } = input.output;
  const attempt = { email, knownBrowser: options.knownBrowser };
  if (!(await countAttempt(env.DB, attempt, nowSeconds))) return refused("RATE_LIMITED");
  const { password: scrypt } = await storeOf(env);
  const found = await findByEmail(env, `${given.email}`);
  const accounts = found.flatMap(({ user, accounts }) => accounts.map((account) => ({ user, ...account })));
  const hashed = accounts.flatMap(({ user, providerId, password: hash }) =>
    providerId === PASSWORD_PROVIDER && hash ? [{ user, hash }] : [],
  );
  // Takes as long as `verify`: the response time must not reveal who has an account.
  if (hashed.length === 0) await scrypt.hash(password);
  for (const { user, hash } of hashed) {
    const isCorrect = await scrypt.verify({ hash, password });
    if (!isCorrect || isDisabled(user)) continue;
    await resetAttempts(env.DB, attempt);
    return signedIn(user);
  }
  return refused("INVALID_CREDENTIALS");
}

/**
 * Signs a new user up with a password. `EMAIL_EXISTS` for a taken address; before that
 * `NAME_NOT_USABLE`, `EMAIL_NOT_USABLE` and `WEAK_PASSWORD`, which do not depend on other accounts.
 */
export async function register(
  env: Env,
  { name, email, password }: { name: unknown; email: unknown; password: unknown },
  nowSeconds: number,
): Promise<SignIn> {
  const displayName = v.safeParse(DisplayName, name);
  if (!displayName.success) return refused("NAME_NOT_USABLE");
  const address = v.safeParse(EmailAddress, email);
  if (!address.success) return refused("EMAIL_NOT_USABLE");
  const newUser = { name: displayName.output, email: address.output, emailVerified: false };
  const secret = v.safeParse(PasswordAttempt, password);
  if (!secret.success || !(await isAcceptablePassword(secret.output, newUser))) return refused("WEAK_PASSWORD");
  const { password: scrypt } = await storeOf(env);
  // Hashed before the address is looked up: a taken address must take as long as a free one.
  const hash = await scrypt.hash(secret.output);
  const accountOf = (userId: string) => ({ providerId: PASSWORD_PROVIDER, accountId: userId, password: hash });
  const user = await createUser(env, newUser, accountOf, nowSeconds);
  return user ? signedIn(user) : refused("EMAIL_EXISTS");
}

/**
 * Returns the user who owns this account at the provider. The first sign-in creates the user.
 *
 * An address that an account here already uses is refused, never linked. The address of a password
 * account is not verified, so its creator may not own it. Linking would give that creator access to
 * the account of the owner (pre-hijacking), or the reverse. Accounts at two providers are not
 * linked either, because an address can change its owner in between.
 */
export async function signInSocially(
  env: Env,
  profile: SocialProfile,
  nowSeconds: number,
): Promise<{ ok: true; userId: UserId } | { ok: false; refusal: SocialRefusal }> {
  if (!profile.isEmailVerified) return { ok: false, refusal: "email_not_verified" };
  const { users } = await storeOf(env);
  const account = { providerId: profile.provider, accountId: profile.accountId };
  const findOwner = async () => {
    const found = await users.findAccountOwnerByKey(account);
    return found?.kind === "owned" ? found.user : null;
  };
  const newUser = { name: profile.name, email: profile.email, emailVerified: true };
  // Looked up again if the address is taken: the same user may have signed in twice in parallel.
  const user =
    (await findOwner()) ?? (await createUser(env, newUser, () => account, nowSeconds)) ?? (await findOwner());
  if (!user) return { ok: false, refusal: "account_exists" };
  return isDisabled(user) ? { ok: false, refusal: "account_disabled" } : { ok: true, userId: userIdOf(user) };
}

/**
 * Signs in a user who has just been authenticated. `INVALID_TOKEN` if the user is deleted or
 * disabled.
 */
export async function signInById(env: Env, userId: string): Promise<SignIn> {
  const { users } = await storeOf(env);
  const user = await users.findUserById(userId);
  return user && !isDisabled(user) ? signedIn(user) : refused("INVALID_TOKEN");
}

export function refused(error: AuthError): SignIn {
  return { valid: false, error };
}

/**
 * Creates a user with their first account, or returns `null` if the address is taken.
 *
 * D1 has no interactive transactions, so these are two inserts, and the second may fail. The user
 * row is then deleted at once or, if this Worker died, by the next sign-up with the address. An
 * account cannot outlive its user row (foreign key): a slow sign-up whose row was deleted fails,
 * and its account never ends up with another user.
 */
async function createUser(
  env: Env,
  newUser: NewUser,
  accountOf: (userId: string) => NewAccount,
  nowSeconds: number,
): Promise<UserRow | null> {
  const { users } = await storeOf(env);
  await deleteAbandonedSignUp(env.DB, newUser.email, nowSeconds);
  const isTaken = async () => (await findByEmail(env, newUser.email)).length > 0;
  if (await isTaken()) return null;
  let user: UserRow;
  try {
    user = await users.createUser(newUser, { method: newUser.emailVerified ? "oauth" : "email-password" });
  } catch (error) {
    // A parallel sign-up may have inserted first. The lookup tells so, whatever error the driver
    // reports.
    if (await isTaken()) return null;
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

/** Deletes the user row that a failed sign-up left without an account. */
async function deleteAbandonedSignUp(db: D1Database, email: string, nowSeconds: number): Promise<void> {
  await db
    .prepare(
      `DELETE FROM user WHERE email = ?1 AND createdAt < ?2
       AND NOT EXISTS (SELECT 1 FROM account WHERE userId = user.id) AND NOT EXISTS (SELECT 1 FROM tenants WHERE user_id = user.id)`,
    )
    .bind(email, new Date((nowSeconds - SIGN_UP_MAX_SECONDS) * 1000).toISOString())
    .run();
}

/**
 * The accounts with this address, in every spelling. There is more than one only if an earlier
 * version took two spellings of one address for two addresses.
 */
async function findByEmail(env: Env, email: string) {
  const { users } = await storeOf(env);
  const find = (spelling: string) => users.findUserByEmail(spelling, { includeAccounts: true });
  const found = await Promise.all(spellingsOf(email).map(find));
  return found.filter((account) => account !== null);
}

function isDisabled(user: UserRow): boolean {
  return user.disabledAt !== null && user.disabledAt !== undefined;
}

function signedIn(user: UserRow): SignIn {
  return { valid: true, userId: userIdOf(user), email: readableEmail(user.email), name: user.name };
}

/** Better Auth's ids are 32 letters and digits. */
function userIdOf(user: UserRow): UserId {
  return user.id as UserId; // The brand exists in TypeScript only.
}
