// A deployed Worker, as Cloudflare describes it, and how a deployment would change it.
import * as v from "valibot";
import type { Unstable_RawConfig as WranglerConfig } from "wrangler";
import { CliError } from "../cli-error.ts";
import { type Bindings, bindingsOf, DeployedBinding, deployedBindings } from "./bindings.ts";
import type { Cloudflare } from "./cloudflare.ts";

/** The origin of a version. */
interface Origin {
  /** ISO 8601. */
  readonly createdAt: string;
  readonly author: string | undefined;
  /** The commit, of a version by `npm run deploy`. */
  readonly message: string | undefined;
}

export interface DeployedWorker extends Origin {
  readonly versionId: string;
  /** Variables and bindings, without secrets. */
  readonly bindings: Bindings;
  /** Names. */
  readonly secrets: readonly string[];
  readonly compatibilityDate: string | undefined;
  /** `undefined`: Cloudflare does not say. */
  readonly compatibilityFlags: readonly string[] | undefined;
  /** The newest migration of Durable Object classes; `undefined` also if it is not known. */
  readonly migrationTag: string | undefined;
  readonly domains: readonly string[];
  readonly schedules: readonly string[];
}

export const Deployments = v.object({
  deployments: v.array(
    v.object({
      created_on: v.string(),
      author_email: v.optional(v.string()),
      versions: v.array(v.object({ version_id: v.string(), percentage: v.number() })),
    }),
  ),
});
const Version = v.object({
  metadata: v.optional(v.object({ created_on: v.optional(v.string()), author_email: v.optional(v.string()) }), {}),
  annotations: v.nullish(v.object({ "workers/message": v.optional(v.string()) }), {}),
  resources: v.object({
    bindings: v.optional(v.array(DeployedBinding), []),
    script: v.optional(v.object({ etag: v.optional(v.string()) }), {}),
    script_runtime: v.optional(
      v.object({
        compatibility_date: v.optional(v.string()),
        compatibility_flags: v.nullish(v.array(v.string())),
        migration_tag: v.nullish(v.string()),
      }),
      {},
    ),
  }),
});
const Domains = v.array(v.object({ hostname: v.string(), service: v.string() }));
const Schedules = v.object({ schedules: v.array(v.object({ cron: v.string() })) });
const Queues = v.array(
  v.object({
    queue_name: v.string(),
    consumers: v.optional(v.array(v.object({ script: v.optional(v.string()), service: v.optional(v.string()) })), []),
  }),
);

/** The Worker `name`, or `null` if the account has none of this name. */
export async function deployedWorker(cloudflare: Cloudflare, name: string): Promise<DeployedWorker | null> {
  const script = `/workers/scripts/${name}`;
  const [current] = (await cloudflare.ask(`${script}/deployments`, Deployments))?.deployments ?? [];
  const versionId = current?.versions.toSorted((a, b) => b.percentage - a.percentage)[0]?.version_id;
  if (!current || versionId === undefined) return null;
  const [version, domains, schedules] = await Promise.all([
    cloudflare.ask(`${script}/versions/${versionId}`, Version),
    cloudflare.ask(`/workers/domains?service=${name}`, Domains),
    cloudflare.ask(`${script}/schedules`, Schedules),
  ]);
  return {
    versionId,
    createdAt: current.created_on,
    author: current.author_email,
    message: version?.annotations["workers/message"],
    bindings: deployedBindings(version?.resources.bindings ?? []),
    secrets: secretsIn(version?.resources.bindings ?? []),
    compatibilityDate: version?.resources.script_runtime.compatibility_date,
    compatibilityFlags: version?.resources.script_runtime.compatibility_flags ?? undefined,
    migrationTag: version?.resources.script_runtime.migration_tag ?? undefined,
    domains: (domains ?? []).filter(({ service }) => service === name).map(({ hostname }) => hostname),
    schedules: schedules?.schedules.map(({ cron }) => cron) ?? [],
  };
}

function secretsIn(bindings: readonly DeployedBinding[]): readonly string[] {
  return bindings.filter(({ type }) => type === "secret_text").map(({ name }) => name);
}

/** A version that is or was deployed. */
export interface DeployedVersion extends Origin {
  readonly id: string;
  readonly bindings: Bindings;
  /** Names. */
  readonly secrets: readonly string[];
  /** Equal for equal code. */
  readonly etag: string | undefined;
}

/** The versions that were deployed lately, the current one first; none without such a Worker. */
export async function deployedVersions(cloudflare: Cloudflare, name: string): Promise<readonly DeployedVersion[]> {
  const script = `/workers/scripts/${name}`;
  const { deployments } = (await cloudflare.ask(`${script}/deployments`, Deployments)) ?? { deployments: [] };
  if ((deployments[0]?.versions.length ?? 0) > 1)
    throw new CliError(
      `${name} runs several versions, in a gradual deployment: \`npx wrangler versions deploy --name ${name}\` ends it.`,
    );
  const ids = new Set(deployments.flatMap(({ versions }) => versions.map(({ version_id: id }) => id)));
  const versions = Array.from(ids, async (id) => {
    const version = await cloudflare.ask(`${script}/versions/${id}`, Version);
    return version === null ? [] : [{ id, ...describeVersion(version) }];
  });
  return (await Promise.all(versions)).flat();
}

