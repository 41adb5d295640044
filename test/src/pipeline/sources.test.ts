// What is asked of backends for suggestions and lists, with backends that are older than the question, slow, down or wrong.
import { createExecutionContext } from "cloudflare:test";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Identity, Scope, TenantId } from "../../../contracts/rpc/identity.ts";
import { mcpServerFor } from "../../../entrypoints/gateway/mcp-server.ts";
import { traceFrom } from "../../../src/context.ts";
import type { Env } from "../../../src/env.ts";
import { suggest } from "../../../src/pipeline/prompts.ts";
import { sourcesFor } from "../../../src/pipeline/sources.ts";
import { envWith } from "../oauth/browser.ts";

const JOB = "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10";
const FLOW = { flowId: "flow_2", projectId: null, createdAt: 1_795_408_577 };
const IMAGE = { job_id: JOB, prompt: "A lighthouse", size_bytes: 4, completed_at: 1_795_408_577 };
const ADA: Identity = { subject: "u", tenantId: "t" as TenantId, tier: "free", scopes: ["read"], clientId: "c" }; // the brand lives in TypeScript only
const TRACE = traceFrom(null);

type Method = (context: { deadlineMs: number }, input: object) => Promise<unknown>;
const [listFlows, listImages] = [vi.fn<Method>(), vi.fn<Method>()];
/** Bindings of plain objects, which are called like them. */
const bound = (bindings: { STACKBILDER?: object; IMG_FORGE?: object }) =>
  envWith({}, bindings as unknown as Partial<Env>);
const env = bound({ STACKBILDER: { listFlows }, IMG_FORGE: { listImages } });

const log = vi.spyOn(console, "error");
beforeEach(() => {
  log.mockReset().mockImplementation(() => undefined);
  listFlows.mockReset().mockResolvedValue({ ok: true, value: { flows: [FLOW, { ...FLOW, flowId: "flow_1" }] } });
  listImages.mockReset().mockResolvedValue({ ok: true, value: { images: [IMAGE] } });
});
afterEach(() => vi.useRealTimers());
afterAll(() => log.mockRestore());

/** The names under which faults were logged. */
const logged = () =>
  log.mock.calls.map(([line]) => JSON.parse(String(line)) as { event: string; fault: string; method: string });

const asked: readonly [string, typeof listFlows, (from: Env, caller?: Identity) => Promise<readonly object[]>][] = [
  ["STACKBILDER.listFlows", listFlows, (from, caller = ADA) => sourcesFor(from, caller, TRACE).flows()],
  ["IMG_FORGE.listImages", listImages, (from, caller = ADA) => sourcesFor(from, caller, TRACE).images()],
];

describe.each(asked)("%s", (name, method, ask) => {
  it("is asked once, for nothing but what the caller has", async () => {
    expect(await ask(env)).not.toHaveLength(0);
    expect(method.mock.calls.map(([, input]) => input)).toEqual([{}]);
    expect(log).not.toHaveBeenCalled();
  });

  it("is not asked for who may not read, and is for who may generate", async () => {
    const withScopes = (...scopes: Scope[]) => ask(env, { ...ADA, scopes });
    expect(await withScopes()).toEqual([]);
    expect(method).not.toHaveBeenCalled();
    expect(await withScopes("generate")).not.toHaveLength(0);
  });

  it("has nothing to say where the backend is older than the question, down or wrong: each leaves one line, without its words", async () => {
    // Bound by RPC, these entrypoints have none of the methods.
    expect(await ask(bound({}))).toEqual([]);
    method.mockRejectedValueOnce(new Error("hunter2"));
    expect(await ask(env)).toEqual([]);
    method.mockResolvedValueOnce({ ok: true, value: { flows: "hunter2", images: Array(51).fill(IMAGE) } });
    expect(await ask(env)).toEqual([]);
    method.mockResolvedValueOnce({ ok: false, error: { code: "invented" } });
    expect(await ask(env)).toEqual([]);
    expect(logged().map(({ event, fault, method }) => [event, fault, method])).toEqual(
      ["rejected", "rejected", "breach", "breach"].map((fault) => ["rpc.fault", fault, name]),
    );
    expect(JSON.stringify(logged())).not.toContain("hunter2");
    expect(await ask(env)).not.toHaveLength(0);
  });

  it("has nothing to say where the backend takes more than two seconds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    method.mockReturnValueOnce(new Promise(() => undefined));
    let answer: readonly object[] | undefined;
    const asking = ask(env).then((found) => {
      answer = found;
    });
    await vi.waitFor(() => expect(method).toHaveBeenCalled());
    // Looking for the call has taken some of the time.
    await vi.advanceTimersByTimeAsync(1_500);
    expect(answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(500);
    await asking;
    expect(answer).toEqual([]);
    expect(logged()).toMatchObject([{ event: "rpc.fault", fault: "timeout", method: name }]);
  });
});

describe("suggestions", () => {
  it("for a flow are the caller's latest, newest first; for a picture's job its latest pictures", async () => {
    const typing = { value: "", others: {} };
    const flows = { ...typing, of: { prompt: "review_flow" }, name: "flowId" };
    expect(await suggest(env, ADA, TRACE, flows)).toEqual({ values: ["flow_2", "flow_1"], total: 2, hasMore: false });
    expect((await suggest(env, ADA, TRACE, { ...flows, value: "FLOW_1" }))?.values).toEqual(["flow_1"]);
    const jobs = { ...typing, of: { template: "stackbilt://images/{job_id}" }, name: "job_id" };
    expect((await suggest(env, ADA, TRACE, jobs))?.values).toEqual([JOB]);
    expect((await suggest(env, ADA, TRACE, { ...jobs, value: "1" }))?.values).toEqual([]);
  });
});

describe("the list of resources", () => {
  const hostOf = (scopes: Scope[]) =>
    mcpServerFor(
      env,
      createExecutionContext(),
      { kind: "api_key", identity: { ...ADA, scopes }, expiresAt: null, revalidate: async () => "good" },
      TRACE,
    );

  it("has pictures for whom the template is shown to", async () => {
    expect(await hostOf(["read"]).listResources?.(undefined)).toMatchObject([
      { uri: `stackbilt://images/${JOB}`, title: "A lighthouse" },
    ]);
    const nobody = hostOf([]);
    expect([nobody.features.templates, nobody.listResources]).toEqual([[], undefined]);
  });

  it("asks once in a request, however often it is listed", async () => {
    const host = hostOf(["read"]);
    const lists = await Promise.all([1, 2, 3].map(async () => host.listResources?.(undefined)));
    expect(lists.map((list) => list?.length)).toEqual([1, 1, 1]);
    expect(listImages).toHaveBeenCalledTimes(1);
  });
});
