// The configuration that is deployed: a Worker's wrangler.toml with the settings of production, and
// what is wrong with it. A value that is only for development is a problem, never a default.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "smol-toml";
import type { Unstable_RawConfig as WranglerConfig } from "wrangler";
import { Tier } from "../../../contracts/rpc/identity.ts";
import { configOf } from "../../../src/config.ts";
import type { Env } from "../../../src/env.ts";
import { CliError } from "../cli-error.ts";
import { randomSecret } from "../secret-file.ts";
import { CONFIGS, DEFAULT_ORIGIN, ROOT, readConfig } from "../workers.ts";
import { bindingsOf } from "./bindings.ts";
import {
  DEPLOYABLE,
  type Deployable,
  PRODUCTION_FILE,
  type Production,
  parseToml,
  readProduction,
} from "./settings.ts";

/**
 * The Worker whose origin is in a variable. The variable's value for development has
 * `DEFAULT_ORIGIN` in that place.
 */
const ORIGIN_OF: Readonly<Record<string, Deployable>> = {
  API_BASE_URL: "gateway",
  AUTH_BASE_URL: "auth",
  SOCIAL_RETURN_URLS: "gateway",
  TOKEN_AUDIENCES: "gateway",
  IMAGE_BASE_URL: "img-forge",
};

/** The variable with the Worker's own origin, for Workers that need a public host. */
const OWN_ORIGIN: Partial<Record<Deployable, string>> = {
  gateway: "API_BASE_URL",
  auth: "AUTH_BASE_URL",
  "img-forge": "IMAGE_BASE_URL",
};

/** Variables whose value in wrangler.toml is a choice for development. */
const DEVELOPMENT_CHOICES = new Set(["PUBLIC_SIGNUPS_ENABLED", "CIMD_ENABLED"]);

/** Addresses of a developer's machine, and names that are reserved for examples (RFC 2606). */
const LOCAL = /(?<![\w-])localhost(?![\w.-])|127\.0\.0\.1|\[::1\]|0\.0\.0\.0/;
const EXAMPLE = /(?:(?<![\w-])example\.(?:com|net|org)|\.(?:example|invalid|test))(?=[:/,\s]|$)/;

/** A name in the public DNS. The last label of an IP address has digits only. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/;
/** Names that resolve in one network only (RFC 6762, RFC 8375, and by custom). */
const PRIVATE = /\.(?:local|localdomain|localhost|internal|intranet|private|lan|home|corp|home\.arpa|onion)$/;

const isPublicHost = (host: string) => HOST.test(host) && !PRIVATE.test(host);

type Variables = Readonly<Record<string, string>>;

export interface ProductionConfig {
  /** For wrangler. */
  readonly config: WranglerConfig;
  /** One sentence each, which names the key. Empty: the Worker may be deployed. */
  readonly problems: readonly string[];
  /** Those of `problems` that concern ids of storage. */
  readonly storageProblems: readonly string[];
}

/** The configuration of `worker` in production. `toml` is the text of its wrangler.toml. */
export function productionConfig(
  worker: Deployable,
  production: Production,
  toml = readConfig(worker),
): ProductionConfig {
  const base = parseToml(toml, CONFIGS[worker]) as WranglerConfig; // wrangler checks it against its own schema
  const known = (base.vars ?? {}) as Variables; // every variable of this repository is a text
  const { domain, ids, vars } = production.workers[worker];
  const config: WranglerConfig = {
    ...base,
    ...(production.accountId !== "" && { account_id: production.accountId }),
    ...(domain !== "" && { routes: [{ pattern: domain, custom_domain: true }] }),
    ...(base.vars && { vars: { ...known, ...originsOf(known, production), ...vars } }),
    ...(base.kv_namespaces && {
      kv_namespaces: base.kv_namespaces.map((kv) => ({ ...kv, id: ids[kv.binding] || (kv.id ?? "") })),
    }),
    ...(base.d1_databases && {
      d1_databases: base.d1_databases.map((d1) => ({ ...d1, database_id: ids[d1.binding] || (d1.database_id ?? "") })),
    }),
  };
  const storageProblems = [...idProblems(worker, config, ids), ...twinProblems(worker, production)];
  const problems = [
    ...domainProblems(worker, production),
    ...storageProblems,
    ...variableProblems(worker, known, production),
  ];
  const isChecked = problems.length > 0 || worker !== "gateway";
  return { config, problems: isChecked ? problems : gatewayProblems(config), storageProblems };
}

