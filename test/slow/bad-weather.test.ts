// Bad weather: every part of the running system is lost, killed, hung, slowed or made to lie in the
// middle of calls. Whatever the weather, each call has one answer, and books and records agree.
import { beforeAll, describe, expect, it, vi } from "vitest";
import { CallLog, type CallToMake, type MadeCall } from "../support/call-log.ts";
import { chainsBehind, inconsistencies } from "../support/consistency.ts";
import { EVENTUALLY } from "../support/eventually.ts";
import { FAULTY_MAINS, FaultControl } from "../support/faults/control.ts";
import { type Fault, type FaultKind, SECRET_OF_ERRORS } from "../support/faults/messages.ts";
import { useIssuer } from "../support/issuer.ts";
import { accessTokenOf, connect } from "../support/mcp-clients.ts";
import { newAccount } from "../support/user.ts";

const issuer = useIssuer({
  mains: FAULTY_MAINS,
  vars: { gateway: { CREDENTIAL_CACHE_SECONDS: "0" } },
});
const { system } = issuer;
const control = new FaultControl(system);
const log = new CallLog(system);
const tenants: string[] = [];
/** Calls with a key, which are made again in fair weather. */
const toRepeat: CallToMake[] = [];
const deceived = new Set<string>();
/** Longer than the pause of a backend with faults in a row. Milliseconds. */
const BREAKER_MS = 11_000;
/** A deadline that no test reaches. Milliseconds. */
const LONG_MS = 300_000;
const secrets = [SECRET_OF_ERRORS];
beforeAll(() => void secrets.push(...issuer.secrets));

/** The ways in which each method goes wrong. */
const WEATHER: Readonly<Record<string, readonly (FaultKind | `lying: ${string}`)[]>> = {
  "AUTH_SERVICE.validateApiKey": ["gone", "hung", "lying: nothing"],
  "AUTH_SERVICE.getUser": ["gone", "hung", "lying: another user"],
  "AUTH_SERVICE.reserveCredits": [
    ...(["gone", "killed", "hung", "silent", "slow"] as const),
    ...(["lying: html", "lying: an unlisted state", "lying: nothing reserved", "lying: a wrong balance"] as const),
  ],
  "AUTH_SERVICE.settleCredits": [
    ...(["gone", "killed", "hung", "silent", "slow"] as const),
    ...(["lying: an unlisted code", "lying: an unknown reservation", "lying: refunded"] as const),
  ],
  "LEDGERS.reserve": ["gone", "killed", "hung", "aborted"],
  "LEDGERS.settle": ["gone", "killed", "aborted"],
  "IMG_FORGE.generateImage": [
    ...(["gone", "killed", "hung", "silent", "slow"] as const),
    ...(["lying: nothing", "lying: an unlisted state", "lying: another job"] as const),
  ],
  "IMG_FORGE.readImage": ["gone", "lying: html"],
  "JOBS.claim": ["killed", "aborted"],
  "JOBS.draw": ["gone", "killed", "hung", "aborted"],
  "IMAGES.put": ["gone", "killed"],
  "RECENT_IMAGES.add": ["gone", "aborted"],
  "STACKBILDER.createFlow": ["gone", "killed", "hung", "silent", "lying: an unlisted code"],
  "FLOWS.create": ["killed", "aborted"],
  "RECENT_FLOWS.add": ["gone", "aborted"],
  "AUDIT_LOG.begin": ["gone", "killed", "hung", "silent", "aborted"],
  "AUDIT_LOG.finish": ["gone", "killed", "hung", "silent", "aborted"],
  "PLATFORM_EVENTS_QUEUE.send": ["gone", "hung"],
  "PLATFORM_EVENTS_QUEUE.sendBatch": ["gone", "killed"],
  "USERS.tokenState": ["gone", "hung", "aborted"],
  "OAUTH_KV.get": ["gone", "hung"],
  queue: ["gone", "killed"],
  "DB.prepare": ["gone"],
  "DB.batch": ["killed", "hung"],
};

