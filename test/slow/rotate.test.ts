// `npm run rotate`: a real wrangler changes the secrets of a running system through a local server
// in place of Cloudflare's API. After each change, everything that depends on the root secret is
// used.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CHECKPOINT_KEYS_PATH,
  type CheckpointKey,
  signCheckpoint,
  verifyCheckpoint,
} from "../../contracts/audit-record.ts";
import { randomSecret } from "../../entrypoints/cli/secret-file.ts";
import { AUDIENCES, ROOT, serviceOf, type WorkerKey, workerName } from "../../entrypoints/cli/workers.ts";
import { checkpointKeysOf } from "../../src/crypto/key-ring.ts";
import { type CloudflareApi, type SecretChange, startCloudflareApi } from "../support/cloudflare-api.ts";
import { accessTokenOf, type Connected, connect } from "../support/mcp-clients.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";
import { useSystem } from "../support/system.ts";
import { linkTo, newAccount, User } from "../support/user.ts";

const OLD = randomSecret();
const HEALTH_TOKEN = randomSecret();
const YESTERDAY = new Date(Date.now() - 25 * 3_600_000).toISOString();
const TASKS = { extensions: { "io.modelcontextprotocol/tasks": {} } };
const DRAW = { name: "image_generate", arguments: { prompt: "a kite over a lake", quality_tier: "draft" } };

/** The output of the command so far. */
let output = "";

const system = useSystem({ secrets: { gateway: { SERVICE_BINDING_SECRET: OLD, HEALTH_TOKEN } } });
const folder = mkdtempSync(path.join(tmpdir(), "rotate-"));
const file = path.join(folder, "gateway.env");
const gateway = workerName("gateway");
let api: CloudflareApi;

/** Every Worker of the account by its deployed name. */
const KEYS = new Map<string, WorkerKey>([
  [gateway, "gateway"],
  ...AUDIENCES.map((audience): [string, WorkerKey] => [serviceOf(audience).service, audience]),
]);

beforeAll(async () => {
  const secretsOf = (key: WorkerKey) => new Map([[key === "gateway" ? "SERVICE_BINDING_SECRET" : "IDENTITY_KEYS", ""]]);
  api = await startCloudflareApi(new Map(Array.from(KEYS, ([name, key]) => [name, secretsOf(key)])));
});
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true, force: true });
});

const pending: Partial<Record<WorkerKey, SecretChange["secrets"]>> = {};

/** Runs the system with the changes so far. */
async function deploy(): Promise<void> {
  await system.storeSecrets(pending);
  for (const key of Object.keys(pending)) delete pending[key as WorkerKey];
}

/** After each change of the gateway and after the last backend's, deploys and calls `check`. */
function onEachStep(check: () => Promise<void>): void {
  api.onChange = async ({ worker, secrets }) => {
    const key = KEYS.get(worker) ?? "local";
    pending[key] = secrets;
    if (key !== "gateway" && key !== AUDIENCES.at(-1)) return;
    await deploy();
    await check();
  };
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function run(args: readonly string[], { cwd = ROOT, environment = {} } = {}): Promise<Ended> {
  const child = spawn(process.execPath, ["entrypoints/cli/launch.mjs", "rotate", ...args], {
    cwd,
    env: { ...process.env, ...api.environment, ...environment },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, output })));
}

const rotate = (...args: string[]) =>
  run(["--remote", "--secrets", file, "--origin", system.origin, "--settle", "0", ...args]);
const kept = () => parseEnv(readFileSync(file, "utf8"));
const keep = (settings: Record<string, string | undefined>) =>
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
    { mode: 0o600 },
  );

/** Credentials and work of a user from before a change. */
interface Held {
  readonly connected: Connected;
  readonly browser: User;
  readonly taskId: string;
}

async function startHolding(): Promise<Held> {
  const browser = new User();
  const login = await browser.open(`${system.origin}/apps`);
  await browser.submit(await browser.open(linkTo(login, "/signup")), "/signup", { ...newAccount() });
  const connected = await connect(system.origin, "modern");
  const options = { revision: "2026-07-28", capabilities: TASKS };
  const response = await postRequest(system, accessTokenOf(connected), { method: "tools/call", params: DRAW }, options);
  const { result } = (await response.json()) as { result: { taskId: string } };
  return { connected, browser, taskId: result.taskId };
}

