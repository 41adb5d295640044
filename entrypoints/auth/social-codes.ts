// One-time codes, with which the social bridge tells the gateway the signed-in user. A code passes
// through the browser, so it is valid once, for 60 seconds, and only with the verifier, which never
// leaves the gateway (RFC 7636).
import * as v from "valibot";
import type { SignIn } from "../../contracts/auth.ts";
import type { UserId } from "../../contracts/rpc/identity.ts";
import { randomToken, sha256 } from "./digest.ts";
import type { Env } from "./settings.ts";
import { refused, signInById } from "./users.ts";

const LIFETIME_SECONDS = 60;

const CODE = /^[A-Za-z0-9_-]{43}$/;
/** RFC 7636 section 4.1. */
const CODE_VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

/** Arguments of `exchangeSocialCode`, unverified. */
const CodeExchange = v.tuple([
  v.pipe(v.string(), v.regex(CODE)),
  v.object({ codeVerifier: v.pipe(v.string(), v.regex(CODE_VERIFIER)), returnUrl: v.string() }),
]);
const CodeRow = v.object({
  user_id: v.string(),
  code_challenge: v.string(),
  return_url: v.string(),
  expires_at: v.number(),
});

/**
 * Issues a code for this user, bound to the return URL and the code challenge. Deletes expired
 * codes.
 */
export async function issueCode(
  env: Env,
  userId: UserId,
  binding: { codeChallenge: string; returnUrl: string },
  nowSeconds: number,
): Promise<string> {
  const code = randomToken();
  const row = [await sha256(code), userId, binding.codeChallenge, binding.returnUrl, nowSeconds + LIFETIME_SECONDS];
  await env.DB.batch([
    env.DB.prepare("DELETE FROM social_codes WHERE expires_at <= ?1").bind(nowSeconds),
    env.DB.prepare(
      "INSERT INTO social_codes (code_hash, user_id, code_challenge, return_url, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    ).bind(...row),
  ]);
  return code;
}

/**
 * Returns the user of a code. One statement deletes the code and reads it, so that it is void after
 * the first attempt, also a failed one.
 */
export async function exchangeCode(env: Env, code: unknown, proof: unknown, nowSeconds: number): Promise<SignIn> {
  const request = v.safeParse(CodeExchange, [code, proof]);
  if (!request.success) return refused("INVALID_TOKEN");
  const [given, { codeVerifier, returnUrl }] = request.output;
  const deleted = await env.DB.prepare(
    "DELETE FROM social_codes WHERE code_hash = ?1 RETURNING user_id, code_challenge, return_url, expires_at",
  )
    .bind(await sha256(given))
    .first();
  if (deleted === null) return refused("INVALID_TOKEN");
  const row = v.parse(CodeRow, deleted);
  const isValid =
    row.expires_at > nowSeconds && row.return_url === returnUrl && row.code_challenge === (await sha256(codeVerifier));
  return isValid ? signInById(env, row.user_id) : refused("INVALID_TOKEN");
}
