// A local server in place of Cloudflare's API, as far as wrangler and the commands of this
// repository use it for storage, secrets and deployments. It keeps what it is sent, so that a test
// sees the state of the account and the order of a command's steps.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Account, type Binding } from "./cloudflare-account.ts";

/** A change of secrets: the Worker's deployed name, and values by name; `null` removes one. */
export interface SecretChange {
  readonly worker: string;
  readonly secrets: Readonly<Record<string, string | null>>;
}

export interface CloudflareApi {
  /** Settings with which wrangler talks to this server. */
  readonly environment: Readonly<Record<string, string>>;
  /** The secrets of each Worker that exists. */
  readonly workers: Map<string, Map<string, string>>;
  readonly account: Account;
  /** Every change so far, the oldest first. */
  readonly changes: SecretChange[];
  /** Every request that changes something, as `METHOD path`, the oldest first. */
  readonly writes: string[];
  /** Runs after each change, before the answer to it. It throws to have the change fail. */
  onChange: (change: SecretChange) => Promise<void> | void;
  /** Runs before each write. It throws to have the request fail. */
  onWrite: (write: string) => void;
  /** The accounts that the login sees. */
  accounts: readonly { readonly id: string; readonly name: string }[];
  /** The answer to every request in place of a result. */
  refusal: { readonly status: number; readonly code: number; readonly message: string } | null;
  close(): void;
}

const ACCOUNT = "0".repeat(32);
const TOKEN = "a token that only the tests know";

type Reply = readonly [result: unknown, status?: number];
type Handler = (api: CloudflareApi, match: readonly string[], request: Received) => Reply | Promise<Reply>;

interface Received {
  readonly query: URLSearchParams;
  readonly text: string;
  /** Of an upload. */
  readonly form: FormData | null;
}