/** The same for what a sign-in, a token request and a session need. */
const WEATHER_OF_SIGN_IN: typeof WEATHER = {
  "AUTH_SERVICE.registerUser": ["killed", "hung"],
  "AUTH_SERVICE.provisionTenant": ["gone", "killed"],
  "ONE_TIME.claim": ["gone", "killed", "aborted"],
  "RATE_COUNTER.count": ["gone", "hung", "aborted"],
  "GRANTS.open": ["gone", "aborted"],
  "GRANTS.handleTokenRequest": ["gone", "killed", "aborted"],
  "AUDIT_LOG.append": ["gone", "killed", "hung"],
  "OAUTH_KV.put": ["gone"],
  "MCP_SESSION.create": ["gone"],
};

const rowsOf = (weather: typeof WEATHER) =>
  Object.entries(weather).flatMap(([at, kinds]) => kinds.map((kind) => [at, kind] as const));

function faultOf(at: string, kind: string): Fault {
  const [, lie] = /^lying: (.*)$/.exec(kind) ?? [];
  return lie === undefined ? { at, kind: kind as FaultKind } : { at, kind: "lying", lie };
}

/** A word of a user, which no log may have. */
function word(): string {
  const made = `melanoma${crypto.randomUUID().replace(/[^a-f]/g, "")}`;
  secrets.push(made);
  return made;
}

/** A user of a new tenant: an API key. */
async function newUser(): Promise<{ tenantId: string; bearer: string }> {
  const owner = await issuer.addOwner("pro");
  const { key: bearer } = await issuer.createKey(owner, ["read", "generate"]);
  tenants.push(owner.tenantId);
  secrets.push(owner.email, bearer);
  return { tenantId: owner.tenantId, bearer };
}

/** The access token of a client whose user signed in. */
let visitor = { tenantId: "", bearer: "" };
beforeAll(async () => {
  const user = await connect(system.origin, "modern");
  const bearer = accessTokenOf(user);
  const { tenantId } = await issuer.ownerOf(bearer);
  visitor = { tenantId, bearer };
  tenants.push(tenantId);
  secrets.push(bearer, user.account.email, user.account.password);
});

/** Ends the pause of a backend that had faults, so that the next row reaches it. */
async function closeBreakers(user: { tenantId: string; bearer: string }): Promise<void> {
  await control.pass(BREAKER_MS);
  const fair = { ...user, entrance: "mcp", during: "fair weather" } as const;
  await Promise.all([
    log.make({ ...fair, tool: "image_list_models", input: {} }),
    log.make({ ...fair, tool: "flow_status", input: { flowId: "0".repeat(26) } }),
  ]);
  // Tokens of the test have the time of its own process.
  await control.pass(-BREAKER_MS);
}

describe("a call", () => {
  it.each(rowsOf(WEATHER))("has one answer, and its credits and records agree, while %s is %s", async (at, kind) => {
    const user = await newUser();
    if (kind === "lying: another job") deceived.add(user.tenantId);
    const during = `${at} is ${kind}`;
    const [one, other] = /killed|silent|slow|aborted/.test(kind)
      ? (["rpc", "mcp"] as const)
      : (["mcp", "rpc"] as const);
    const input = { prompt: word(), quality_tier: "draft" };
    const idempotencyKey = "k";
    const keyed: CallToMake[] = [
      { ...user, entrance: one, tool: "image_generate", input, idempotencyKey, during },
      { ...user, entrance: other, tool: "flow_create", input: { projectDescription: word() }, idempotencyKey, during },
    ];
    const read: CallToMake = { ...visitor, entrance: "mcp", tool: "image_list_models", input: {}, during };
    const before = await control.inject([faultOf(at, kind)]);
    await Promise.all([...keyed, read].map((call) => log.make(call)));
    expect(await control.inject([]), "the fault happened").toBeGreaterThan(before);
    toRepeat.push(...keyed);
    await closeBreakers(user);
  });
});

