// The gateway's settings, parsed once an isolate. Whatever is missing or unsafe is named, and then nothing is served at all.
import * as v from "valibot";
import type { Env } from "./env.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
/** Values that documentation and examples use for a secret. */
const PLACEHOLDER = /^(.)\1*$|change[-_ ]?me|replace[-_ ]?(me|this)|your[-_ ]|example|placeholder/i;

/** An origin exactly as a browser writes it: https, or http on loopback; no path, no trailing slash. */
const Origin = v.pipe(
  v.string(),
  v.check((text) => {
    const url = URL.parse(text);
    return url?.origin === text && (url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.has(url.hostname)));
  }, "must be an https origin (http only on loopback) without a path or a trailing slash"),
);
const Secret = v.pipe(
  v.string(),
  v.check((text) => new TextEncoder().encode(text).length >= 32, "must be at least 32 bytes long"),
  v.check((text) => !PLACEHOLDER.test(text), "is a placeholder; make one with `openssl rand -base64 32`"),
);
const Switch = v.pipe(
  v.optional(v.string(), ""),
  v.transform((text) => text === "true"),
);
const Present = v.custom<object>((value) => typeof value === "object" || typeof value === "function", "is not a binding");

const Settings = v.object({
  API_BASE_URL: Origin,
  AUTH_BASE_URL: Origin,
  ALLOWED_ORIGINS: v.pipe(
    v.optional(v.string(), ""),
    v.transform((text) =>
      text
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
    ),
    v.array(Origin),
  ),
  PUBLIC_SIGNUPS_ENABLED: Switch,
  DYNAMIC_REGISTRATION_ENABLED: Switch,
  CIMD_ENABLED: Switch,
  SERVICE_BINDING_SECRET: Secret,
  SERVICE_BINDING_SECRET_PREVIOUS: v.optional(Secret),
  OAUTH_KV: Present,
  PLATFORM_EVENTS_QUEUE: Present,
  ONE_TIME: Present,
});

export interface Config {
  /** OAuth issuer: the gateway's origin, no trailing slash. */
  readonly issuer: string;
  /** The one protected resource (RFC 8707): the MCP endpoint's URL. */
  readonly resource: string;
  readonly authBaseUrl: string;
  readonly allowedOrigins: ReadonlySet<string>;
  /** The coming-soon gate. */
  readonly isSignupOpen: boolean;
  readonly isDynamicRegistrationEnabled: boolean;
  readonly isCimdEnabled: boolean;
  readonly secret: string;
  readonly previousSecret: string | undefined;
}

/** A setting that is missing or unsafe. Its message names settings and what is wrong with them, never a value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const parsed = new WeakMap<Env, Config>();

/** The settings of this isolate. Throws `ConfigError` naming everything that is wrong. */
export function configOf(env: Env): Config {
  const known = parsed.get(env);
  if (known) return known;
  const settings = v.safeParse(Settings, env);
  if (!settings.success) {
    const problems = settings.issues.map(
      (issue) => `${v.getDotPath(issue) ?? "env"} ${issue.received === "undefined" ? "is missing" : issue.message}`,
    );
    throw new ConfigError(`${problems.join("; ")}.`);
  }
  const s = settings.output;
  const config: Config = {
    issuer: s.API_BASE_URL,
    resource: `${s.API_BASE_URL}/mcp`,
    authBaseUrl: s.AUTH_BASE_URL,
    allowedOrigins: new Set(s.ALLOWED_ORIGINS),
    isSignupOpen: s.PUBLIC_SIGNUPS_ENABLED,
    isDynamicRegistrationEnabled: s.DYNAMIC_REGISTRATION_ENABLED,
    isCimdEnabled: s.CIMD_ENABLED,
    secret: s.SERVICE_BINDING_SECRET,
    previousSecret: s.SERVICE_BINDING_SECRET_PREVIOUS,
  };
  parsed.set(env, config);
  return config;
}
