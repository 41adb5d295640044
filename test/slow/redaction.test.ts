// Words of a user, one by one and in every field, on every path to the gateway: none is in a log of
// any Worker, in a message of the audit queue, in a confirmation, or in an error.
import { expect, it, vi } from "vitest";
import type { AuditEvent } from "../../src/audit/event.ts";
import { EVENTUALLY } from "../support/eventually.ts";
import { accessTokenOf, connect } from "../support/mcp-clients.ts";
import { type McpRequestOptions, postRequest } from "../support/mcp-requests.ts";
import type { SiblingCall } from "../support/sibling-worker.ts";
import { useSystem } from "../support/system.ts";
import { TOOLS } from "../support/tool-names.ts";

const system = useSystem("confirming");

const given: string[] = [];
const letters = () =>
  crypto
    .randomUUID()
    .replace(/[^a-f]/g, "")
    .slice(0, 6);
const KINDS: readonly (() => string)[] = [
  () => `Melanoma${letters()}`,
  () => `${letters()}@example.com`,
  () => `癌${letters()}症`,
  () => `Ödem${letters()}`,
  () => `sb_live_${letters()}abcdefghijklmnop1234`,
  () => `+4917${Math.random().toString().slice(2, 12)}`,
  () => crypto.randomUUID().replaceAll("-", ""),
];

/** A word that no log may have. */
function word(): string {
  const made = KINDS[given.length % KINDS.length]?.() ?? "";
  given.push(made);
  return made;
}

const FIELDS: readonly string[] = [
  ...["prompt", "negative_prompt", "model", "quality_tier", "job_id", "wait", "flowId", "projectDescription"],
  ...["taskKeywords", "projectId", "policy"],
];
/** The inputs of a tool: valid as far as words can be, and with words where none may be. */
function inputs(): Record<string, unknown>[] {
  const everywhere = (value: () => unknown) => Object.fromEntries(FIELDS.map((field) => [field, value()]));
  return [
    { prompt: word(), negative_prompt: word(), model: word(), quality_tier: "draft" },
    { projectDescription: word(), taskKeywords: [word(), word()], projectId: word() },
    { flowId: word() },
    { job_id: word() },
    everywhere(word),
    everywhere(() => [word(), { [word()]: word() }]),
    { ...everywhere(() => ({ profile: word(), minQuality: word() })), [word()]: { [word()]: word() } },
    { policy: JSON.stringify({ profile: word() }), taskKeywords: JSON.stringify([word()]) },
  ];
}

it("shows none of a user's words and secrets, whichever path they take", async () => {
  const full = await connect(system.origin, "modern");
  const reader = await connect(system.origin, "modern", { generate: false });
  const forms = { revision: "2026-07-28", capabilities: { elicitation: {} } };
  const tasks = { revision: "2026-07-28", capabilities: { extensions: { "io.modelcontextprotocol/tasks": {} } } };
  const replies: string[] = [];
  const send = async (method: string, params: Record<string, unknown>, options: McpRequestOptions = {}, who = full) => {
    const response = await postRequest(system, accessTokenOf(who), { method, params }, options);
    const reply = (await response.json()) as { result?: { inputRequests?: object }; error?: object };
    replies.push(JSON.stringify(reply.result?.inputRequests ?? ""));
  };

  for (const input of inputs()) {
    for (const name of [...TOOLS.filter((tool) => !/advance|recover/.test(tool)), word().replace(/\W/g, "x")]) {
      await send("tools/call", { name, arguments: input });
      const call: SiblingCall = { through: "GATEWAY", tool: name, input };
      await system.worker("sibling").fetch("/", { method: "POST", body: JSON.stringify(call) });
    }
    await send("tools/call", { name: "image_generate", arguments: input }, forms);
    await send("tools/call", { name: "image_generate", arguments: input }, tasks);
    await send("tools/call", { name: "image_generate", arguments: input }, {}, reader);
  }
  for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) await send(method, { taskId: letters() }, tasks);
  for (const uri of ["stackbilt://images/", "ui://stackbilt/", "https://example.com/"])
    await send("resources/read", { uri: uri + encodeURIComponent(word()) });
  await send("prompts/get", { name: "illustrate_idea", arguments: { idea: word(), model: word() } });
  await send("completion/complete", {
    ref: { type: "ref/prompt", name: "illustrate_idea" },
    argument: { name: "model", value: word() },
  });
  await Promise.all([full.close(), reader.close()]);

  const audited = await vi.waitFor(async () => {
    const all = (await (await system.worker("event-consumer").fetch("/")).json()) as AuditEvent[];
    const logged = system.logs().filter((line) => line.includes('"event":"audit"'));
    expect(all.length).toBeGreaterThanOrEqual(logged.length);
    return all;
  }, EVENTUALLY);
  expect(audited.length).toBeGreaterThan(150);
  expect(replies.filter((reply) => reply.includes("elicitation/create")).length).toBeGreaterThan(0);
  const everything = [JSON.stringify(audited), ...system.logs(), ...replies].join("\n");
  expect(given.filter((text) => everything.includes(text) || everything.includes(encodeURIComponent(text)))).toEqual(
    [],
  );
}, 120_000);
