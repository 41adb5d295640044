// Counts the operations of one request that leave the isolate: reads, writes, calls, messages.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import type { AuthContract } from "../../contracts/auth.ts";
import type { TenantId } from "../../contracts/rpc/identity.ts";
import gateway from "../../entrypoints/gateway/index.ts";
import { GatewayEntrypoint } from "../../entrypoints/gateway/rpc.ts";
import { SessionTarget } from "../../entrypoints/gateway/session.ts";
import type { Env } from "../../src/env.ts";
import {
  authorizePath,
  Browser,
  envWith,
  form,
  ORIGIN,
  PASSWORD,
  REDIRECT,
  register,
  send,
  VERIFIER,
} from "./oauth/browser.ts";

const job = {
  job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10",
  status: "completed",
  url: `${ORIGIN}/images/x.png`,
  model: "procedural",
  quality_tier: "draft",
  enhanced_prompt: "a",
  width: 1,
  height: 1,
  size_bytes: 4,
};
const counts: Record<string, number> = {};

/** The same object, with every call of a method counted. */
function counted<T extends object>(name: string, target: T): T {
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key, object);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const operation = `${name}.${String(key)}`;
        counts[operation] = (counts[operation] ?? 0) + 1;
        // An RPC stub has a method of every name, also `apply`.
        return Reflect.apply(value, object, args) as unknown;
      };
    },
  });
}

/** The same Durable Objects, with every call of a method counted. */
function countedObjects<T extends Env["GRANTS"] | Env["USERS"] | Env["AUDIT_LOG"]>(name: string, namespace: T): T {
  const get = (id: DurableObjectId) => counted<object>(name, namespace.get(id));
  // The two methods that the gateway uses.
  return { idFromName: (text: string) => namespace.idFromName(text), get } as unknown as T;
}

const validateApiKey: AuthContract["validateApiKey"] = async () => ({
  valid: true,
  tenant_id: "t" as TenantId, // the brand lives in TypeScript only
  tier: "free",
  scopes: ["generate"],
  key_id: "k",
});

function countedEnv(): Env {
  const env = envWith({ validateApiKey });
  const body = () => new Blob([new Uint8Array(4)]).stream();
  const backend = {
    getFlowStatus: async () => ({
      ok: true,
      value: { flowId: "f", status: "draft", currentMode: null, progress: 0, estimatedRemainingSeconds: null },
    }),
    generateImage: async () => ({ ok: true, value: job }),
    listModels: async () => ({ ok: true, value: { models: [] } }),
    listImages: async () => ({ ok: true, value: { images: [] } }),
    listFlows: async () => ({ ok: true, value: { flows: [] } }),
    readImage: async () => ({ ok: true, value: { mime_type: "image/png", size_bytes: 4, body: body() } }),
  };
  return {
    ...env,
    OAUTH_KV: counted("kv", env.OAUTH_KV),
    PLATFORM_EVENTS_QUEUE: counted("queue", { send: async () => undefined } as unknown as Queue),
    GRANTS: countedObjects("grant-object", env.GRANTS),
    USERS: countedObjects("user-object", env.USERS),
    AUDIT_LOG: countedObjects("audit-log", env.AUDIT_LOG),
    AUTH_SERVICE: counted("auth", env.AUTH_SERVICE),
    STACKBILDER: counted("stackbilder", backend) as unknown as Env["STACKBILDER"],
    IMG_FORGE: counted("img-forge", backend) as unknown as Env["IMG_FORGE"],
  };
}

let accessToken = "";

beforeAll(async () => {
  const env = envWith();
  const browser = new Browser(env);
  const clientId = await register(env);
  const atLogin = await browser.open((await browser.open(await authorizePath(clientId))).next);
  const signedIn = await browser.submit(atLogin, "/login", { email: "ada@example.com", password: PASSWORD });
  const atConsent = await browser.open(signedIn.next);
  const left = await browser.submit(atConsent, "/authorize", { scope: "generate", decision: "approve" });
  const code = new URL(left.next).searchParams.get("code") ?? "";
  const exchange = {
    grant_type: "authorization_code",
    code,
    client_id: clientId,
    redirect_uri: REDIRECT,
    code_verifier: VERIFIER,
  };
  const tokens = await (await send(env, "/token", form(exchange))).json<{ access_token: string }>();
  accessToken = tokens.access_token;
});

