// Every binding, variable and secret of the auth Worker, and the schema that checks them. Parsed
// once per isolate; fails closed: a missing or unsafe value is named in the log and no request is
// served.
import * as v from "valibot";
import type { SocialProvider } from "../../contracts/auth.ts";
import type { GatewayAdminContract } from "../../contracts/gateway.ts";
import type { Binding } from "../../contracts/rpc/binding.ts";
import { Tier } from "../../contracts/rpc/identity.ts";
import type { LedgerObject } from "./ledger-object.ts";

export interface Env {
  readonly DB: D1Database;
  /** Ends a user's access at the gateway. Absent until the gateway is deployed. */
  readonly GATEWAY_ADMIN?: Binding<GatewayAdminContract>;
  /**
   * This Worker's own origin, without a trailing slash: the base of the callbacks registered at the
   * providers.
   */
  readonly AUTH_BASE_URL: string;
  /**
   * URLs that the social bridge may redirect to: whole URLs, compared exactly, separated by commas.
   */
  readonly SOCIAL_RETURN_URLS: string;
  /**
   * Resources that access tokens may be issued for: whole URLs, compared exactly, separated by
   * commas.
   */
  readonly TOKEN_AUDIENCES: string;
  /**
   * Credits a month of each plan: `free:25,hobby:65,pro:580,enterprise:2320`, which is the default.
   */
  readonly CREDIT_ALLOWANCES?: string;
  /** One object per tenant: the ledger of its credits. */
  readonly LEDGERS: DurableObjectNamespace<LedgerObject>;
  /** Keys that verify the gateway's identity tokens: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /**
   * Better Auth's secret, at least 32 bytes. The bridge's sealing keys and the key of access tokens
   * derive from it.
   */
  readonly BETTER_AUTH_SECRET: string;
  readonly GITHUB_CLIENT_ID?: string;
  readonly GITHUB_CLIENT_SECRET?: string;
  readonly GOOGLE_CLIENT_ID?: string;
  readonly GOOGLE_CLIENT_SECRET?: string;
}

/** An OAuth client registered at a provider. */
export interface ProviderClient {
  readonly id: string;
  readonly secret: string;
}

export interface Settings {
  /** An origin: no path, no trailing slash. */
  readonly baseUrl: string;
  readonly returnUrls: ReadonlySet<string>;
  readonly tokenAudiences: ReadonlySet<string>;
  readonly secret: string;
  /** Credits a month, by plan. */
  readonly allowances: Readonly<Record<Tier, number>>;
  /** `null` if this deployment has no client at the provider. */
  readonly clients: Readonly<Record<SocialProvider, ProviderClient | null>>;
}

/**
 * A missing or unsafe setting. The message names the settings and their problems, never a value.
 */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
/** Secrets from documentation and examples. */
const PLACEHOLDER = /^(.)\1*$|change[-_ ]?me|replace[-_ ]?(me|this)|your[-_ ]|example|placeholder/i;

/** True if `url` can only refer to this machine. */
export function isLoopback(url: string): boolean {
  return LOOPBACK.has(URL.parse(url)?.hostname ?? "");
}

const Required = v.pipe(v.optional(v.string(), ""), v.nonEmpty("is missing"));
const isWebUrl = v.check<string, string>((text) => {
  const url = URL.parse(text);
  return (
    url !== null && url.hash === "" && (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(text)))
  );
}, "must be https (http only on loopback), without a fragment");
const WebUrls = v.pipe(
  Required,
  v.transform((text) => text.split(",").map((part) => part.trim())),
  v.array(v.pipe(v.string(), isWebUrl)),
);
const Optional = v.optional(v.string(), "");
const bound = v.pipe(
  v.optional(v.unknown(), null),
  v.check((value) => typeof value === "object" && value !== null, "is not bound"),
);
const DEFAULT_ALLOWANCES = "free:25,hobby:65,pro:580,enterprise:2320";
const Allowances = v.pipe(
  v.optional(v.string(), DEFAULT_ALLOWANCES),
  v.check(
    (text) =>
      Tier.options.every((tier) => allowanceIn(text, tier) !== null) && text.split(",").length === Tier.options.length,
    `must name each plan once, as in ${DEFAULT_ALLOWANCES}`,
  ),
);

/** The credits of a plan in the text of the setting; `null` if it has none. */
function allowanceIn(text: string, tier: Tier): number | null {
  const entries = text.split(",").map((entry) => /^\s*([a-z]+):(\d{1,7})\s*$/.exec(entry));
  const [, , credits] = entries.find((entry) => entry?.[1] === tier) ?? [];
  return credits === undefined ? null : Number(credits);
}

const Bindings = v.object({
  DB: bound,
  LEDGERS: bound,
  CREDIT_ALLOWANCES: Allowances,
  AUTH_BASE_URL: v.pipe(
    Required,
    isWebUrl,
    v.check((text) => URL.parse(text)?.origin === text, "must be an origin, without a path or a trailing slash"),
  ),
  SOCIAL_RETURN_URLS: WebUrls,
  TOKEN_AUDIENCES: WebUrls,
  IDENTITY_KEYS: Required,
  BETTER_AUTH_SECRET: v.pipe(
    Required,
    v.check((text) => new TextEncoder().encode(text).length >= 32, "must be at least 32 bytes long"),
    v.check((text) => !PLACEHOLDER.test(text), "is a placeholder; make one with `openssl rand -base64 32`"),
  ),
  GITHUB_CLIENT_ID: Optional,
  GITHUB_CLIENT_SECRET: Optional,
  GOOGLE_CLIENT_ID: Optional,
  GOOGLE_CLIENT_SECRET: Optional,
});

const parsed = new WeakMap<Env, Settings>();

/** Returns the settings of this isolate. Throws a `SettingsError` that names every problem. */
export function settingsOf(env: Env): Settings {
  const known = parsed.get(env);
  if (known) return known;
  const bindings = v.safeParse(Bindings, env);
  if (!bindings.success) {
    const problems = bindings.issues.map((issue) => `${v.getDotPath(issue) ?? "env"} ${issue.message}`);
    throw new SettingsError(`${problems.join("; ")}.`);
  }
  const values = bindings.output;
  const settings: Settings = {
    baseUrl: values.AUTH_BASE_URL,
    returnUrls: new Set(values.SOCIAL_RETURN_URLS),
    tokenAudiences: new Set(values.TOKEN_AUDIENCES),
    secret: values.BETTER_AUTH_SECRET,
    allowances: allowancesIn(values.CREDIT_ALLOWANCES),
    clients: {
      github: client("GITHUB", values.GITHUB_CLIENT_ID, values.GITHUB_CLIENT_SECRET),
      google: client("GOOGLE", values.GOOGLE_CLIENT_ID, values.GOOGLE_CLIENT_SECRET),
    },
  };
  parsed.set(env, settings);
  return settings;
}

function allowancesIn(text: string): Record<Tier, number> {
  const [free = 0, hobby = 0, pro = 0, enterprise = 0] = (["free", "hobby", "pro", "enterprise"] as const).map(
    (tier) => allowanceIn(text, tier) ?? 0,
  );
  return { free, hobby, pro, enterprise };
}

function client(name: string, id: string, secret: string): ProviderClient | null {
  if (id !== "" && secret !== "") return { id, secret };
  if (id === secret) return null;
  throw new SettingsError(`${name}_CLIENT_${id === "" ? "ID" : "SECRET"} is missing. Set both or neither.`);
}
