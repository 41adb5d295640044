// A local server in place of Cloudflare's API, as far as wrangler uses it for secrets and
// deployments. It records what it is sent, so that a test sees the order of a command's steps.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

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
  /** Every change so far, the oldest first. */
  readonly changes: SecretChange[];
  /** Runs after each change, before the answer to it. It throws to have the change fail. */
  onChange: (change: SecretChange) => Promise<void> | void;
  close(): void;
}

const ACCOUNT = "0".repeat(32);
const DEPLOYMENT = {
  id: "0".repeat(8),
  source: "wrangler",
  strategy: "percentage",
  author_email: "ada@example.com",
  created_on: "2026-11-01T00:00:00.000Z",
  versions: [{ version_id: "1".repeat(8), percentage: 100 }],
};
const NOT_FOUND = { code: 10007, message: "This Worker does not exist on your account." };

/** Starts the server. The caller closes it. */
export async function startCloudflareApi(workers: CloudflareApi["workers"]): Promise<CloudflareApi> {
  const server = createServer((request, response) => void respond(api, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const environment = {
    CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}`,
    CLOUDFLARE_API_TOKEN: "a token that only the tests know",
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
  };
  const api: CloudflareApi = { environment, workers, changes: [], onChange: () => {}, close: () => server.close() };
  return api;
}

async function respond(api: CloudflareApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [body, status] = await answer(api, request.method ?? "", request.url ?? "", await textOf(request)).catch(
    (error: Error) => [{ errors: [{ code: 10001, message: error.message }] }, 500] as const,
  );
  const result = { success: status === 200, errors: [], messages: [], result: null, ...body };
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(result));
}

async function textOf(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

async function answer(
  api: CloudflareApi,
  method: string,
  url: string,
  text: string,
): Promise<readonly [body: object, status: number]> {
  const [, worker = "", action] =
    /\/workers\/scripts\/([^/]+)\/(secrets|secrets-bulk|deployments)(?:\?.*)?$/.exec(url) ?? [];
  const secrets = api.workers.get(worker);
  if (!secrets) return [{ errors: [NOT_FOUND] }, 404];
  if (method === "GET" && action === "secrets")
    return [{ result: [...secrets.keys()].map((name) => ({ name, type: "secret_text" })) }, 200];
  if (method === "GET" && action === "deployments") return [{ result: { deployments: [DEPLOYMENT] } }, 200];
  if (method !== "PATCH" || action !== "secrets-bulk") return [{ errors: [NOT_FOUND] }, 404];
  const sent = (JSON.parse(text) as { secrets: Record<string, { text: string } | null> }).secrets;
  const change = {
    worker,
    secrets: Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, value?.text ?? null])),
  };
  for (const [name, value] of Object.entries(change.secrets))
    if (value === null) secrets.delete(name);
    else secrets.set(name, value);
  api.changes.push(change);
  await api.onChange(change);
  return [{ result: {} }, 200];
}