/** The variables of `known` that follow from the host of a Worker. */
function originsOf(known: Variables, { workers }: Production): Variables {
  const derived = Object.entries(known).flatMap(([name, value]) => {
    const owner = ORIGIN_OF[name];
    const domain = owner === undefined ? "" : workers[owner].domain;
    return domain === "" ? [] : [[name, value.replaceAll(DEFAULT_ORIGIN, `https://${domain}`)] as const];
  });
  return Object.fromEntries(derived);
}

function domainProblems(worker: Deployable, { workers }: Production): string[] {
  const { domain } = workers[worker];
  if (domain === "")
    return worker in OWN_ORIGIN ? [`[${worker}] domain is empty: set the public host of this Worker.`] : [];
  // A custom domain is in a zone of the account, so it is none of Cloudflare's own.
  if (!isPublicHost(domain) || domain.endsWith(".workers.dev"))
    return [`[${worker}] domain "${domain}" is not a public host name, such as mcp.stackbilt.dev.`];
  if (LOCAL.test(domain) || EXAMPLE.test(domain))
    return [`[${worker}] domain "${domain}" is an example: set a host of your own.`];
  const twin = DEPLOYABLE.find((other) => other !== worker && workers[other].domain === domain);
  return twin === undefined ? [] : [`[${worker}] domain is also that of [${twin}]: each Worker needs its own.`];
}

function idProblems(worker: Deployable, config: WranglerConfig, ids: Variables): string[] {
  const needed = [
    ...(config.kv_namespaces ?? []).map(({ binding, id = "" }) => ({ binding, id, form: /^[0-9a-f]{32}$/ })),
    ...(config.d1_databases ?? []).map(({ binding, database_id: id = "" }) => ({
      binding,
      id,
      form: /^[0-9a-f-]{36}$/,
    })),
  ];
  const unknown = Object.keys(ids).filter((name) => !needed.some(({ binding }) => binding === name));
  const isReal = (id: string, form: RegExp) => form.test(id) && !/^[0-]+1?$/.test(id);
  return [
    ...unknown.map((name) => `[${worker}.ids] ${name} is no KV or D1 binding of ${CONFIGS[worker]}.`),
    ...needed
      .filter(({ id, form }) => !isReal(id, form))
      .map(
        ({ binding }) => `[${worker}.ids] ${binding} is no id of the account: \`npm run setup\` creates the storage.`,
      ),
  ];
}

/** One store cannot be that of two Workers: each has its own tables. */
function twinProblems(worker: Deployable, { workers }: Production): string[] {
  return Object.entries(workers[worker].ids).flatMap(([name, id]) => {
    const twin = DEPLOYABLE.find((other) => other !== worker && Object.values(workers[other].ids).includes(id));
    return id === "" || twin === undefined ? [] : [`[${worker}.ids] ${name} is also an id of [${twin}.ids].`];
  });
}

function variableProblems(worker: Deployable, known: Variables, production: Production): string[] {
  const { domain, vars } = production.workers[worker];
  const names = Object.keys(known);
  const unknown = Object.keys(vars).filter((name) => !names.includes(name));
  const derived = originsOf(known, production);
  const values = { ...known, ...derived, ...vars };
  return [
    ...unknown.map((name) => `[${worker}.vars] ${unknownProblem(name, CONFIGS[worker])}`),
    ...names
      // A host that is empty has its problem already.
      .filter((name) => !(name === OWN_ORIGIN[worker] && domain === "" && !(name in vars)))
      .flatMap((name) => {
        const isGiven = name in vars;
        const value = values[name] ?? "";
        const problem = valueProblem(name, value, isGiven) ?? lackOf(derived[name], value) ?? formProblem(name, value);
        const isOwn = name === OWN_ORIGIN[worker] && values[name] !== `https://${domain}`;
        if (isOwn) return [`[${worker}.vars] ${name} differs from the domain: remove it, it follows from the domain.`];
        return problem === null ? [] : [`[${worker}.vars] ${name} ${problem}`];
      }),
  ];
}

function unknownProblem(name: string, file: string): string {
  return /SECRET|_TOKEN$|PASSWORD|_KEYS?$|_CLIENT_ID$/.test(name)
    ? `${name} is a secret, and this file is public: store it with \`wrangler secret put\`.`
    : `${name} is no variable in [vars] of ${file}.`;
}

