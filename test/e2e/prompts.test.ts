// Prompts and completion with the official clients, and the calls that a prompt tells a model to
// make.
import { describe, expect, it } from "vitest";
import { type Connected, callTool, connect, MODES } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem();

async function createFlow(connected: Connected): Promise<string> {
  return (await callTool<{ flowId: string }>(connected, "flow_create", { projectDescription: "A kiosk" })).flowId;
}

describe.each(MODES)("an official client, %s", (mode) => {
  it("lists the prompts, completes their arguments and gets a prompt's message", async () => {
    const connected = await connect(system.origin, mode);
    const { client, close } = connected;
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name, title }) => [name, title])).toEqual([
      ["design_system", "Design a system"],
      ["illustrate_idea", "Illustrate an idea"],
      ["review_flow", "Review a design"],
    ]);
    const complete = async (prompt: string, name: string, value: string, others?: Record<string, string>) => {
      const ref = { type: "ref/prompt", name: prompt } as const;
      const context = others && { arguments: others };
      return (await client.complete({ ref, argument: { name, value }, ...(context && { context }) })).completion.values;
    };
    expect(await complete("design_system", "profile", "S")).toEqual(["strict"]);
    expect(await complete("illustrate_idea", "quality_tier", "")).toEqual([
      "draft",
      "standard",
      "premium",
      "ultra",
      "ultra_plus",
    ]);
    // On a free plan, with no model enabled but the Worker's own.
    expect(await complete("illustrate_idea", "model", "PRO")).toEqual(["procedural"]);
    expect(await complete("illustrate_idea", "model", "", { quality_tier: "ultra" })).toEqual([]);
    expect(await complete("review_flow", "flowId", "")).toEqual([]);
    const [first, second] = [await createFlow(connected), await createFlow(connected)];
    expect(await complete("review_flow", "flowId", "")).toEqual([second, first]);
    expect(await complete("review_flow", "flowId", first.slice(0, 40))).toContain(first);
    expect(await complete("review_flow", "flowId", "no-such-flow")).toEqual([]);

    const { messages } = await client.getPrompt({
      name: "design_system",
      arguments: { description: "A weather station", profile: "strict" },
    });
    expect(messages).toMatchObject([
      { role: "user", content: { type: "text", text: expect.stringContaining("A weather station") } },
    ]);
    await close();
  });
});

describe("completion of flow ids", () => {
  it("has the user's own flows only, also for a client with the scope read", async () => {
    const [owner, stranger] = [await connect(system.origin, "modern"), await connect(system.origin, "modern")];
    const flowId = await createFlow(owner);
    const reader = await connect(system.origin, "modern", {
      account: owner.account,
      hasAccount: true,
      generate: false,
    });
    const suggested = async ({ client }: Connected) => {
      const ref = { type: "ref/prompt", name: "review_flow" } as const;
      return (await client.complete({ ref, argument: { name: "flowId", value: "" } })).completion.values;
    };
    expect(await Promise.all([owner, reader, stranger].map(suggested))).toEqual([[flowId], [flowId], []]);
    await Promise.all([owner.close(), stranger.close(), reader.close()]);
  });
});

describe("a prompt", () => {
  it("leads to a whole design if its steps are followed", async () => {
    const connected = await connect(system.origin, "modern");
    const { client, close } = connected;
    const description = "A booking system for a small theatre";
    const { messages } = await client.getPrompt({
      name: "design_system",
      arguments: { description, profile: "strict" },
    });
    const [first] = messages;
    if (first?.content.type !== "text") throw new Error("The message is no text.");
    const policy = JSON.parse(/, and (\{.*?\}) into policy/.exec(first.content.text)?.[1] ?? "") as object;
    let flow = await callTool<{ flowId: string; status: string }>(connected, "flow_create", {
      policy,
      projectDescription: description,
    });
    const { flowId } = flow;
    for (let calls = 0; flow.status !== "completed" && calls < 7; calls++) {
      flow = await callTool(connected, flow.status === "failed" ? "flow_recover" : "flow_advance", { flowId });
    }
    expect(flow.status).toBe("completed");
    const { artifacts } = await callTool<{ artifacts: unknown[] }>(connected, "flow_summary", { flowId });
    expect(artifacts).toHaveLength(6);
    await close();
  });

  it("is filled also without arguments and with unknown values; only an unknown prompt is an error", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const { prompts } = await client.listPrompts();
    expect(prompts.flatMap(({ arguments: all = [] }) => all).some(({ required }) => required)).toBe(false);
    for (const args of [{}, { profile: "booking" }, { description: "x".repeat(3000) }])
      expect((await client.getPrompt({ name: "design_system", arguments: args })).messages).toHaveLength(1);
    await expect(client.getPrompt({ name: "no_such_prompt" })).rejects.toMatchObject({ code: -32602 });
    const ref = { type: "ref/prompt", name: "design_system" } as const;
    await expect(client.complete({ ref, argument: { name: "depth", value: "" } })).rejects.toMatchObject({
      code: -32602,
    });
    expect((await client.getPrompt({ name: "review_flow", arguments: { flowId: "f" } })).messages).toHaveLength(1);
    await close();
  });
});