function messageOf(method: string, params: object, headers: Record<string, string> = {}, bearer = accessToken) {
  return new Request<unknown, IncomingRequestCfProperties>(`${ORIGIN}/mcp`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
}

/**
 * Sends one message and returns its operations, of a new isolate unless `env` has served before.
 */
async function operationsOf(
  method: string,
  params: object,
  headers: Record<string, string> = {},
  bearer = accessToken,
  env = countedEnv(),
): Promise<Record<string, number>> {
  for (const key of Object.keys(counts)) delete counts[key];
  const ctx = createExecutionContext();
  const response = await gateway.fetch(messageOf(method, params, headers, bearer), env, ctx);
  const body = await response.json<{ result?: { isError?: boolean } }>();
  await waitOnExecutionContext(ctx);
  expect([response.status, body.result?.isError], JSON.stringify(body)).toEqual([200, undefined]);
  return { ...counts };
}

/**
 * A paid call beside its dispatch: one question to the ledger before and one after, one append to
 * the audit log that is waited for and one that is not.
 */
const governed = {
  "audit-log.begin": 1,
  "auth.reserveCredits": 1,
  "auth.settleCredits": 1,
  "audit-log.finish": 1,
};

/** The look-up of an access token: its three sources are asked at once. */
const lookUp = { "kv.get": 1, "user-object.tokenState": 1, "auth.getUser": 1 };

describe("one request to /mcp takes", () => {
  it("for a call: one question each to KV, the user's object and the auth Worker; then one RPC and one audit message", async () => {
    const operations = await operationsOf("tools/call", { name: "flow_status", arguments: { flowId: "f" } });
    expect(operations).toEqual({ ...lookUp, "stackbilder.getFlowStatus": 1, "queue.send": 1 });
  });

  it("for a call with a cached token: one RPC, one audit message", async () => {
    const env = countedEnv();
    const call = { name: "flow_status", arguments: { flowId: "f" } };
    await operationsOf("tools/list", {}, {}, accessToken, env);
    expect(await operationsOf("tools/call", call, {}, accessToken, env)).toEqual({
      "stackbilder.getFlowStatus": 1,
      "queue.send": 1,
    });
    expect(await operationsOf("tools/list", {}, {}, accessToken, env)).toEqual({});
  });

  it("for an image: the look-up again, the image, and what governs a paid call", async () => {
    const operations = await operationsOf("tools/call", { name: "image_generate", arguments: { prompt: "a" } });
    expect(operations).toEqual({
      "kv.get": 1,
      "user-object.tokenState": 2,
      "auth.getUser": 2,
      "img-forge.generateImage": 1,
      "img-forge.readImage": 1,
      ...governed,
    });
  });

  it("for an explanation: what a call asks before its intent, and the balance if it costs", async () => {
    const [key, env] = [`sb_live_${crypto.randomUUID()}`, countedEnv()];
    const explain = (name: string, args: object) =>
      operationsOf("com.stackbilt/explain", { name, arguments: args }, {}, key, env);
    expect(await explain("flow_status", { flowId: "f" })).toEqual({ "auth.validateApiKey": 1 });
    expect(await explain("flow_status", { flowId: "f" })).toEqual({});
    expect(await explain("image_generate", { prompt: "a" })).toEqual({
      "auth.validateApiKey": 1,
      "auth.getCredits": 1,
    });
  });

  it("for an image: the answer waits for the intent and not for the outcome", async () => {
    for (const key of Object.keys(counts)) delete counts[key];
    const env = countedEnv();
    const stored = Promise.withResolvers<void>();
    const log = (id: DurableObjectId) => {
      const { begin, finish } = env.AUDIT_LOG.get(id);
      return { begin, finish: async (...end: Parameters<typeof finish>) => stored.promise.then(() => finish(...end)) };
    };
    const slow = { ...env.AUDIT_LOG, get: log } as unknown as Env["AUDIT_LOG"]; // the methods that a call uses
    const ctx = createExecutionContext();
    const call = { name: "image_generate", arguments: { prompt: "a" } };
    const answer = gateway.fetch(messageOf("tools/call", call), { ...env, AUDIT_LOG: slow }, ctx);
    // The gateway gives a silent audit log up after 5 seconds.
    const response = await Promise.race([answer, scheduler.wait(4_000)]);
    expect(await response?.json()).toMatchObject({ result: { structuredContent: { status: "completed" } } });
    expect(counts).toMatchObject({ "audit-log.begin": 1 });
    expect(counts["audit-log.finish"]).toBeUndefined();
    stored.resolve();
    await waitOnExecutionContext(ctx);
    expect(counts["audit-log.finish"]).toBe(1);
  });

  it("with an API key: no KV, and one call of the auth Worker unless it is cached and the tool is free", async () => {
    const [key, env] = [`sb_live_${crypto.randomUUID()}`, countedEnv()];
    const status = { name: "flow_status", arguments: { flowId: "f" } };
    const without = { "stackbilder.getFlowStatus": 1, "queue.send": 1 };
    expect(await operationsOf("tools/call", status, {}, key, env)).toEqual({ "auth.validateApiKey": 1, ...without });
    expect(await operationsOf("tools/call", status, {}, key, env)).toEqual(without);
    const generate = { name: "image_generate", arguments: { prompt: "a" } };
    const paid = { "img-forge.generateImage": 1, "img-forge.readImage": 1, ...governed };
    expect(await operationsOf("tools/call", generate, {}, key, env)).toEqual({ "auth.validateApiKey": 1, ...paid });
  });

  it("for reading an image one RPC; for a view and a prompt none; for a completion one if only a backend has the values", async () => {
    const audited = { ...lookUp, "queue.send": 1 };
    expect(await operationsOf("resources/read", { uri: `stackbilt://images/${job.job_id}` })).toEqual({
      ...audited,
      "img-forge.readImage": 1,
    });
    expect(await operationsOf("resources/read", { uri: "ui://stackbilt/picture" })).toEqual(audited);
    expect(await operationsOf("prompts/get", { name: "review_flow", arguments: { flowId: "f" } })).toEqual(lookUp);
    const complete = (prompt: string, name: string) =>
      operationsOf("completion/complete", { ref: { type: "ref/prompt", name: prompt }, argument: { name, value: "" } });
    expect(await complete("design_system", "profile")).toEqual(lookUp);
    expect(await complete("illustrate_idea", "model")).toEqual({ ...lookUp, "img-forge.listModels": 1 });
    expect(await complete("review_flow", "flowId")).toEqual({ ...lookUp, "stackbilder.listFlows": 1 });
  });

  it("for lists, the handshake and discovery: the look-up, and one RPC for the user's own images", async () => {
    for (const list of ["tools/list", "prompts/list", "resources/templates/list"])
      expect(await operationsOf(list, {}), list).toEqual(lookUp);
    expect(await operationsOf("resources/list", {})).toEqual({ ...lookUp, "img-forge.listImages": 1 });
    expect(await operationsOf("initialize", { protocolVersion: "2025-11-25" })).toEqual(lookUp);
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "server/discover" };
    expect(await operationsOf("server/discover", { _meta }, headers)).toEqual(lookUp);
  });
});

describe("a session of a sibling Worker takes", () => {
  it("nothing to open, and for a call what callTool takes", async () => {
    const credential = { apiKey: `sb_live_${"b".repeat(24)}` };
    async function operationsOfCall(call: (gateway: GatewayEntrypoint) => Promise<{ ok: boolean }>) {
      for (const key of Object.keys(counts)) delete counts[key];
      const props = { caller: "dashboard", scopes: ["read", "generate"] };
      const ctx = Object.assign(createExecutionContext(), { props });
      const reply = await call(new GatewayEntrypoint(ctx, countedEnv()));
      await waitOnExecutionContext(ctx);
      expect(reply).toMatchObject({ ok: true });
      return { ...counts };
    }
    const direct = await operationsOfCall((entry) => entry.callTool("image_list_models", {}, { credential }));
    expect(direct).toEqual({ "auth.validateApiKey": 1, "img-forge.listModels": 1, "queue.send": 1 });
    const inSession = await operationsOfCall((entry) => {
      const session: unknown = entry.session(credential);
      expect(session, "no promise").toBeInstanceOf(SessionTarget);
      expect(counts).toEqual({});
      return entry.session(credential).only("image_list_models").image_list_models();
    });
    expect(inSession).toEqual(direct);
  });
});
