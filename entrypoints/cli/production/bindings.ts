// The bindings of a configuration and those of a deployed version, in the same words, so that the
// two can be compared.
import * as v from "valibot";
import type { Unstable_RawConfig as WranglerConfig } from "wrangler";

/** Bindings by name, each in words, such as `KV namespace 0af7…`. */
export type Bindings = ReadonlyMap<string, string>;

/** A binding as Cloudflare lists it. */
export const DeployedBinding = v.looseObject({ name: v.string(), type: v.string() });
export type DeployedBinding = v.InferOutput<typeof DeployedBinding>;

const variable = (value: unknown) => JSON.stringify(value);
const kv = (id: unknown) => `KV namespace ${id}`;
const d1 = (id: unknown) => `D1 database ${id}`;
const bucket = (name: unknown) => `R2 bucket ${name}`;
const queue = (name: unknown) => `queue ${name}`;
const durableObject = (name: unknown) => `Durable Object class ${name}`;
const worker = (name: unknown, entrypoint: unknown) =>
  `Worker ${name}${typeof entrypoint === "string" ? `, ${entrypoint}` : ""}`;
const rateLimit = (limit: unknown, period: unknown) => `rate limit of ${limit} in ${period} s`;

/** The bindings of a Worker with this configuration. */
export function bindingsOf(config: WranglerConfig): Bindings {
  return new Map<string, string>([
    ...Object.entries(config.vars ?? {}).map(([name, value]) => [name, variable(value)] as const),
    ...(config.kv_namespaces ?? []).map(({ binding, id }) => [binding, kv(id)] as const),
    ...(config.d1_databases ?? []).map(({ binding, database_id: id }) => [binding, d1(id)] as const),
    ...(config.r2_buckets ?? []).map(({ binding, bucket_name: name }) => [binding, bucket(name)] as const),
    ...(config.queues?.producers ?? []).map(({ binding, queue: name }) => [binding, queue(name)] as const),
    ...(config.durable_objects?.bindings ?? []).map(
      ({ name, class_name: className }) => [name, durableObject(className)] as const,
    ),
    ...(config.services ?? []).map(
      ({ binding, service, entrypoint }) => [binding, worker(service, entrypoint)] as const,
    ),
    ...(config.ratelimits ?? []).map(({ name, simple }) => [name, rateLimit(simple.limit, simple.period)] as const),
    ...(config.ai ? [[config.ai.binding, "Workers AI"] as const] : []),
    ...(config.images ? [[config.images.binding, "Images"] as const] : []),
  ]);
}

const SIMPLE = v.looseObject({ limit: v.optional(v.unknown()), period: v.optional(v.unknown()) });

/** Types of deployed bindings, in words. Others, such as secrets, are not compared. */
const DESCRIBED: Readonly<Record<string, (binding: DeployedBinding) => string>> = {
  plain_text: ({ text }) => variable(text),
  json: ({ json }) => variable(json),
  kv_namespace: ({ namespace_id: id }) => kv(id),
  d1: ({ id, database_id: otherId }) => d1(otherId ?? id),
  r2_bucket: ({ bucket_name: name }) => bucket(name),
  queue: ({ queue_name: name }) => queue(name),
  durable_object_namespace: ({ class_name: name }) => durableObject(name),
  service: ({ service, entrypoint }) => worker(service, entrypoint),
  ratelimit: ({ simple }) => {
    const { limit, period } = v.parse(SIMPLE, simple ?? {});
    return rateLimit(limit, period);
  },
  ai: () => "Workers AI",
  images: () => "Images",
};

/** The bindings of a deployed version. Secrets are left out: a deployment keeps them. */
export function deployedBindings(bindings: readonly DeployedBinding[]): Bindings {
  return new Map(
    bindings.flatMap((binding) => {
      const text = DESCRIBED[binding.type]?.(binding);
      return text === undefined ? [] : [[binding.name, text] as const];
    }),
  );
}
