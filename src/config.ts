// The gateway's settings, validated once per isolate. If one is missing or unsafe, the gateway
// names it and serves nothing.
import { RISKS, type Risk } from "../contracts/gateway.ts";
import type { Env } from "./env.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
/** Secrets as they appear in documentation and examples. */
const PLACEHOLDER = /^(.)\1*$|change[-_ ]?me|replace[-_ ]?(me|this)|your[-_ ]|example|placeholder/i;

/** Maximum time for which an isolate may accept a revoked credential from its cache. */
const MAX_CREDENTIAL_CACHE_SECONDS = 30;

/** Bindings that every request needs. A missing product backend is a tool error instead. */
const BINDINGS = [
  "OAUTH_KV",
  "PLATFORM_EVENTS_QUEUE",
  "AUTH_SERVICE",
  "ONE_TIME",
  "GRANTS",
  "USERS",
  "RATE_COUNTER",
  "MCP_SESSION",
  "AUDIT_LOG",
  "LIMIT_5",
  "LIMIT_10",
  "LIMIT_20",
  "LIMIT_30",
  "LIMIT_60",
  "LIMIT_300",
  "LIMIT_1000",
  "LIMIT_3000",
] as const satisfies readonly (keyof Env)[];

export interface Config {
  /** OAuth issuer: the gateway's origin, no trailing slash. */
  readonly issuer: string;
  /** The one protected resource (RFC 8707): the MCP endpoint's URL. */
  readonly resource: string;
  readonly authBaseUrl: string;
  readonly allowedOrigins: ReadonlySet<string>;
  /** False while sign-in has not opened yet. */
  readonly isSignupOpen: boolean;
  readonly isDynamicRegistrationEnabled: boolean;
  readonly isCimdEnabled: boolean;
  /** True if an app that is not known yet can be connected, in one of the two ways above. */
  readonly isOpenToApps: boolean;
  /** Risks whose calls the user must confirm. */
  readonly confirmRisks: ReadonlySet<Risk>;
  /** Risks whose calls are refused where their intent cannot be recorded. */
  readonly auditRequiredRisks: ReadonlySet<Risk>;
  /** Time for which a valid credential is cached. */
  readonly credentialCacheMs: number;
  readonly secret: string;
  readonly previousSecret: string | undefined;
  /** Keys that signed checkpoints of the audit log under earlier root secrets: id, public key. */
  readonly retiredCheckpointKeys: readonly (readonly [kid: string, x: string])[];
}

/** A missing or unsafe setting. The message names settings and problems, never a value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const parsed = new WeakMap<Env, Config>();

/** The settings of this isolate. Throws a `ConfigError` that names every problem. */
export function configOf(env: Env): Config {
  const known = parsed.get(env);
  if (known) return known;
  const allowedOrigins = partsOf(env.ALLOWED_ORIGINS ?? "");
  const risks = parseRisks("CONFIRM_RISKS", env.CONFIRM_RISKS ?? "DESTRUCTIVE");
  const audited = parseRisks("AUDIT_REQUIRED_RISKS", env.AUDIT_REQUIRED_RISKS ?? "EXTERNAL_MUTATION,DESTRUCTIVE");
  const retired = parseRetiredKeys(env.RETIRED_CHECKPOINT_KEYS ?? "");
  const cacheSeconds = Number(env.CREDENTIAL_CACHE_SECONDS ?? MAX_CREDENTIAL_CACHE_SECONDS);
  const problems = [
    ...originProblems("API_BASE_URL", env.API_BASE_URL),
    ...originProblems("AUTH_BASE_URL", env.AUTH_BASE_URL),
    ...secretProblems("SERVICE_BINDING_SECRET", env.SERVICE_BINDING_SECRET),
    ...optionalSecretProblems("SERVICE_BINDING_SECRET_PREVIOUS", env.SERVICE_BINDING_SECRET_PREVIOUS),
    ...optionalSecretProblems("HEALTH_TOKEN", env.HEALTH_TOKEN),
    ...retired.problems,
    ...BINDINGS.filter((name) => !env[name]).map((name) => `${name} is not bound`),
    ...allowedOrigins.flatMap((origin) => originProblems("ALLOWED_ORIGINS", origin)),
    ...risks.problems,
    ...audited.problems,
    ...("CREDENTIAL_MEMORY_SECONDS" in env ? ["CREDENTIAL_MEMORY_SECONDS is called CREDENTIAL_CACHE_SECONDS"] : []),
    ...cacheProblems(cacheSeconds),
  ];
  if (problems.length > 0) throw new ConfigError(`${problems.join("; ")}.`);
  const config: Config = {
    issuer: env.API_BASE_URL,
    resource: `${env.API_BASE_URL}/mcp`,
    authBaseUrl: env.AUTH_BASE_URL,
    allowedOrigins: new Set(allowedOrigins),
    ...parseSwitches(env),
    confirmRisks: risks.value,
    auditRequiredRisks: audited.value,
    credentialCacheMs: cacheSeconds * 1000,
    secret: env.SERVICE_BINDING_SECRET,
    previousSecret: env.SERVICE_BINDING_SECRET_PREVIOUS,
    retiredCheckpointKeys: retired.value,
  };
  parsed.set(env, config);
  return config;
}

