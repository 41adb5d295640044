// The state of an account of the local server in place of Cloudflare's API.
import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

/** A binding in the metadata of an upload, and in a version. */
export interface Binding {
  readonly name: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Version {
  readonly id: string;
  readonly bindings: readonly Binding[];
  readonly compatibilityDate: string | undefined;
  readonly compatibilityFlags: readonly string[];
  readonly migrationTag: string | undefined;
  readonly message: string | undefined;
  readonly createdAt: string;
  /** Names of the uploaded files. */
  readonly files: readonly string[];
  /** Equal for equal code. */
  readonly etag: string;
}

export interface Script {
  readonly versions: Version[];
  /** Version ids, the newest first. */
  readonly deployments: string[];
  schedules: readonly string[];
  migrationTag: string | undefined;
}

/** Everything that the account has. */
export class Account {
  readonly kv = new Map<string, string>();
  readonly databases = new Map<string, { readonly id: string; readonly database: DatabaseSync }>();
  readonly buckets = new Set<string>();
  readonly queues = new Map<string, { readonly id: string; readonly consumers: string[] }>();
  /** Worker by host. */
  readonly domains = new Map<string, string>();
  private readonly scripts = new Map<string, Script>();

  private readonly secrets: Map<string, Map<string, string>>;

  /** @param secrets of each Worker; a Worker that is only in it was deployed without bindings */
  constructor(secrets: Map<string, Map<string, string>>) {
    this.secrets = secrets;
  }

  /** A Worker that is deployed. */
  script(name: string): Script | undefined {
    if (!this.scripts.has(name) && this.secrets.has(name)) this.upload(name, { bindings: [] });
    return this.scripts.get(name);
  }

  /** Uploads and deploys a version. */
  upload(
    name: string,
    uploaded: {
      readonly bindings: readonly Binding[];
      readonly compatibilityDate?: string | undefined;
      readonly compatibilityFlags?: readonly string[] | undefined;
      readonly migrationTag?: string | undefined;
      readonly message?: string | undefined;
      readonly files?: readonly string[];
      readonly etag?: string;
    },
  ): Version {
    const known = this.scripts.get(name);
    const script: Script = known ?? { versions: [], deployments: [], schedules: [], migrationTag: undefined };
    this.scripts.set(name, script);
    if (!this.secrets.has(name)) this.secrets.set(name, new Map());
    script.migrationTag = uploaded.migrationTag ?? script.migrationTag;
    const { bindings, compatibilityDate, compatibilityFlags = [], message, files = [], etag = "" } = uploaded;
    const { migrationTag } = script;
    const runtime = { compatibilityDate, compatibilityFlags, migrationTag, message };
    const version = { ...runtime, id: randomUUID(), bindings, files, etag, createdAt: new Date().toISOString() };
    script.versions.unshift(version);
    script.deployments.unshift(version.id);
    return version;
  }

  createDatabase(name: string, id: string = randomUUID()): string {
    this.databases.set(name, { id, database: new DatabaseSync(":memory:") });
    return id;
  }
}
