// Reads of resources through the pipeline, with an img-forge that counts and can be made to
// misbehave.
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Identity, TenantId } from "../../../contracts/rpc/identity.ts";
import type { ResourceReadEvent } from "../../../src/audit/event.ts";
import type { Env } from "../../../src/env.ts";
import { readResource } from "../../../src/pipeline/read-resource.ts";
import { PICTURE_LIMIT_BYTES, pictureUri } from "../../../src/resources/picture.ts";
import { views } from "../../../src/resources/views.ts";
import { EVENTUALLY } from "../../support/eventually.ts";
import { newContext } from "../context.ts";
import { envWith } from "../oauth/browser.ts";

const JOB = "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10";
const URI = pictureUri(JOB);
const ADA: Identity = { subject: "u", tenantId: "t" as TenantId, tier: "enterprise", scopes: ["read"], clientId: "c" }; // the brand lives in TypeScript only

const readImage = vi.fn<(context: unknown, input: { job_id: string }) => Promise<unknown>>();
const records: ResourceReadEvent[] = [];
const queue = { send: async (event: ResourceReadEvent) => void records.push(event) };
// Plain objects do not have the bindings' types, but are called alike.
const env = envWith(
  {},
  { IMG_FORGE: { readImage } as unknown as Env["IMG_FORGE"], PLATFORM_EVENTS_QUEUE: queue as never },
);

beforeEach(() => {
  vi.resetAllMocks();
  records.length = 0;
});

async function read(uri: string, identity: Identity = ADA) {
  const { context, finish } = newContext(env);
  const result = await readResource(context, identity, uri);
  await finish();
  return result;
}

/**
 * A picture that arrives in these pieces. The returned state tells how many were pulled, and if the
 * reader cancelled.
 */
function picture(pieces: readonly Uint8Array[], announced = pieces.reduce((size, piece) => size + piece.length, 0)) {
  const state = { pulled: 0, isCancelled: false };
  const body = new ReadableStream({
    pull(controller) {
      const piece = pieces[state.pulled++];
      if (piece) controller.enqueue(piece);
      else controller.close();
    },
    cancel() {
      state.isCancelled = true;
    },
  });
  readImage.mockResolvedValueOnce({ ok: true, value: { mime_type: "image/png", size_bytes: announced, body } });
  return state;
}

describe("a picture", () => {
  it("is read in full with one RPC, in pieces of any size", async () => {
    const bytes = Uint8Array.from({ length: 100_003 }, (_, at) => at % 251);
    picture([bytes.subarray(0, 1), bytes.subarray(1, 1), bytes.subarray(1, 40_001), bytes.subarray(40_001)]);
    const result = await read(URI);
    expect(result).toMatchObject({ state: "read", ttlMs: 86_400_000, contents: [{ uri: URI, mimeType: "image/png" }] });
    const [contents] = result.state === "read" ? result.contents : [];
    const blob = contents && "blob" in contents ? contents.blob : "";
    expect(Uint8Array.from(atob(blob), (char) => char.charCodeAt(0))).toEqual(bytes);
    expect(readImage.mock.calls.map(([, input]) => input)).toEqual([{ job_id: JOB }]);
  });

  it("is read up to the limit and not a byte beyond, whatever size was announced", async () => {
    const half = new Uint8Array(PICTURE_LIMIT_BYTES / 2);
    picture([half, half]);
    expect(await read(URI)).toMatchObject({ state: "read" });
    const announced = picture([half, half, new Uint8Array(1)]);
    const lied = picture([half, half, new Uint8Array(1), half], 5);
    for (const body of [announced, lied]) {
      expect(await read(URI)).toEqual({
        state: "failed",
        message: expect.stringMatching(/larger than 8388608 bytes.*image_check_job/),
      });
      expect(body.isCancelled).toBe(true);
    }
    // One piece is fetched ahead by the stream itself.
    expect(announced.pulled).toBe(1);
    expect(records.map(({ outcome }) => outcome)).toEqual(["ok", "picture_too_large", "picture_too_large"]);
  });

  it("is not found if the backend has no such job for this tenant", async () => {
    readImage.mockResolvedValueOnce({ ok: false, error: { code: "job_not_found" } });
    expect(await read(URI)).toEqual({ state: "not_found" });
    expect(records).toMatchObject([{ decision: "allowed", outcome: "job_not_found" }]);
  });

  it("fails with a sentence if it is not completed", async () => {
    readImage.mockResolvedValueOnce({ ok: false, error: { code: "job_not_completed" } });
    expect(await read(URI)).toMatchObject({
      state: "failed",
      message: expect.stringContaining("This image is not finished."),
    });
  });

  it("fails with our sentence and the trace id if the backend throws", async () => {
    readImage.mockRejectedValueOnce(new Error("hunter2")).mockRejectedValueOnce(new Error("hunter2"));
    const result = await read(URI);
    expect(result).toEqual({
      state: "failed",
      message: expect.stringMatching(/could not be reached.*code unavailable, trace id [0-9a-f]{32}/),
    });
    expect(JSON.stringify([result, records])).not.toContain("hunter2");
    expect(records).toMatchObject([{ decision: "allowed", outcome: "unavailable" }]);
  });

  it("fails if its bytes break off or stop arriving", async () => {
    const value = (body: ReadableStream) => ({ ok: true, value: { mime_type: "image/png", size_bytes: 9, body } });
    const refused = { state: "failed", message: expect.stringContaining("did not arrive in full") };
    const cancel = vi.fn();
    readImage.mockResolvedValueOnce(
      value(new ReadableStream({ pull: (controller) => controller.error(new Error("hunter2")) })),
    );
    expect(await read(URI)).toEqual(refused);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const stalled = new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array(3)),
        cancel,
      });
      readImage.mockResolvedValueOnce(value(stalled));
      const result = read(URI);
      await vi.waitFor(() => expect(readImage).toHaveBeenCalledTimes(2), EVENTUALLY);
      await vi.advanceTimersByTimeAsync(20_000);
      expect(await result).toEqual(refused);
      expect(cancel, "the rest is cancelled").toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });

  it("needs the scope `read`, and is not requested without it", async () => {
    expect(await read(URI, { ...ADA, scopes: [] })).toEqual({ state: "insufficient_scope", scopes: ["read"] });
    expect(readImage).not.toHaveBeenCalled();
    expect(records).toMatchObject([
      { resource: "picture", decision: "insufficient_scope", outcome: "insufficient_scope" },
    ]);
    picture([new Uint8Array(1)]);
    expect(await read(URI, { ...ADA, scopes: ["generate"] })).toMatchObject({ state: "read" });
  });
});