function parseSwitches(env: Env) {
  const isSignupOpen = env.PUBLIC_SIGNUPS_ENABLED === "true";
  const isDynamicRegistrationEnabled = env.DYNAMIC_REGISTRATION_ENABLED === "true";
  const isCimdEnabled = env.CIMD_ENABLED === "true";
  const isOpenToApps = isSignupOpen && (isDynamicRegistrationEnabled || isCimdEnabled);
  return { isSignupOpen, isDynamicRegistrationEnabled, isCimdEnabled, isOpenToApps };
}

function parseRisks(name: string, setting: string): { readonly value: ReadonlySet<Risk>; readonly problems: string[] } {
  const named = partsOf(setting);
  const value = new Set(RISKS.filter((risk) => named.includes(risk)));
  // Calls of a misspelt risk would never be confirmed, or not need a record.
  const isKnown = value.size === new Set(named).size;
  return { value, problems: isKnown ? [] : [`${name} has a part that is none of ${RISKS.join(", ")}`] };
}

function parseRetiredKeys(list: string): {
  readonly value: Config["retiredCheckpointKeys"];
  readonly problems: readonly string[];
} {
  const keys = partsOf(list);
  const areValid = keys.every((key) => /^[0-9a-f]{8}:[A-Za-z0-9_-]{43}$/.test(key));
  const problems = areValid ? [] : ["RETIRED_CHECKPOINT_KEYS must be of the form kid:key[,kid:key]"];
  return { value: keys.map((key) => [key.slice(0, 8), key.slice(9)]), problems };
}

function cacheProblems(seconds: number): string[] {
  const isValid = Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_CREDENTIAL_CACHE_SECONDS;
  return isValid ? [] : [`CREDENTIAL_CACHE_SECONDS must be a whole number from 0 to ${MAX_CREDENTIAL_CACHE_SECONDS}`];
}

/** The parts of a list that is separated by commas. */
function partsOf(list: string): string[] {
  return list.split(",").flatMap((part) => part.trim() || []);
}

/**
 * Accepts an origin exactly as a browser writes it: https, or http on loopback; no path, no
 * trailing slash.
 */
function originProblems(name: string, text: string | undefined): string[] {
  if (!text) return [`${name} is missing`];
  const url = URL.parse(text);
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.has(url.hostname));
  return isSafe && url.origin === text
    ? []
    : [`${name} must be an https origin (http only on loopback), without a path or a trailing slash`];
}

function optionalSecretProblems(name: string, text: string | undefined): string[] {
  return text === undefined ? [] : secretProblems(name, text);
}

/** The problems of a secret's value: too short, or from an example. */
export function secretProblems(name: string, text: string | undefined): string[] {
  if (!text) return [`${name} is missing`];
  if (PLACEHOLDER.test(text)) return [`${name} is a placeholder; make one with \`openssl rand -base64 32\``];
  return new TextEncoder().encode(text).length < 32 ? [`${name} must be at least 32 bytes long`] : [];
}
