// The runtime's configuration in Cap'n Proto (workerd.capnp): the gateway with the bindings of its
// wrangler.toml, and minimal Workers behind them.
import path from "node:path";
import { type Unstable_Config, unstable_readConfig } from "wrangler";
import { randomSecret } from "../../entrypoints/cli/secret-file.ts";
import { CONFIGS, ROOT, workerName } from "../../entrypoints/cli/workers.ts";
import { identityKeysSetting } from "../../src/crypto/keys.ts";

/** The Workers with a port of their own. */
export const SERVICES = [
  "storage",
  "backends",
  "baseline",
  "empty",
  "gateway",
  "stored",
  "counted",
  "verified",
  "issuer",
  "few",
  "many",
  "wide",
] as const;
/** Other servers with the same duties: see `rivals.ts`. */
export const RIVALS = ["sdk", "agents"] as const;
export type Rival = (typeof RIVALS)[number];
/** A gateway without one of its parts: see `parts.ts`. */
export type PartialGateway = `without-${number}`;
export type ServiceName = (typeof SERVICES)[number] | Rival | PartialGateway;

/** Gateways with other numbers of tools and backends: see `workers/scaled-gateway.ts`. */
export const SCALED_GATEWAYS = {
  few: { tools: 10, backends: 2 },
  many: { tools: 1_000, backends: 2 },
  wide: { tools: 50, backends: 50 },
} as const;

/** Bindings of a Worker, or other parts of its definition. */
type Lines = readonly string[];

/**
 * A system with the `chosen` Workers and img-forge. Paths are relative to the folder of the
 * bundles.
 *
 * @param objects path of an existing folder for the data of Durable Objects, which have no SQL in
 *   memory
 * @param mainModule that of the gateway
 */
export async function systemConfig(
  chosen: readonly ServiceName[],
  objects: string,
  mainModule: string,
): Promise<string> {
  const gateway: Unstable_Config = unstable_readConfig({ config: path.join(ROOT, CONFIGS.gateway) });
  const secret = randomSecret();
  const bindings = gatewayBindings(gateway, secret);
  const stored = gatewayBindings(gateway, secret, { users: "stored" });
  const counted = gatewayBindings(gateway, secret, { users: "stored", isCounted: true });
  const verified = gatewayBindings(gateway, secret, { services: { [workerName("img-forge")]: "img-forge" } });
  const worker = (name: string, file: string, bound: Lines = [], more: Lines = []) =>
    workerOf(gateway, name, file, bound, more);
  const scaled = (name: keyof typeof SCALED_GATEWAYS) => {
    const { tools, backends } = SCALED_GATEWAYS[name];
    const links = Array.from({ length: backends }, (_, at) =>
      service(`BACKEND_${at}`, "backends", "StackbilderEntrypoint"),
    );
    return worker(name, "scaled-gateway.js", [
      ...bindings,
      ...links,
      text("TOOLS", `${tools}`),
      text("BACKENDS", `${backends}`),
    ]);
  };
  const namespaces = gateway.durable_objects.bindings.map(
    ({ class_name }) => `(className = ${quoted(class_name)}, uniqueKey = ${quoted(class_name)}, enableSql = true)`,
  );
  const makers: Readonly<Record<Exclude<ServiceName, PartialGateway>, () => string>> = {
    storage: () => worker("storage", "storage.js"),
    backends: () => worker("backends", "backends.js"),
    baseline: () => worker("baseline", "baseline.js", [service("BACKEND", "backends", "StackbilderEntrypoint")]),
    empty: () => worker("empty", "empty.js"),
    gateway: () =>
      worker("gateway", mainModule, bindings, [
        `durableObjectNamespaces = [${namespaces.join(", ")}]`,
        'durableObjectStorage = (localDisk = "objects")',
      ]),
    stored: () => worker("stored", "gateway/index.js", stored),
    counted: () => worker("counted", "gateway/index.js", counted),
    verified: () => worker("verified", "gateway/index.js", verified),
    issuer: () => worker("issuer", "issuer.js", stored),
    few: () => scaled("few"),
    many: () => scaled("many"),
    wide: () => scaled("wide"),
    sdk: () => worker("sdk", "rivals/sdk.js", bindings),
    agents: () => worker("agents", "rivals/agents.js", bindings),
  };
  const definitionOf = (name: ServiceName) =>
    isPartial(name) ? worker(name, `parts/${name}.js`, bindings) : makers[name]();
  const identityKeys = await identityKeysSetting([secret], "img-forge");
  const imgForge = worker("img-forge", "img-forge/worker.js", [text("IDENTITY_KEYS", identityKeys)]);
  const disk = `    (name = "objects", disk = (path = ${quoted(objects)}, writable = true))`;
  const sockets = chosen.map(
    (name) => `(name = ${quoted(name)}, address = "127.0.0.1:0", http = (), service = ${quoted(name)})`,
  );
  return [
    'using Workerd = import "/workerd/workerd.capnp";',
    "const config :Workerd.Config = (",
    `  services = [\n${[...chosen.map(definitionOf), imgForge, disk].join(",\n")}\n  ],`,
    `  sockets = [${sockets.join(", ")}],`,
    `  extensions = [(modules = [${WRAPPERS.map(moduleOf).join(", ")}])],`,
    ");",
  ].join("\n");
}

