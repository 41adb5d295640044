// Backend calls for completion and lists, with backends that lack the method, are slow, fail or
// break the contract.
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Identity, Scope, TenantId } from "../../../contracts/rpc/identity.ts";
import { mcpServerFor } from "../../../entrypoints/gateway/mcp-server.ts";
import { breakerOf } from "../../../src/backends/breaker.ts";
import type { Env } from "../../../src/env.ts";
import { complete } from "../../../src/pipeline/prompts.ts";
import { sourcesFor } from "../../../src/pipeline/sources.ts";
import { EVENTUALLY } from "../../support/eventually.ts";
import { newContext } from "../context.ts";
import { envWith } from "../oauth/browser.ts";

const JOB = "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10";
const FLOW = { flowId: "flow_2", projectId: null, createdAt: 1_795_408_577 };
const IMAGE = { job_id: JOB, prompt: "A lighthouse", size_bytes: 4, completed_at: 1_795_408_577 };
const ADA: Identity = { subject: "u", tenantId: "t" as TenantId, tier: "enterprise", scopes: ["read"], clientId: "c" }; // the brand lives in TypeScript only

type Method = (context: { deadlineMs: number }, input: object) => Promise<unknown>;
const [listFlows, listImages] = [vi.fn<Method>(), vi.fn<Method>()];
/** Bindings as plain objects, which are called alike. */
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

const sources = (from: Env, identity: Identity) => sourcesFor(newContext(from).context, identity);
const lists: readonly [string, typeof listFlows, (from: Env, identity?: Identity) => Promise<readonly object[]>][] = [
  ["STACKBILDER.listFlows", listFlows, (from, identity = ADA) => sources(from, identity).flows()],
  ["IMG_FORGE.listImages", listImages, (from, identity = ADA) => sources(from, identity).images()],
];

describe.each(lists)("%s", (name, method, list) => {
  it("is called once, with an empty input", async () => {
    expect(await list(env)).not.toHaveLength(0);
    expect(method.mock.calls.map(([, input]) => input)).toEqual([{}]);
    expect(log).not.toHaveBeenCalled();
  });

  it("is not called without a scope, and is with `generate`", async () => {
    const withScopes = (...scopes: Scope[]) => list(env, { ...ADA, scopes });
    expect(await withScopes()).toEqual([]);
    expect(method).not.toHaveBeenCalled();
    expect(await withScopes("generate")).not.toHaveLength(0);
  });

  it("is empty if the backend lacks the method, fails or breaks the contract; each attempt logs one line without the backend's words", async () => {
    // These entrypoints, bound by RPC, have none of the methods. Other files share them and their
    // breakers, which count their faults.
    const unbound = bound({});
    for (const binding of [unbound.STACKBILDER, unbound.IMG_FORGE])
      breakerOf(binding).leave({ isProbe: true }, false, { backend: name, traceId: "" });
    expect(await list(unbound)).toEqual([]);
    method.mockRejectedValueOnce(new Error("hunter2")).mockRejectedValueOnce(new Error("hunter2"));
    expect(await list(env)).toEqual([]);
    method.mockResolvedValueOnce({ ok: true, value: { flows: "hunter2", images: Array(51).fill(IMAGE) } });
    expect(await list(env)).toEqual([]);
    method.mockResolvedValueOnce({ ok: false, error: { code: "invented" } });
    expect(await list(env)).toEqual([]);
    expect(logged().map(({ event, fault, method }) => [event, fault, method])).toEqual(
      // A call whose binding failed is made again.
      ["rejected", "rejected", "rejected", "rejected", "breach", "breach"].map((fault) => ["rpc.fault", fault, name]),
    );
    expect(JSON.stringify(logged())).not.toContain("hunter2");
    expect(await list(env)).not.toHaveLength(0);
  });

  it("is empty if the backend takes more than two seconds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    method.mockReturnValueOnce(new Promise(() => undefined));
    let found: readonly object[] | undefined;
    const asking = list(env).then((list) => {
      found = list;
    });
    await vi.waitFor(() => expect(method).toHaveBeenCalled(), EVENTUALLY);
    // Waiting for the call has taken some of the time.
    await vi.advanceTimersByTimeAsync(1_500);
    expect(found).toBeUndefined();
    await vi.advanceTimersByTimeAsync(500);
    await asking;
    expect(found).toEqual([]);
    expect(logged()).toMatchObject([{ event: "rpc.fault", fault: "timeout", method: name }]);
  });
});

describe("completion", () => {
  it("of a flow id has the user's latest flows, newest first; of a job id the latest pictures", async () => {
    const request = { value: "", others: {} };
    const flows = { ...request, of: { prompt: "review_flow" }, name: "flowId" };
    expect(await complete(newContext(env).context, ADA, flows)).toEqual({
      values: ["flow_2", "flow_1"],
      total: 2,
      hasMore: false,
    });
    expect(await complete(newContext(env).context, ADA, { ...flows, value: "FLOW_1" })).toMatchObject({
      values: ["flow_1"],
    });
    const jobs = { ...request, of: { template: "stackbilt://images/{job_id}" }, name: "job_id" };
    expect(await complete(newContext(env).context, ADA, jobs)).toMatchObject({ values: [JOB] });
    expect(await complete(newContext(env).context, ADA, { ...jobs, value: "1" })).toMatchObject({ values: [] });
  });
});

describe("the list of resources", () => {
  const serverFor = (scopes: Scope[]) =>
    mcpServerFor(newContext(env).context, {
      kind: "api_key",
      identity: { ...ADA, scopes },
      expiresAt: null,
      revalidate: async () => "good",
    });

  it("has pictures for a credential that is shown the template", async () => {
    expect(await serverFor(["read"]).listResources?.(undefined)).toMatchObject([
      { uri: `stackbilt://images/${JOB}`, title: "A lighthouse" },
    ]);
    const withoutScopes = serverFor([]);
    expect([withoutScopes.features.templates, withoutScopes.listResources]).toEqual([[], undefined]);
  });

  it("calls the backend once a request, however often it is listed", async () => {
    const server = serverFor(["read"]);
    const lists = await Promise.all([1, 2, 3].map(async () => server.listResources?.(undefined)));
    expect(lists).toMatchObject([[{}], [{}], [{}]]);
    expect(listImages).toHaveBeenCalledTimes(1);
  });
});