it.each([
  `${URI}/`,
  `${URI}.png`,
  `${URI}?x=1`,
  `stackbilt://images/${JOB.replaceAll("-", "")}`,
  "stackbilt://images/",
  "stackbilt://images/../flows/f",
  `stackbilt://images/%30${JOB.slice(1)}`,
  `STACKBILT://images/${JOB}`,
  `https://images.example/images/${JOB}.png`,
  "ui://stackbilt/",
  "ui://stackbilt/__proto__",
  "file:///etc/passwd",
  "",
])("an unknown URI is not found, without a backend call: %s", async (uri) => {
  expect(await read(uri)).toEqual({ state: "not_found" });
  expect(readImage).not.toHaveBeenCalled();
  expect(records).toMatchObject([{ resource: null, decision: "unknown_resource" }]);
});

it("each read has one record, which shows the job id and never an invented URI", async () => {
  picture([new Uint8Array(1)]);
  await read(URI);
  await read("my-scheme://a portrait of my neighbour");
  const common = {
    type: "resource.read",
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    at: expect.stringMatching(/Z$/),
    durationMs: expect.any(Number),
  };
  const who = { channel: "mcp", subject: "u", tenantId: "t", clientId: "c", tier: "enterprise", scopes: ["read"] };
  expect(records).toEqual([
    { ...common, ...who, resource: "picture", decision: "allowed", outcome: "ok", input: { job_id: JOB } },
    {
      ...common,
      ...who,
      resource: null,
      decision: "unknown_resource",
      outcome: "unknown_resource",
      input: { "<unknown fields>": 1 },
    },
  ]);
});

it.each([...views.values()])("the view $uri is one small page that loads nothing", async ({ uri, html }) => {
  expect(await read(uri)).toEqual({
    state: "read",
    ttlMs: 300_000,
    contents: [
      {
        uri,
        mimeType: "text/html;profile=mcp-app",
        text: html,
        _meta: { ui: { csp: { connectDomains: [], resourceDomains: [] }, prefersBorder: true } },
      },
    ],
  });
  expect(html.length).toBeLessThan(10 * 1024);
  expect(html).toMatch(/^<!doctype html>/);
  expect(html).not.toMatch(/https?:\/\/|innerHTML|insertAdjacentHTML|document\.write|eval\(|\bfetch\(|\bimport\b/);
  expect(readImage).not.toHaveBeenCalled();
});
