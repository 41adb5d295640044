// Every binding, variable and secret of the auth Worker, and what they must look like. Parsed once an isolate; whatever is missing
// or unsafe is named, and then nothing is served at all.
import * as v from "valibot";
import type { SocialProvider } from "../../contracts/auth.ts";

export interface Env {
  readonly DB: D1Database;
  /** This Worker's own origin, without a trailing slash: base of the callbacks that the providers know. */
  readonly AUTH_BASE_URL: string;
  /** Where the social bridge may send a browser: whole URLs, compared exactly, separated by commas. */
  readonly SOCIAL_RETURN_URLS: string;
  /** The resources that access tokens may be made for: whole URLs, compared exactly, separated by commas. */
  readonly TOKEN_AUDIENCES: string;
  /** The keys that verify the gateway's identity tokens: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /** At least 32 bytes. Better Auth's secret; the bridge's sealing keys and the key of access tokens are derived from it. */
  readonly BETTER_AUTH_SECRET: string;
  readonly GITHUB_CLIENT_ID?: string;
  readonly GITHUB_CLIENT_SECRET?: string;
  readonly GOOGLE_CLIENT_ID?: string;
  readonly GOOGLE_CLIENT_SECRET?: string;
}

/** An OAuth client at a provider. */
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
  /** `null` where this deployment has no client at the provider. */
  readonly clients: Readonly<Record<SocialProvider, ProviderClient | null>>;
}

/** A setting that is missing or unsafe. Its message names settings and what is wrong with them, never a value. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
/** Values that documentation and examples use for a secret. */
const PLACEHOLDER = /^(.)\1*$|change[-_ ]?me|replace[-_ ]?(me|this)|your[-_ ]|example|placeholder/i;

/** Whether `url` can only be this machine. */
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

const Bindings = v.object({
  DB: v.pipe(
    v.optional(v.unknown(), null),
    v.check((value) => typeof value === "object" && value !== null, "is not bound"),
  ),
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

/** The settings of this isolate. Throws `SettingsError` naming everything that is wrong. */
export function settingsOf(env: Env): Settings {
  const known = parsed.get(env);
  if (known) return known;
  const bindings = v.safeParse(Bindings, env);
  if (!bindings.success) {
    const problems = bindings.issues.map((issue) => `${v.getDotPath(issue) ?? "env"} ${issue.message}`);
    throw new SettingsError(`${problems.join("; ")}.`);
  }
  const b = bindings.output;
  const settings: Settings = {
    baseUrl: b.AUTH_BASE_URL,
    returnUrls: new Set(b.SOCIAL_RETURN_URLS),
    tokenAudiences: new Set(b.TOKEN_AUDIENCES),
    secret: b.BETTER_AUTH_SECRET,
    clients: {
      github: client("GITHUB", b.GITHUB_CLIENT_ID, b.GITHUB_CLIENT_SECRET),
      google: client("GOOGLE", b.GOOGLE_CLIENT_ID, b.GOOGLE_CLIENT_SECRET),
    },
  };
  parsed.set(env, settings);
  return settings;
}

function client(name: string, id: string, secret: string): ProviderClient | null {
  if (id !== "" && secret !== "") return { id, secret };
  if (id === secret) return null;
  throw new SettingsError(`${name}_CLIENT_${id === "" ? "ID" : "SECRET"} is missing beside its other half.`);
}