/** The statuses of a call, a refresh, a task's state and the account page. */
async function use({ connected, browser, taskId }: Held): Promise<Record<string, unknown>> {
  const { auth } = connected;
  const form = { grant_type: "refresh_token", refresh_token: auth.saved?.refresh_token ?? "" };
  const body = new URLSearchParams({ ...form, client_id: auth.clientInformation()?.client_id ?? "" });
  const refreshed = await system.fetch("/token", { method: "POST", body });
  if (refreshed.ok) auth.saveTokens(await refreshed.json());
  const token = accessTokenOf(connected);
  const call = await postRequest(system, token, { method: "tools/call", params: { name: "image_list_models" } });
  const { result } = (await call.json()) as { result?: { isError?: boolean } };
  const options = { revision: "2026-07-28", capabilities: TASKS };
  const task = await postRequest(system, token, { method: "tasks/get", params: { taskId } }, options);
  const { error } = (await task.json()) as { error?: object };
  const apps = await browser.open(`${system.origin}/apps`);
  return {
    ...{ call: call.status, isToolError: result?.isError ?? false, refresh: refreshed.status },
    ...{ task: error ?? "found", isSignedIn: apps.html.includes("Sign out") },
  };
}

const SERVED = { call: 200, isToolError: false, refresh: 200, task: "found", isSignedIn: true };

/** True if the published keys verify what a root secret signed. */
async function isVerified(secret: string): Promise<boolean> {
  const { keys } = (await (await system.fetch(CHECKPOINT_KEYS_PATH)).json()) as { keys: CheckpointKey[] };
  const config = { secret } as Parameters<typeof checkpointKeysOf>[0]; // it reads nothing else
  const [key] = await checkpointKeysOf(config);
  const statement = { chainId: "c".repeat(22), sequence: 1, hash: "h".repeat(43), at: "2026-11-27T00:00:00.000Z" };
  return (await verifyCheckpoint(await signCheckpoint(statement, key), keys)) === "valid";
}

/** The order of the changes, without values. */
const orderOf = (changes: readonly SecretChange[]) =>
  changes.map(({ worker, secrets }) => [KEYS.get(worker), ...Object.keys(secrets).toSorted()].join(" "));
const BACKENDS = AUDIENCES.map((audience) => `${audience} IDENTITY_KEYS`);
const BOTH = "gateway SERVICE_BINDING_SECRET SERVICE_BINDING_SECRET_PREVIOUS";

