// Calls whose answer is lost because the connection breaks, and which the client then repeats with
// another id and no key.
import { once } from "node:events";
import { connect as connectSocket, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { type Owner, useIssuer } from "../support/issuer.ts";
import { postRequest } from "../support/mcp-requests.ts";

const issuer = useIssuer();
const { system } = issuer;

type Row = Record<string, unknown>;
const BOTH = "application/json, text/event-stream";
/** The fake's cue to work for two seconds without a report. */
const SLOW = { prompt: "a slow kite", quality_tier: "draft" };
const CREATE = { projectDescription: "A kiosk" };

async function newUser(): Promise<{ owner: Owner; key: string }> {
  const owner = await issuer.addOwner("free");
  return { owner, key: (await issuer.createKey(owner, ["read", "generate"])).key };
}

async function rowsOf(worker: "auth" | "gateway", object: string, name: string, query: string): Promise<Row[]> {
  const storage = await system.worker(worker).getDurableObjectStorage(object, { name });
  return (await storage.exec(query)) as Row[];
}

const chargesOf = async ({ tenantId }: Owner) =>
  (await rowsOf("auth", "LedgerObject", tenantId, "SELECT * FROM reservations")).map(({ state, reference }) => ({
    state,
    reference,
  }));
const openCallsOf = ({ tenantId }: Owner) =>
  rowsOf("gateway", "AuditLogObject", `tenant/${tenantId}`, "SELECT * FROM open_calls");

/** Sends a call, and does not read its response. */
async function sendCall(key: string, name: string, args: object, accept = "application/json"): Promise<Socket> {
  const { hostname, port, host } = new URL(system.origin);
  const socket = connectSocket(Number(port), hostname);
  await once(socket, "connect");
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } });
  const head = ["POST /mcp HTTP/1.1", `Host: ${host}`, `Authorization: Bearer ${key}`, `Accept: ${accept}`];
  head.push("Content-Type: application/json", `Content-Length: ${body.length}`, "", body);
  socket.write(head.join("\r\n"));
  return socket;
}

/** The value of a call that is answered. */
async function call(key: string, name: string, args: object, accept = "application/json"): Promise<Row> {
  const request = { method: "tools/call", params: { name, arguments: args } };
  const response = await postRequest(system, key, request, { headers: { accept } });
  const text = await response.text();
  const json =
    text
      .split("\n")
      .findLast((line) => line.startsWith("data: "))
      ?.slice(6) ?? text;
  return (JSON.parse(json) as { result: { structuredContent: Row } }).result.structuredContent;
}

async function isBegun(owner: Owner): Promise<boolean> {
  return (await openCallsOf(owner).catch(() => [])).length > 0;
}

async function isKnownAsLost(owner: Owner): Promise<boolean> {
  return (await openCallsOf(owner)).some(({ undeliveredAt }) => undeliveredAt !== null);
}

describe("an image whose client disconnects while it is drawn", () => {
  it.each(["application/json", BOTH, "text/event-stream"])(
    "is the one that the repeated call gets, for one charge, also while it is drawn: %s",
    async (accept) => {
      const { owner, key } = await newUser();
      const socket = await sendCall(key, "image_generate", SLOW, accept);
      await expect.poll(() => isBegun(owner)).toBe(true);
      socket.destroy();
      await expect.poll(() => isKnownAsLost(owner)).toBe(true);
      const { job_id } = await call(key, "image_generate", SLOW, accept);
      await expect.poll(() => chargesOf(owner)).toEqual([{ state: "committed", reference: job_id }]);
      expect(await openCallsOf(owner)).toHaveLength(1);
    },
  );

  it("is drawn again on purpose once the repeated call has delivered it", async () => {
    const { owner, key } = await newUser();
    const socket = await sendCall(key, "image_generate", SLOW);
    await expect.poll(() => isBegun(owner)).toBe(true);
    socket.destroy();
    await expect.poll(() => isKnownAsLost(owner)).toBe(true);
    const jobs = [];
    for (const _ of [1, 2]) jobs.push((await call(key, "image_generate", SLOW)).job_id);
    expect(new Set(jobs).size).toBe(2);
    await expect.poll(() => chargesOf(owner)).toHaveLength(2);
  });
});

it("a flow whose client disconnects while it is made is the one that the repeated call gets", async () => {
  const { owner, key } = await newUser();
  const args = { projectDescription: "A slow kiosk" };
  const socket = await sendCall(key, "flow_create", args);
  await expect.poll(() => isBegun(owner)).toBe(true);
  socket.destroy();
  await expect.poll(() => isKnownAsLost(owner)).toBe(true);
  await call(key, "flow_create", args);
  await call(key, "flow_create", CREATE);
  const calls = await openCallsOf(owner);
  expect(calls).toHaveLength(2);
});

describe("identical calls whose answers were delivered", () => {
  it.each(["application/json", BOTH])("are two images, two flows and two charges, for %s", async (accept) => {
    const { owner, key } = await newUser();
    const draft = { prompt: "a kite", quality_tier: "draft" };
    const jobs = [];
    const flows = [];
    for (const _ of [1, 2]) {
      jobs.push((await call(key, "image_generate", draft, accept)).job_id);
      flows.push((await call(key, "flow_create", CREATE, accept)).flowId);
    }
    expect([new Set(jobs).size, new Set(flows).size]).toEqual([2, 2]);
    expect(await chargesOf(owner)).toMatchObject([{ state: "committed" }, { state: "committed" }]);
    await expect.poll(() => openCallsOf(owner).then((rows) => rows.every((row) => row.isFinished))).toBe(true);
    expect(await isKnownAsLost(owner)).toBe(false);
  });
});

it("an image that was drawn, and whose answer the client leaves before it is read, is not drawn again", async () => {
  const { owner, key } = await newUser();
  const args = { ...SLOW, prompt: "a stalled kite" };
  const socket = await sendCall(key, "image_generate", args);
  await expect.poll(() => chargesOf(owner).catch(() => [])).toMatchObject([{ state: "committed" }]);
  socket.destroy();
  await expect.poll(() => isKnownAsLost(owner)).toBe(true);
  const { job_id } = await call(key, "image_generate", args);
  expect(await chargesOf(owner)).toEqual([{ state: "committed", reference: job_id }]);
});
