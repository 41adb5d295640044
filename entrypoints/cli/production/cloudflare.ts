// Questions to Cloudflare's API about an account, with wrangler's login. They change nothing:
// changes are commands of wrangler, which an operator can repeat by hand.
import * as v from "valibot";
import { CliError } from "../cli-error.ts";
import { INVALID_LOGIN, remedyOfLogin } from "../login.ts";
import { runWrangler } from "../wrangler.ts";
import { ACCOUNT_ID, PRODUCTION_FILE, readProduction } from "./settings.ts";

export interface Cloudflare {
  readonly accountId: string;
  /**
   * The result at a path below the account, as `schema` reads it; `null` if there is no such thing.
   * Throws a `CliError` for any other error.
   */
  ask<T>(path: string, schema: v.GenericSchema<unknown, T>, question?: unknown): Promise<T | null>;
}

const DEFAULT_API = "https://api.cloudflare.com/client/v4";
const TIMEOUT_MS = 30_000;

const ApiError = v.object({ code: v.optional(v.number()), message: v.string() });
type ApiError = v.InferOutput<typeof ApiError>;
const Answer = v.object({ result: v.optional(v.unknown()), errors: v.optional(v.array(ApiError), []) });
/** 403 in an account that has not ordered R2. The message says where to. */
const R2_DISABLED = 10042;
/** Codes for a path that does not exist, as below an account that does not. */
const UNKNOWN_ROUTE: readonly number[] = [7000, 7003];

const Accounts = v.array(v.object({ id: v.string(), name: v.string() }));
const Login = v.variant("type", [
  v.object({ type: v.picklist(["oauth", "api_token"]), token: v.string() }),
  v.object({ type: v.literal("api_key"), key: v.string(), email: v.string() }),
]);

/**
 * Opens the account of production.toml, of CLOUDFLARE_ACCOUNT_ID, or the only one of the login, and
 * names it to wrangler. Throws a `CliError` without a login, or if there are several.
 */
export async function openAccount(): Promise<Cloudflare> {
  const headers = await loginHeaders();
  const accountId = readProduction().accountId || process.env.CLOUDFLARE_ACCOUNT_ID || (await onlyAccount(headers));
  if (!ACCOUNT_ID.test(accountId))
    throw new CliError("CLOUDFLARE_ACCOUNT_ID is not the id of an account: 32 hexadecimal digits.");
  process.env.CLOUDFLARE_ACCOUNT_ID = accountId;
  return {
    accountId,
    ask: (path, schema, question) => ask(`/accounts/${accountId}${path}`, schema, { headers, question }),
  };
}

async function loginHeaders(): Promise<Record<string, string>> {
  const { CLOUDFLARE_API_TOKEN: token } = process.env;
  // Fetch would show a token that it cannot send.
  if (token && !/^[ -~]+$/.test(token))
    throw new CliError("CLOUDFLARE_API_TOKEN has a line break, or a character that no token has.");
  if (token) return { authorization: `Bearer ${token}` };
  const { code, stdout } = await runWrangler(["auth", "token", "--json"]);
  const login = code === 0 ? v.safeParse(Login, JSON.parse(stdout.slice(stdout.indexOf("{")))) : null;
  if (!login?.success)
    throw new CliError("You are not logged in: run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN.");
  return login.output.type === "api_key"
    ? { "x-auth-key": login.output.key, "x-auth-email": login.output.email }
    : { authorization: `Bearer ${login.output.token}` };
}

async function onlyAccount(headers: Readonly<Record<string, string>>): Promise<string> {
  const accounts = (await ask("/accounts?per_page=50", Accounts, { headers })) ?? [];
  const [first, ...others] = accounts;
  if (first && others.length === 0) return first.id;
  if (!first)
    throw new CliError(
      `The login sees no account. Set account_id in ${PRODUCTION_FILE}, or give the API token access.`,
    );
  const list = accounts.map(({ id, name }) => `  ${id}  ${name.replace(/\p{C}/gu, "?")}`).join("\n");
  throw new CliError(`Set account_id in ${PRODUCTION_FILE}, because the login has several accounts:\n${list}`);
}

async function ask<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  { headers, question }: { readonly headers: Readonly<Record<string, string>>; readonly question?: unknown },
): Promise<T | null> {
  const url = `${process.env.CLOUDFLARE_API_BASE_URL ?? DEFAULT_API}${path}`;
  const response = await fetch(url, {
    headers: { ...headers, "content-type": "application/json" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(question !== undefined && { method: "POST", body: JSON.stringify(question) }),
  }).catch((error: Error & { readonly cause?: { readonly code?: string } }) => {
    throw new CliError(`Cloudflare's API does not respond: ${error.cause?.code ?? error.message}. Try again.`);
  });
  const answer = v.safeParse(Answer, await response.json().catch(() => null));
  const { errors = [], result } = answer.success ? answer.output : {};
  const isUnknownRoute = errors.some(({ code = 0 }) => UNKNOWN_ROUTE.includes(code));
  if (response.status === 404 && answer.success && !isUnknownRoute) return null;
  const place = path.split("?")[0] ?? path;
  if (!response.ok || !answer.success) throw refusal(place, response.status, errors);
  const parsed = v.safeParse(schema, result);
  if (parsed.success) return parsed.output;
  throw new CliError(
    `Cloudflare's answer to ${place} has no ${v.getDotPath(parsed.issues[0]) ?? "result"}. Try again.`,
  );
}

function refusal(path: string, status: number, errors: readonly ApiError[]): CliError {
  const reason = errors.map(({ message }) => message).join("; ") || "no reason";
  return new CliError(`Cloudflare answers ${status} to ${path}: ${reason}. ${remedyOf(status, errors)}`);
}

function remedyOf(status: number, errors: readonly ApiError[]): string {
  const has = (codes: readonly number[]) => errors.some(({ code = 0 }) => codes.includes(code));
  if (has([R2_DISABLED])) return "Then run the same command again.";
  if (status === 401 || status === 403 || has(INVALID_LOGIN)) return remedyOfLogin();
  if (has(UNKNOWN_ROUTE)) return `Correct account_id in ${PRODUCTION_FILE}, or CLOUDFLARE_ACCOUNT_ID.`;
  return status === 429 ? "Wait five minutes, and try again." : "Try again.";
}