function isPartial(name: ServiceName): name is PartialGateway {
  return name.startsWith("without-");
}

/** Modules behind bindings of the type `wrapped`. */
const WRAPPERS = ["rate-limit", "counted-objects", "remote-users"] as const;

function moduleOf(name: (typeof WRAPPERS)[number]): string {
  return `(name = "bench:${name}", internal = true, esModule = embed "${name}.js")`;
}

interface Behind {
  /** The objects of users: as `workers/remote-users.ts`, or the gateway's own, on the disk. */
  readonly users?: "remote" | "stored";
  /** True: requests to Durable Objects are counted. */
  readonly isCounted?: boolean;
  /** Services in place of the fake backends, by the name of their Worker. */
  readonly services?: Readonly<Record<string, string>>;
}

/** All bindings of the gateway's wrangler.toml, and its secret. */
function gatewayBindings(
  config: Unstable_Config,
  secret: string,
  { users = "remote", isCounted = false, services = {} }: Behind = {},
): Lines {
  return [
    ...Object.entries(config.vars).map(([name, value]) => text(name, String(value))),
    text("SERVICE_BINDING_SECRET", secret),
    ...config.kv_namespaces.map(({ binding }) => bind(binding, 'kvNamespace = (name = "storage", entrypoint = "kv")')),
    ...(config.queues.producers ?? []).map(({ binding }) =>
      bind(binding, 'queue = (name = "storage", entrypoint = "queue")'),
    ),
    ...config.durable_objects.bindings.map(({ name, class_name }) => {
      if (name === "USERS" && users === "remote") {
        const remote = `innerBindings = [${service("users", "storage", "UserEntrypoint")}]`;
        return bind(name, `wrapped = (moduleName = "bench:remote-users", ${remote})`);
      }
      const objects = `durableObjectNamespace = (className = ${quoted(class_name)}, serviceName = "gateway")`;
      const inner = `innerBindings = [${bind("objects", objects)}, ${bind("storage", 'service = "storage"')}]`;
      return bind(name, isCounted ? `wrapped = (moduleName = "bench:counted-objects", ${inner})` : objects);
    }),
    ...config.ratelimits.map(({ name }) => bind(name, 'wrapped = (moduleName = "bench:rate-limit")')),
    ...(config.services ?? []).map(({ binding, service: to, entrypoint }) =>
      service(binding, services[to] ?? "backends", entrypoint ?? ""),
    ),
  ];
}

function workerOf(config: Unstable_Config, name: string, file: string, bindings: Lines, more: Lines): string {
  // The compatibility date implies the flag, and workerd refuses a flag that its date implies.
  const flags = config.compatibility_flags.filter((flag) => flag !== "nodejs_compat");
  const parts = [
    `modules = [(name = "main.js", esModule = embed ${quoted(file)})]`,
    `compatibilityDate = ${quoted(config.compatibility_date ?? "")}`,
    `compatibilityFlags = [${flags.map(quoted).join(", ")}]`,
    `bindings = [${bindings.join(", ")}]`,
    ...more,
  ];
  return `    (name = ${quoted(name)}, worker = (${parts.join(", ")}))`;
}

function bind(name: string, what: string): string {
  return `(name = ${quoted(name)}, ${what})`;
}

function text(name: string, value: string): string {
  return bind(name, `text = ${quoted(value)}`);
}

function service(name: string, to: string, entrypoint: string): string {
  return bind(name, `service = (name = ${quoted(to)}, entrypoint = ${quoted(entrypoint)})`);
}

/** A Cap'n Proto string, which has the form of a JSON string for the characters of settings. */
function quoted(value: string): string {
  return JSON.stringify(value);
}