/** The problem of a variable's value, after its name; `null` if it may be deployed. */
function valueProblem(name: string, value: string, isGiven: boolean): string | null {
  const owner = ORIGIN_OF[name];
  if (!isGiven && owner !== undefined && LOCAL.test(value))
    return `is missing: it follows from the domain of [${owner}], which is empty.`;
  if (!isGiven && (DEVELOPMENT_CHOICES.has(name) || LOCAL.test(value)))
    return "is missing: the value in wrangler.toml is for development.";
  if (name.endsWith("_ENABLED") && !/^(?:true|false)$/.test(value)) return `is neither "true" nor "false".`;
  if (LOCAL.test(value)) return "has an address of a developer's machine.";
  if (value.includes("http://")) return "has an address without TLS: use https.";
  if (/<.*>/.test(value)) return "has a part that you have to fill in.";
  if (EXAMPLE.test(value)) return "has a host that is only for examples.";
  const hosts = value.split(",").flatMap((part) => URL.parse(part.trim())?.host.replace(/:\d+$/, "") || []);
  const other = hosts.find((host) => !isPublicHost(host));
  return other === undefined ? null : `has the host ${other}, which is not a public host name.`;
}

/** The problem of a list without an entry that other settings require. */
function lackOf(needed: string | undefined, value: string): string | null {
  const isThere = value.split(",").some((part) => part.trim() === needed);
  return needed === undefined || isThere ? null : `lacks ${needed}: remove it, it follows from the domains.`;
}

/** The problem of a value that a Worker other than the gateway would refuse at each request. */
function formProblem(name: string, value: string): string | null {
  if (name.endsWith("RETENTION_DAYS"))
    return /^[1-9]\d{0,3}$/.test(value) && Number(value) <= 3650 ? null : "must be a whole number from 1 to 3650.";
  if (name !== "CREDIT_ALLOWANCES") return null;
  const plans = value.split(",").map((entry) => /^\s*([a-z]+):\d{1,7}\s*$/.exec(entry)?.[1] ?? "");
  return plans.toSorted().join() === Tier.options.toSorted().join()
    ? null
    : `must name each plan once, with its credits: ${Tier.options.join(", ")}.`;
}

/** The problems without those that end with another one of the list: a domain that is empty. */
export function causesIn(problems: readonly string[]): readonly string[] {
  return problems.filter((problem) => {
    const [, owner] = /follows from the domain of \[([a-z-]+)\]/.exec(problem) ?? [];
    return owner === undefined || !problems.some((other) => other.startsWith(`[${owner}] domain is empty`));
  });
}

/** Everything else that the gateway itself would refuse, with 500 for every request. */
function gatewayProblems(config: WranglerConfig): string[] {
  const bound = Array.from(bindingsOf(config).keys(), (name) => [name, {}]);
  const env = { ...Object.fromEntries(bound), ...config.vars, SERVICE_BINDING_SECRET: randomSecret() };
  try {
    configOf(env as unknown as Env); // it reads texts, and of bindings only that they exist
    return [];
  } catch (error) {
    return [`[gateway.vars] ${error instanceof Error ? error.message : error}`];
  }
}

/** The configuration of `worker` in production. Throws a `CliError` that lists every problem. */
export function requireProductionConfig(worker: Deployable, production: Production): WranglerConfig {
  const { config, problems } = productionConfig(worker, production);
  if (problems.length === 0) return config;
  throw new CliError([`${worker} cannot be deployed. Correct ${PRODUCTION_FILE}:`, ...problems].join("\n  "));
}

/** The same for commands on storage, which need its id only. */
export function requireStorageConfig(worker: Deployable): WranglerConfig {
  const { config, storageProblems } = productionConfig(worker, readProduction());
  if (storageProblems.length === 0) return config;
  throw new CliError(storageProblems.map((problem) => `${PRODUCTION_FILE}: ${problem}`).join("\n"));
}

/** The id behind a binding, also one that an older wrangler.toml has; `undefined` before set-up. */
export function storageId(worker: Deployable, binding: string): string | undefined {
  const { config, storageProblems } = productionConfig(worker, readProduction());
  if (storageProblems.length > 0) return undefined;
  const namespace = config.kv_namespaces?.find((one) => one.binding === binding);
  return namespace?.id ?? config.d1_databases?.find((one) => one.binding === binding)?.database_id;
}

/** Writes `config` beside the Worker's wrangler.toml, and returns its path relative to `ROOT`. */
export function writeProductionConfig(worker: Deployable, config: WranglerConfig): string {
  const file = `${path.dirname(CONFIGS[worker])}/production.generated.toml`;
  const opening = `# Written by a command from ${CONFIGS[worker]} and ${PRODUCTION_FILE}.\n`;
  writeFileSync(path.join(ROOT, file), `${opening}${stringify(config)}`);
  return file;
}
