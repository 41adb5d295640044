// Unverified claims of a JWT access token (RFC 9068): enough to refuse, without a call to the auth
// Worker, a token that was not issued for this gateway. The issuer verifies the rest.
import * as v from "valibot";
import { fromBase64url } from "../../../contracts/rpc/encoding.ts";
import type { Config } from "../../config.ts";
import { nowSeconds } from "../clock.ts";

/** RFC 9068 sections 2.1 and 4: an access token, so no other kind of JWT can pass for one. */
const Header = v.object({
  typ: v.pipe(v.string(), v.regex(/^(application\/)?at\+jwt$/i)),
  alg: v.pipe(v.string(), v.regex(/^(?!none$)/i)),
});
const Claims = v.object({
  iss: v.string(),
  aud: v.union([v.string(), v.array(v.string())]),
  iat: v.number(),
  exp: v.number(),
});

/**
 * The claimed time of issue of an unexpired access token of the auth Worker's for this resource, in
 * seconds since the Unix epoch. `null` for any other token.
 */
export function claimedIssueTime(config: Config, token: string): number | null {
  const [head, body] = token.split(".");
  const claims = v.safeParse(Claims, decodeJson(body ?? ""));
  if (!claims.success || !v.is(Header, decodeJson(head ?? ""))) return null;
  const { iss, aud, iat, exp } = claims.output;
  return iss === config.authBaseUrl && includesResource(config, aud) && exp > nowSeconds() ? iat : null;
}

/** True if an audience includes this resource (RFC 8707). */
export function includesResource({ resource }: Config, audience: string | readonly string[]): boolean {
  return [audience].flat().includes(resource);
}

function decodeJson(text: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(fromBase64url(text)));
  } catch {
    return null;
  }
}