describe("a sign-in", () => {
  it.each(rowsOf(WEATHER_OF_SIGN_IN))(
    "ends while %s is %s",
    async (at, kind) => {
      const account = newAccount();
      secrets.push(account.email, account.password);
      const before = await control.inject([faultOf(at, kind)]);
      const signingIn = connect(system.origin, "legacy", { account, capabilities: { elicitation: {} } });
      await signingIn.then((user) => user.close()).catch(() => undefined);
      expect(await control.inject([]), "the fault happened").toBeGreaterThan(before);
    },
    30_000,
  );
});

/** The steps of a call between which its isolate is lost, and where the call waits then. */
const STEPS: readonly (readonly [step: string, fault: Fault])[] = [
  ["after the intent", { at: "AUDIT_LOG.begin", kind: "silent" }],
  ["between intent and reservation", { at: "AUTH_SERVICE.reserveCredits", kind: "hung" }],
  ["after the reservation", { at: "AUTH_SERVICE.reserveCredits", kind: "silent" }],
  ["before the dispatch", { at: "IMG_FORGE.generateImage", kind: "hung" }],
  ["after the dispatch", { at: "IMG_FORGE.generateImage", kind: "silent" }],
  ["in the middle of the work", { at: "IMAGES.put", kind: "hung" }],
  ["between answer and settlement", { at: "AUTH_SERVICE.settleCredits", kind: "hung" }],
  ["between settlement and outcome", { at: "AUTH_SERVICE.settleCredits", kind: "silent" }],
  ["before the outcome", { at: "AUDIT_LOG.finish", kind: "hung" }],
  ["after the outcome", { at: "AUDIT_LOG.finish", kind: "silent" }],
];

describe("calls whose process is killed", () => {
  it("between any two of their steps have at most one answer, and are made again with their key", async () => {
    const pending: Promise<MadeCall>[] = [];
    const users: string[] = [];
    for (const [step, fault] of STEPS) {
      const user = await newUser();
      users.push(user.tenantId);
      const input = { prompt: word(), quality_tier: "draft" };
      const identity = { tool: "image_generate", input, idempotencyKey: "k", during: `the process ends ${step}` };
      const entrance = pending.length % 2 === 0 ? "mcp" : "rpc";
      const before = await control.set({ faults: [fault], deadlineMs: LONG_MS });
      toRepeat.push({ ...user, ...identity, entrance });
      pending.push(log.make({ ...user, ...identity, entrance }));
      await vi.waitFor(async () => expect(await control.set({}), step).toBeGreaterThan(before), EVENTUALLY);
    }
    // The local queue is in memory: what the process has in it is lost, unlike on the platform.
    const inQueue = () => chainsBehind({ system, tenants: users });
    await vi.waitFor(async () => expect(await inQueue()).toEqual([]), EVENTUALLY);
    await system.restart();
    await control.inject([]);
    const answers = await Promise.all(pending);
    // Those that wait for the ledger or the backend; the others have their answer by now.
    expect(answers.filter(({ isBroken }) => isBroken).length).toBeGreaterThanOrEqual(5);
  }, 120_000);
});

describe("after all of it", () => {
  it("each call with a key can be made again, for the same work", async () => {
    const repeated: MadeCall[] = [];
    for (const some of chunksOf(toRepeat, 8)) repeated.push(...(await Promise.all(some.map((call) => log.make(call)))));
    expect(repeated.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  }, 120_000);

  it("every call has one answer, ledgers and chains are whole, and nothing secret is in any of them", async () => {
    const evidence = { system, control, tenants, calls: log.calls, secrets, deceived };
    expect(await inconsistencies(evidence)).toEqual([]);
  }, 120_000);
});

function chunksOf<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
}