/** The author and the commit, in words with a space before them. */
export function originOf({ author, message }: Origin): string {
  return `${author === undefined ? "" : ` by ${author}`}${message === undefined ? "" : `, ${message}`}`;
}

function describeVersion({
  metadata,
  annotations,
  resources,
}: v.InferOutput<typeof Version>): Omit<DeployedVersion, "id"> {
  return {
    createdAt: metadata.created_on ?? "",
    author: metadata.author_email,
    message: annotations["workers/message"],
    bindings: deployedBindings(resources.bindings),
    secrets: secretsIn(resources.bindings),
    etag: resources.script.etag,
  };
}

/** The Worker that has the host, or `null`. */
export async function ownerOfDomain(cloudflare: Cloudflare, hostname: string): Promise<string | null> {
  const domains = (await cloudflare.ask(`/workers/domains?hostname=${hostname}`, Domains)) ?? [];
  return domains.find((domain) => domain.hostname === hostname)?.service ?? null;
}

/** The names of the Workers that consume `queue`; `null` if there is no such queue. */
export async function consumersOf(cloudflare: Cloudflare, queue: string): Promise<readonly string[] | null> {
  const found = (await cloudflare.ask(`/queues?name=${queue}`, Queues))?.find(({ queue_name: name }) => name === queue);
  return found?.consumers.flatMap(({ script, service }) => script ?? service ?? []) ?? null;
}

/** One change by a deployment. */
export interface Difference {
  /** `adds` replaces nothing. */
  readonly kind: "adds" | "changes" | "removes";
  readonly what: string;
}

/** The changes that a deployment of `config` makes to `deployed`, in words. */
export function differencesBetween(config: WranglerConfig, deployed: DeployedWorker): readonly Difference[] {
  const domains = (config.routes ?? []).map((route) => (typeof route === "string" ? route : route.pattern));
  const { compatibilityDate, compatibilityFlags, migrationTag } = deployed;
  const date = config.compatibility_date;
  return [
    ...bindingDifferences(deployed.bindings, bindingsOf(config)),
    ...(date === compatibilityDate || compatibilityDate === undefined
      ? []
      : [{ kind: "changes", what: `compatibility date from ${compatibilityDate} to ${date}` } as const]),
    ...(compatibilityFlags === undefined
      ? []
      : listDifferences("compatibility flag", compatibilityFlags, config.compatibility_flags ?? [])),
    ...migrationDifferences(config.migrations ?? [], migrationTag),
    // Without a domain in the configuration, wrangler leaves those that are deployed.
    ...(domains.length === 0 ? [] : listDifferences("domain", deployed.domains, domains)),
    ...listDifferences("schedule", deployed.schedules, config.triggers?.crons ?? []),
  ];
}

/** Changes of Durable Object classes by the migrations after `tag`, in words. */
function migrationDifferences(
  migrations: NonNullable<WranglerConfig["migrations"]>,
  deployedTag: string | undefined,
): Difference[] {
  const at = migrations.findIndex(({ tag }) => tag === deployedTag);
  if (deployedTag === undefined) return [];
  if (at === -1)
    return [
      { kind: "changes", what: `Durable Objects of the migration ${deployedTag}, which this code does not have` },
    ];
  return migrations.slice(at + 1).flatMap(({ tag, ...one }): Difference[] => [
    ...[...(one.new_sqlite_classes ?? []), ...(one.new_classes ?? [])].map(
      (name) => ({ kind: "adds", what: `Durable Object class ${name}, by its migration ${tag}` }) as const,
    ),
    ...(one.renamed_classes ?? []).map(
      ({ from, to }) =>
        ({ kind: "changes", what: `Durable Object class ${from} to ${to}, by its migration ${tag}` }) as const,
    ),
    ...(one.deleted_classes ?? []).map(
      (name) =>
        ({
          kind: "removes",
          what: `Durable Object class ${name} and all its data, by its migration ${tag}`,
        }) as const,
    ),
  ]);
}

/** The changes from bindings to others, in words. */
export function bindingDifferences(before: Bindings, after: Bindings): Difference[] {
  const names = [...new Set([...after.keys(), ...before.keys()])].toSorted();
  return names.flatMap((name): Difference[] => {
    const [old, next] = [before.get(name), after.get(name)];
    if (old === next) return [];
    if (old === undefined) return [{ kind: "adds", what: `${name}, ${next}` }];
    if (next === undefined) return [{ kind: "removes", what: `${name}, which is ${old}` }];
    return [{ kind: "changes", what: `${name} from ${old} to ${next}` }];
  });
}

function listDifferences(what: string, before: readonly string[], after: readonly string[]): Difference[] {
  return [
    ...after.filter((one) => !before.includes(one)).map((one) => ({ kind: "adds", what: `${what} ${one}` }) as const),
    ...before
      .filter((one) => !after.includes(one))
      .map((one) => ({ kind: "removes", what: `${what} ${one}` }) as const),
  ];
}
