// The gateway's settings, judged once an isolate. Whatever is missing or unsafe is named, and then nothing is served at all.
import type { Env } from "./env.ts";
import { RISKS, type Risk } from "./tools/risk.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
/** Values that documentation and examples use for a secret. */
const PLACEHOLDER = /^(.)\1*$|change[-_ ]?me|replace[-_ ]?(me|this)|your[-_ ]|example|placeholder/i;

/** As long as a credential that was revoked may go on where it was seen before. */
const MAX_CREDENTIAL_CACHE_SECONDS = 30;

/** Without these nothing can be served. A product backend that is not bound is a tool error instead. */
const BINDINGS = [
  ...([
    "OAUTH_KV",
    "PLATFORM_EVENTS_QUEUE",
    "AUTH_SERVICE",
    "ONE_TIME",
    "GRANTS",
    "USER_REVOCATIONS",
    "RATE_COUNTER",
  ] as const),
  "MCP_SESSION" as const,
  ...(["LIMIT_5", "LIMIT_10", "LIMIT_20", "LIMIT_30", "LIMIT_60", "LIMIT_300", "LIMIT_1000", "LIMIT_3000"] as const),
] as const;

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
  /** The risks that need a person's yes to each call. */
  readonly confirmRisks: ReadonlySet<Risk>;
  /** How long a credential that was good is taken without being looked up. */
  readonly credentialCacheMs: number;
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
  const problems = [
    ...originProblems("API_BASE_URL", env.API_BASE_URL),
    ...originProblems("AUTH_BASE_URL", env.AUTH_BASE_URL),
    ...secretProblems("SERVICE_BINDING_SECRET", env.SERVICE_BINDING_SECRET),
    ...(env.SERVICE_BINDING_SECRET_PREVIOUS === undefined
      ? []
      : secretProblems("SERVICE_BINDING_SECRET_PREVIOUS", env.SERVICE_BINDING_SECRET_PREVIOUS)),
    ...BINDINGS.filter((name) => !env[name]).map((name) => `${name} is not bound`),
  ];
  const allowedOrigins = partsOf(env.ALLOWED_ORIGINS ?? "");
  problems.push(...allowedOrigins.flatMap((origin) => originProblems("ALLOWED_ORIGINS", origin)));
  const namedRisks = partsOf(env.CONFIRM_RISKS ?? "DESTRUCTIVE");
  const confirmRisks = RISKS.filter((risk) => namedRisks.includes(risk));
  // A risk that is misspelt would never be asked about.
  if (confirmRisks.length < new Set(namedRisks).size)
    problems.push(`CONFIRM_RISKS has a part that is none of ${RISKS.join(", ")}`);
  const memorySeconds = Number(env.CREDENTIAL_CACHE_SECONDS ?? MAX_CREDENTIAL_CACHE_SECONDS);
  if (!(Number.isInteger(memorySeconds) && memorySeconds >= 0 && memorySeconds <= MAX_CREDENTIAL_CACHE_SECONDS)) {
    problems.push(`CREDENTIAL_CACHE_SECONDS must be a whole number from 0 to ${MAX_CREDENTIAL_CACHE_SECONDS}`);
  }
  if (problems.length > 0) throw new ConfigError(`${problems.join("; ")}.`);
  const config: Config = {
    issuer: env.API_BASE_URL,
    resource: `${env.API_BASE_URL}/mcp`,
    authBaseUrl: env.AUTH_BASE_URL,
    allowedOrigins: new Set(allowedOrigins),
    isSignupOpen: env.PUBLIC_SIGNUPS_ENABLED === "true",
    isDynamicRegistrationEnabled: env.DYNAMIC_REGISTRATION_ENABLED === "true",
    isCimdEnabled: env.CIMD_ENABLED === "true",
    confirmRisks: new Set(confirmRisks),
    credentialCacheMs: memorySeconds * 1000,
    secret: env.SERVICE_BINDING_SECRET,
    previousSecret: env.SERVICE_BINDING_SECRET_PREVIOUS,
  };
  parsed.set(env, config);
  return config;
}

/** What stands between the commas. */
function partsOf(list: string): string[] {
  return list.split(",").flatMap((part) => part.trim() || []);
}

/** An origin exactly as a browser writes it: https, or http on loopback; no path, no trailing slash. */
function originProblems(name: string, text: string | undefined): string[] {
  if (!text) return [`${name} is missing`];
  const url = URL.parse(text);
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.has(url.hostname));
  return isSafe && url.origin === text
    ? []
    : [`${name} must be an https origin (http only on loopback), without a path or a trailing slash`];
}

function secretProblems(name: string, text: string | undefined): string[] {
  if (!text) return [`${name} is missing`];
  if (PLACEHOLDER.test(text)) return [`${name} is a placeholder; make one with \`openssl rand -base64 32\``];
  return new TextEncoder().encode(text).length < 32 ? [`${name} must be at least 32 bytes long`] : [];
}