describe("a rotation of the deployed root secret", () => {
  it("refuses a file that others can read, that has another secret, or that is in the repository", async () => {
    keep({ SERVICE_BINDING_SECRET: randomSecret(), HEALTH_TOKEN });
    expect(await rotate()).toMatchObject({ code: 1, output: expect.stringContaining("The gateway uses the secret") });
    writeFileSync(path.join(folder, "open.env"), `SERVICE_BINDING_SECRET=${OLD}\n`, { mode: 0o644 });
    const open = await run(["--remote", "--secrets", path.join(folder, "open.env")]);
    expect(open).toMatchObject({ code: 1, output: expect.stringContaining("chmod 600") });
    const inside = path.join(ROOT, ".test/rotate.env");
    writeFileSync(inside, `SERVICE_BINDING_SECRET=${OLD}\n`, { mode: 0o600 });
    expect((await run(["--remote", "--secrets", inside])).output).toContain("outside of the repository");
    rmSync(inside);
    expect(await run(["--remote"])).toMatchObject({ code: 1, output: expect.stringContaining("--secrets") });
    expect(await rotate("--finish")).toMatchObject({ code: 1, output: expect.stringContaining("No rotation") });
    expect(api.changes).toEqual([]);
  }, 120_000);

  it("serves every token, session and task at each step, and after a stop in the middle", async () => {
    keep({ SERVICE_BINDING_SECRET: OLD, HEALTH_TOKEN });
    const held = await startHolding();
    const seen: unknown[] = [];
    const check = async () => void seen.push(await use(held));
    onEachStep(check);
    const step = api.onChange;
    api.onChange = async (change) => {
      await step(change);
      if (api.changes.length < 2) return;
      await deploy();
      await check();
      throw new Error("the network is gone");
    };
    const stopped = await rotate();
    expect([stopped.code, orderOf(api.changes)]).toEqual([1, BACKENDS.slice(0, 2)]);
    const next = kept().SERVICE_BINDING_SECRET_NEXT ?? "";
    expect(next).toHaveLength(43);
    api.changes.length = 0;
    onEachStep(check);

    const done = await rotate();
    expect(done, done.output).toMatchObject({ code: 0, output: expect.stringContaining("keep the old value") });
    expect(orderOf(api.changes)).toEqual([...BACKENDS, BOTH, BOTH]);
    expect(api.changes.slice(-2).map(({ secrets }) => secrets)).toEqual([
      { SERVICE_BINDING_SECRET: OLD, SERVICE_BINDING_SECRET_PREVIOUS: next },
      { SERVICE_BINDING_SECRET: next, SERVICE_BINDING_SECRET_PREVIOUS: OLD },
    ]);
    expect(kept()).toMatchObject({ SERVICE_BINDING_SECRET: next, SERVICE_BINDING_SECRET_PREVIOUS: OLD, HEALTH_TOKEN });
    expect(kept()).not.toHaveProperty("SERVICE_BINDING_SECRET_NEXT");
    output += stopped.output + done.output;
    expect([seen.length, seen]).toEqual([4, seen.map(() => SERVED)]);
  }, 600_000);

  it("continues after a rollback of the gateway, refuses a second one, and ends a day later without a gap", async () => {
    const held = await startHolding();
    const { SERVICE_BINDING_SECRET: next = "" } = kept();
    const seen: unknown[] = [];
    onEachStep(async () => void seen.push(await use(held)));
    const before = api.changes.length;
    await system.storeSecrets({ gateway: api.changes.at(-2)?.secrets ?? {} });
    expect(await use(held)).toEqual(SERVED);
    expect(await rotate("--finish", "--leaked")).toMatchObject({
      code: 1,
      output: expect.stringContaining("The gateway uses another secret"),
    });
    expect(await rotate()).toMatchObject({ code: 0 });
    expect(orderOf(api.changes.slice(before))).toEqual([BOTH, BOTH]);
    const refusals = api.changes.length;
    expect(await rotate()).toMatchObject({ code: 1, output: expect.stringContaining("A rotation is going on") });
    expect(await rotate("--finish")).toMatchObject({ code: 1, output: expect.stringContaining("Too early") });
    const settings = kept();
    keep({ SERVICE_BINDING_SECRET: next, HEALTH_TOKEN });
    expect(await rotate()).toMatchObject({ code: 1, output: expect.stringContaining("with another file") });
    expect(api.changes).toHaveLength(refusals);

    keep({ ...settings, SERVICE_BINDING_SECRET_SINCE: YESTERDAY });
    const ended = await rotate("--finish");
    expect(ended, ended.output).toMatchObject({ code: 0 });
    expect(orderOf(api.changes.slice(refusals))).toEqual([
      "gateway RETIRED_CHECKPOINT_KEYS SERVICE_BINDING_SECRET_PREVIOUS",
      ...BACKENDS,
    ]);
    expect(kept()).toEqual({ SERVICE_BINDING_SECRET: next, HEALTH_TOKEN });
    expect(seen).toEqual(seen.map(() => SERVED));
    expect([await isVerified(OLD), await isVerified(next), await isVerified(randomSecret())]).toEqual([
      true,
      true,
      false,
    ]);
    expect(system.logs().join("\n")).not.toContain("rpc.key_unknown");
    for (const secret of [OLD, next, HEALTH_TOKEN]) expect(output + ended.output).not.toContain(secret);
    expect(readdirSync(folder).toSorted()).toEqual(["gateway.env", "open.env"]);
  }, 600_000);

  it("ends at once after a leak, and what the old secret signed does not verify any more", async () => {
    const [current, leaked] = [kept().SERVICE_BINDING_SECRET ?? "", randomSecret()];
    await system.storeSecrets({ gateway: { SERVICE_BINDING_SECRET_PREVIOUS: leaked } });
    expect(await isVerified(leaked)).toBe(true);
    const since = new Date().toISOString();
    keep({
      ...{ SERVICE_BINDING_SECRET: current, SERVICE_BINDING_SECRET_PREVIOUS: leaked },
      ...{ SERVICE_BINDING_SECRET_SINCE: since, HEALTH_TOKEN },
    });
    onEachStep(async () => undefined);
    expect(await rotate("--finish", "--leaked")).toMatchObject({ code: 0 });
    expect([await isVerified(OLD), await isVerified(leaked)]).toEqual([true, false]);
  }, 200_000);
});

it("a rotation of the local root secret keeps the old one for a day, and its key for good", async () => {
  const copy = copyRepository();
  try {
    const read = (at: string) => parseEnv(readFileSync(path.join(copy, at), "utf8"));
    const local = (...args: string[]) => run(args, { cwd: copy });
    expect(await local()).toMatchObject({ code: 0, output: expect.stringContaining("Restart") });
    const { SERVICE_BINDING_SECRET: current, SERVICE_BINDING_SECRET_PREVIOUS: previous } = read(".dev.vars");
    expect([previous?.length, previous === current]).toEqual([43, false]);
    expect(read("entrypoints/auth/.dev.vars").IDENTITY_KEYS?.split(",")).toHaveLength(2);
    expect(await local()).toMatchObject({ code: 1, output: expect.stringContaining("going on") });
    expect(await local("--finish")).toMatchObject({ code: 1, output: expect.stringContaining("Too early") });
    const text = readFileSync(path.join(copy, ".dev.vars"), "utf8");
    writeFileSync(path.join(copy, ".dev.vars"), text.replace(/(?<=SINCE=).*/, YESTERDAY));
    expect(await local("--finish")).toMatchObject({ code: 0 });
    expect(read(".dev.vars")).toEqual({
      SERVICE_BINDING_SECRET: current,
      RETIRED_CHECKPOINT_KEYS: expect.stringMatching(/^[0-9a-f]{8}:[\w-]{43}$/),
    });
    expect(read("entrypoints/auth/.dev.vars").IDENTITY_KEYS?.split(",")).toHaveLength(1);
  } finally {
    removeCopy(copy);
  }
}, 120_000);
