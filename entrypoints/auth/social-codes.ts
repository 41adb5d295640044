// One-time codes: how the social bridge tells the gateway who has signed in. A code travels through the browser, so it is good once,
// for a minute, and only together with the verifier that never left the gateway (RFC 7636).
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

/** Arguments of `exchangeSocialCode`, as anybody may send them. */
const Exchange = v.tuple([
  v.pipe(v.string(), v.regex(CODE)),
  v.object({ codeVerifier: v.pipe(v.string(), v.regex(CODE_VERIFIER)), returnUrl: v.string() }),
]);
const CodeRow = v.object({
  user_id: v.string(),
  code_challenge: v.string(),
  return_url: v.string(),
  expires_at: v.number(),
});

/** A code for this user, bound to where it is going and to whoever holds the challenge's verifier. Sweeps out codes that nobody took. */
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

/** The user a code stands for. The code is gone after the first try, also a wrong one: one statement takes it. */
export async function exchangeCode(env: Env, code: unknown, proof: unknown, nowSeconds: number): Promise<SignIn> {
  const request = v.safeParse(Exchange, [code, proof]);
  if (!request.success) return refused("INVALID_TOKEN");
  const [given, { codeVerifier, returnUrl }] = request.output;
  const taken = await env.DB.prepare(
    "DELETE FROM social_codes WHERE code_hash = ?1 RETURNING user_id, code_challenge, return_url, expires_at",
  )
    .bind(await sha256(given))
    .first();
  if (taken === null) return refused("INVALID_TOKEN");
  const row = v.parse(CodeRow, taken);
  const isGood =
    row.expires_at > nowSeconds && row.return_url === returnUrl && row.code_challenge === (await sha256(codeVerifier));
  return isGood ? signInById(env, row.user_id) : refused("INVALID_TOKEN");
}