class ApiError extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Starts the server. The caller closes it. */
export async function startCloudflareApi(workers: CloudflareApi["workers"] = new Map()): Promise<CloudflareApi> {
  const server = createServer((request, response) => void respond(api, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const environment = {
    CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}`,
    CLOUDFLARE_API_TOKEN: TOKEN,
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
  };
  const api: CloudflareApi = {
    ...{ environment, workers, account: new Account(workers), changes: [], writes: [] },
    ...{
      onChange: () => {},
      onWrite: () => {},
      refusal: null,
      accounts: [{ id: ACCOUNT, name: "Tests" }],
      close: () => server.close(),
    },
  };
  return api;
}

async function respond(api: CloudflareApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url = "" } = request;
  let status = 200;
  let body: object = {};
  try {
    const answer = await answerTo(api, method, new URL(url, "http://localhost"), request);
    status = answer[1] ?? 200;
    body = { success: true, errors: [], result: answer[0] };
  } catch (error) {
    const { message, code = 10001 } = error as ApiError; // handlers throw errors only
    status = error instanceof ApiError ? error.status : 500;
    body = { success: false, errors: [{ code, message }], result: null };
  }
  const page = { result_info: { page: 1, per_page: 1000, count: 1, total_count: 1, total_pages: 1 }, messages: [] };
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ ...page, ...body }));
}

async function answerTo(api: CloudflareApi, method: string, url: URL, request: IncomingMessage): Promise<Reply> {
  const path = url.pathname.replace(`/accounts/${ACCOUNT}`, "");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const type = request.headers["content-type"] ?? "";
  const isForm = type.startsWith("multipart/form-data");
  const form = isForm ? await new Response(bytes, { headers: { "content-type": type } }).formData() : null;
  if (api.refusal) throw new ApiError(api.refusal.status, api.refusal.code, api.refusal.message);
  if (request.headers.authorization !== `Bearer ${TOKEN}`) throw new ApiError(403, 9109, "Invalid access token");
  const found = HANDLERS.find(([verb, pattern]) => verb === method && pattern.test(path));
  if (!found) throw new ApiError(404, 7003, `No route for ${method} ${path}`);
  const [, pattern, handler] = found;
  const isQuestion = method === "GET" || /\/query$|\/changeset$/.test(path);
  if (!isQuestion) {
    api.writes.push(`${method} ${path}`);
    api.onWrite(`${method} ${path}`);
  }
  const match = (pattern.exec(path) ?? []).slice(1);
  return handler(api, match, { query: url.searchParams, text: bytes.toString("utf8"), form });
}

function json<T>({ text }: Received): T {
  return JSON.parse(text) as T;
}

function existing(api: CloudflareApi, name = "") {
  const script = api.account.script(name);
  if (!script) throw new ApiError(404, 10007, "This Worker does not exist on your account.");
  return script;
}

const SCRIPT = "/workers/scripts/([^/]+)";

/** The routes, the first that matches. */
const HANDLERS: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ["GET", /^\/accounts$/, ({ accounts }) => [accounts]],
  // KV, D1, R2, queues.
  ["GET", /^\/storage\/kv\/namespaces$/, ({ account }) => [Array.from(account.kv, ([title, id]) => ({ id, title }))]],
  ["POST", /^\/storage\/kv\/namespaces$/, createNamespace],
  ["GET", /^\/d1\/database$/, listDatabases],
  ["POST", /^\/d1\/database$/, createDatabase],
  ["GET", /^\/d1\/database\/([^/]+)$/, showDatabase],
  ["POST", /^\/d1\/database\/([^/]+)\/query$/, queryDatabase],
  ["GET", /^\/r2\/buckets\/([^/]+)$/, showBucket],
  ["POST", /^\/r2\/buckets$/, createBucket],
  ["GET", /^\/queues$/, listQueues],
  ["POST", /^\/queues$/, createQueue],
  ["GET", /^\/queues\/([^/]+)\/consumers$/, listConsumers],
  ["POST", /^\/queues\/([^/]+)\/consumers$/, createConsumer],
  ["PUT", /^\/queues\/[^/]+\/consumers\/[^/]+$/, () => [{}]],
  // Workers.
  ["GET", /^\/workers\/services\/([^/]+)$/, showService],
  ["GET", new RegExp(`^${SCRIPT}$`), showScript],
  ["GET", /^\/workers\/scripts$/, listScripts],
  ["PUT", new RegExp(`^${SCRIPT}$`), upload],
  ["POST", new RegExp(`^${SCRIPT}/versions$`), upload],
  ["GET", new RegExp(`^${SCRIPT}/versions$`), listVersions],
  ["GET", new RegExp(`^${SCRIPT}/versions/([^/]+)$`), showVersion],
  ["GET", new RegExp(`^${SCRIPT}/deployments$`), listDeployments],
  ["POST", new RegExp(`^${SCRIPT}/deployments$`), deploy],
  ["PATCH", new RegExp(`^${SCRIPT}/script-settings$`), () => [{}]],
  ["GET", new RegExp(`^${SCRIPT}/subdomain$`), () => [{ enabled: false, previews_enabled: false }]],
  ["POST", new RegExp(`^${SCRIPT}/subdomain$`), () => [{ enabled: false, previews_enabled: false }]],
  ["GET", /^\/workers\/workers\/([^/]+)$/, () => [{ subdomain: { enabled: false, previews_enabled: false } }]],
  ["PATCH", /^\/workers\/workers\/([^/]+)$/, () => [{}]],
  ["GET", /^\/workers\/workers\/[^/]+$/, () => [{ subdomain: { enabled: false, previews_enabled: false } }]],
  ["GET", new RegExp(`^${SCRIPT}/schedules$`), listSchedules],
  ["PUT", new RegExp(`^${SCRIPT}/schedules$`), storeSchedules],
  ["GET", new RegExp(`^${SCRIPT}/secrets$`), listSecrets],
  ["PATCH", new RegExp(`^${SCRIPT}/secrets-bulk$`), changeSecrets],
  ["POST", new RegExp(`^${SCRIPT}/domains/changeset$`), compareDomains],
  ["PUT", new RegExp(`^${SCRIPT}/domains/records$`), storeDomains],
  ["GET", /^\/workers\/domains$/, listDomains],
];

function createNamespace({ account }: CloudflareApi, _: readonly string[], request: Received): Reply {
  const { title } = json<{ title: string }>(request);
  const id = String(account.kv.size + 10).padStart(32, "a");
  account.kv.set(title, id);
  return [{ id, title }];
}

function listDatabases({ account }: CloudflareApi, _: readonly string[], { query }: Received): Reply {
  const all = Array.from(account.databases, ([name, { id }]) => ({ name, uuid: id }));
  return [all.filter(({ name }) => name.includes(query.get("name") ?? ""))];
}

function createDatabase({ account }: CloudflareApi, _: readonly string[], request: Received): Reply {
  const { name } = json<{ name: string }>(request);
  return [{ uuid: account.createDatabase(name), name }];
}

function databaseOf({ account }: CloudflareApi, id = "") {
  const found = [...account.databases].find(([, database]) => database.id === id);
  if (!found) throw new ApiError(404, 7404, "The database could not be found");
  return found;
}

function showDatabase(api: CloudflareApi, [id]: readonly string[]): Reply {
  const [name] = databaseOf(api, id);
  return [{ uuid: id, name, version: "production" }];
}

function queryDatabase(api: CloudflareApi, [id]: readonly string[], request: Received): Reply {
  const [, { database }] = databaseOf(api, id);
  const { sql } = json<{ sql: string }>(request);
  if (/^\s*(?:SELECT|PRAGMA)/i.test(sql))
    return [statementsIn(sql).map((one) => ({ results: database.prepare(one).all(), success: true, meta: {} }))];
  api.writes.push(`POST /d1/database/${id}/query`);
  api.onWrite(`POST migration ${sql}`);
  database.exec(sql);
  return [[{ results: [], success: true, meta: { duration: 1 } }]];
}

/** The commands write values in hexadecimal, so that no semicolon is inside one. */
const statementsIn = (sql: string) => sql.split(";").filter((one) => one.trim() !== "");

function showBucket({ account }: CloudflareApi, [name = ""]: readonly string[]): Reply {
  if (!account.buckets.has(name)) throw new ApiError(404, 10006, "The specified bucket does not exist.");
  return [{ name }];
}

function createBucket({ account }: CloudflareApi, _: readonly string[], request: Received): Reply {
  const { name } = json<{ name: string }>(request);
  account.buckets.add(name);
  return [{ name }];
}

function listQueues({ account }: CloudflareApi, _: readonly string[], { query }: Received): Reply {
  const wanted = query.get("name");
  const all = [...account.queues].filter(([name]) => wanted === null || name === wanted);
  const consumersOf = (consumers: readonly string[]) =>
    consumers.map((script) => ({ script, type: "worker", consumer_id: script }));
  return [
    all.map(([queue_name, { id, consumers }]) => ({
      ...{ queue_name, queue_id: id, consumers: consumersOf(consumers), consumers_total_count: consumers.length },
      ...{ producers: [], producers_total_count: 0, settings: { delivery_delay: 0, message_retention_period: 345600 } },
    })),
  ];
}

function createQueue({ account }: CloudflareApi, _: readonly string[], request: Received): Reply {
  const { queue_name: name } = json<{ queue_name: string }>(request);
  const id = String(account.queues.size + 10).padStart(32, "c");
  account.queues.set(name, { id, consumers: [] });
  return [{ queue_name: name, queue_id: id }];
}

function queueOf({ account }: CloudflareApi, id = "") {
  const found = [...account.queues.values()].find((queue) => queue.id === id);
  if (!found) throw new ApiError(404, 11000, "Queue not found");
  return found;
}

function listConsumers(api: CloudflareApi, [id]: readonly string[]): Reply {
  return [queueOf(api, id).consumers.map((script) => ({ script, type: "worker" }))];
}

function createConsumer(api: CloudflareApi, [id]: readonly string[], request: Received): Reply {
  const { script_name: script } = json<{ script_name: string }>(request);
  queueOf(api, id).consumers.push(script);
  return [{}];
}

function showService(api: CloudflareApi, [name]: readonly string[]): Reply {
  existing(api, name);
  return [{ id: name, default_environment: { environment: "production", script: { last_deployed_from: "wrangler" } } }];
}

function showScript(api: CloudflareApi, [name]: readonly string[]): Reply {
  existing(api, name);
  return [{ id: name }];
}

function listScripts({ account, workers }: CloudflareApi): Reply {
  return [[...workers.keys()].map((id) => ({ id, migration_tag: account.script(id)?.migrationTag }))];
}

interface Metadata {
  readonly bindings: readonly Binding[];
  readonly compatibility_date?: string;
  readonly compatibility_flags?: readonly string[];
  readonly annotations?: { readonly "workers/message"?: string };
  readonly migrations?: { readonly new_tag?: string };
}

async function upload({ account }: CloudflareApi, [name = ""]: readonly string[], { form }: Received): Promise<Reply> {
  const metadata = JSON.parse(String(form?.get("metadata"))) as Metadata;
  const { bindings, compatibility_date: compatibilityDate, compatibility_flags: compatibilityFlags } = metadata;
  const migrationTag = metadata.migrations?.new_tag;
  const files = [...(form?.keys() ?? [])].filter((key) => key !== "metadata");
  const texts = await Promise.all(files.map((file) => new Response(form?.get(file)).text()));
  const etag = createHash("sha256").update(texts.join()).digest("hex");
  const message = metadata.annotations?.["workers/message"];
  const uploaded = { bindings, compatibilityDate, compatibilityFlags, migrationTag, message, files, etag };
  const version = account.upload(name, uploaded);
  const { id } = version;
  return [{ id, deployment_id: id, startup_time_ms: 5, resources: { script: { etag: "0" } } }];
}

function listVersions(api: CloudflareApi, [name]: readonly string[]): Reply {
  return [{ items: existing(api, name).versions.map(describe) }];
}

function describe({ id, createdAt }: { readonly id: string; readonly createdAt: string }) {
  return { id, number: 1, metadata: { created_on: createdAt, author_email: "ada@example.com", source: "wrangler" } };
}

function showVersion(api: CloudflareApi, [name = "", id]: readonly string[]): Reply {
  const version = existing(api, name).versions.find((one) => one.id === id);
  if (!version) throw new ApiError(404, 100146, "Version not found");
  const secrets = Array.from(api.workers.get(name)?.keys() ?? [], (secret) => ({ name: secret, type: "secret_text" }));
  const { compatibilityDate, compatibilityFlags, migrationTag } = version;
  const names = { compatibility_date: compatibilityDate, compatibility_flags: compatibilityFlags };
  const runtime = { ...names, migration_tag: migrationTag };
  const script = { etag: version.etag };
  const resources = { bindings: [...version.bindings, ...secrets], script, script_runtime: runtime };
  return [{ ...describe(version), annotations: { "workers/message": version.message }, resources }];
}

function listDeployments(api: CloudflareApi, [name]: readonly string[]): Reply {
  const { deployments, versions } = existing(api, name);
  const described = deployments.map((id, at) => ({
    ...{ id: `deployment-${deployments.length - at}`, source: "wrangler", strategy: "percentage" },
    ...{ author_email: "ada@example.com", created_on: versions.find((version) => version.id === id)?.createdAt },
    ...{ versions: [{ version_id: id, percentage: 100 }], annotations: {} },
  }));
  return [{ deployments: described }];
}

function deploy(api: CloudflareApi, [name]: readonly string[], request: Received): Reply {
  const { versions } = json<{ versions: readonly { version_id: string }[] }>(request);
  const { deployments } = existing(api, name);
  for (const { version_id: id } of versions) if (deployments[0] !== id) deployments.unshift(id);
  return [{ id: `deployment-${deployments.length}` }];
}

function listSchedules(api: CloudflareApi, [name]: readonly string[]): Reply {
  return [{ schedules: existing(api, name).schedules.map((cron) => ({ cron })) }];
}

function storeSchedules(api: CloudflareApi, [name]: readonly string[], request: Received): Reply {
  existing(api, name).schedules = json<readonly { cron: string }[]>(request).map(({ cron }) => cron);
  return [{}];
}

function listSecrets(api: CloudflareApi, [name = ""]: readonly string[]): Reply {
  existing(api, name);
  return [Array.from(api.workers.get(name)?.keys() ?? [], (secret) => ({ name: secret, type: "secret_text" }))];
}

async function changeSecrets(api: CloudflareApi, [worker = ""]: readonly string[], request: Received): Promise<Reply> {
  existing(api, worker);
  const { secrets: sent } = json<{ secrets: Record<string, { text: string } | null> }>(request);
  const entries = Object.entries(sent).map(([name, value]) => [name, value?.text ?? null] as const);
  const stored = api.workers.get(worker);
  for (const [name, value] of entries)
    if (value === null) stored?.delete(name);
    else stored?.set(name, value);
  const change = { worker, secrets: Object.fromEntries(entries) };
  api.changes.push(change);
  await api.onChange(change);
  return [{}];
}

function compareDomains({ account }: CloudflareApi, [name = ""]: readonly string[], request: Received): Reply {
  const wanted = json<readonly { hostname: string }[]>(request).map(({ hostname }) => hostname);
  const updated = wanted.filter((host) => (account.domains.get(host) ?? name) !== name);
  return [
    {
      added: wanted.filter((host) => !account.domains.has(host)).map((hostname) => ({ hostname })),
      ...{ removed: [], conflicting: [] },
      updated: updated.map((hostname) => ({ id: hostname, hostname, modified: true })),
    },
  ];
}

function storeDomains({ account }: CloudflareApi, [name = ""]: readonly string[], request: Received): Reply {
  const { origins } = json<{ origins: readonly { hostname: string }[] }>(request);
  for (const [host, worker] of account.domains) if (worker === name) account.domains.delete(host);
  for (const { hostname } of origins) account.domains.set(hostname, name);
  return [origins];
}

function listDomains({ account }: CloudflareApi, _: readonly string[], { query }: Received): Reply {
  const all = Array.from(account.domains, ([hostname, service]) => ({ hostname, service }));
  const [service, hostname] = [query.get("service"), query.get("hostname")];
  return [
    all
      .filter((one) => service === null || one.service === service)
      .filter((one) => hostname === null || one.hostname === hostname),
  ];
}
