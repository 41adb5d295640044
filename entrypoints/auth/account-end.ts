// The end of an account: first nothing opens it any more, then it is deleted. Both are about the
// user and the tenant that the identity token names, which must belong together.
import * as v from "valibot";
import type { GetSignInMethods } from "../../contracts/auth.ts";
import { type Identity, isTestTenant } from "../../contracts/rpc/identity.ts";
import type { OutputOf } from "../../contracts/rpc/operation.ts";
import { fail, ok, type Result } from "../../contracts/rpc/result.ts";
import { sha256 } from "./digest.ts";
import { spellingsOf } from "./email-spellings.ts";
import type { Env } from "./settings.ts";
import { OWN_TENANT } from "./tenants.ts";
import { PASSWORD_PROVIDER } from "./users.ts";

const Rows = v.array(v.object({ providerId: v.string() }));

/** The ways in which the calling user can sign in. */
export async function signInMethodsOf(
  { DB }: Env,
  { tenantId, subject }: Identity,
): Promise<Result<OutputOf<typeof GetSignInMethods>, { code: "user_not_found" }>> {
  const found = await DB.prepare(`SELECT providerId FROM account WHERE userId = ?2 AND EXISTS (${OWN_TENANT})`)
    .bind(tenantId, subject)
    .all();
  const providers = v.parse(Rows, found.results).map(({ providerId }) => providerId);
  if (providers.length === 0) return fail("user_not_found");
  const isMethod = (method: string) => providers.includes(method === "password" ? PASSWORD_PROVIDER : method);
  return ok({ methods: (["password", "github", "google"] as const).filter(isMethod) });
}

/** Selects the user ?2 of the tenant ?1, also one who is disabled. */
const OWN_USER = "SELECT u.id FROM tenants t JOIN user u ON u.id = t.user_id WHERE t.id = ?1 AND u.id = ?2";

/**
 * Disables the user, which ends keys, tokens and sign-ins. The gateway, which asks for this, needs
 * no message about it.
 */
export async function closeAccount({ DB }: Env, { tenantId, subject }: Identity): Promise<void> {
  const disable = `UPDATE user SET disabledAt = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = (${OWN_USER}) AND disabledAt IS NULL`;
  await DB.batch([
    DB.prepare(disable).bind(tenantId, subject),
    DB.prepare(`DELETE FROM revocations WHERE user_id = (${OWN_USER})`).bind(tenantId, subject),
  ]);
}

/**
 * Deletes the user with everything that belongs to them: accounts, tenant, keys, codes. The tenant
 * of test keys has nothing here but its ledger.
 */
export async function eraseAccount({ DB }: Env, { tenantId, subject }: Identity): Promise<void> {
  if (isTestTenant(tenantId)) return;
  const user = await DB.prepare(`SELECT email FROM user WHERE id = (${OWN_USER})`)
    .bind(tenantId, subject)
    .first<{ email: string }>();
  if (!user) return;
  const counters = await Promise.all(spellingsOf(user.email).map(sha256));
  await DB.batch([
    DB.prepare("DELETE FROM sign_in_attempts WHERE email_hash IN (SELECT value FROM json_each(?1))").bind(
      JSON.stringify(counters),
    ),
    DB.prepare(`DELETE FROM revocations WHERE user_id = (${OWN_USER})`).bind(tenantId, subject),
    DB.prepare(`DELETE FROM user WHERE id = (${OWN_USER})`).bind(tenantId, subject),
  ]);
}
