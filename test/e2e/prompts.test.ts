// Prompts and completion as the official clients use them, and a model that does what a prompt says.
import { describe, expect, it } from "vitest";
import { type Connected, connect, MODES } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem();

describe.each(MODES)("an official client, %s", (mode) => {
  it("lists the prompts, completes their arguments and gets the words", async () => {
    const { client, close } = await connect(system.origin, mode);
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
    // A free plan, with no model switched on but the Worker's own.
    expect(await complete("illustrate_idea", "model", "PRO")).toEqual(["procedural"]);
    expect(await complete("illustrate_idea", "model", "", { quality_tier: "ultra" })).toEqual([]);
    expect(await complete("review_flow", "flowId", "")).toEqual([]);
    const create = async () => {
      const { structuredContent } = await client.callTool({ name: "flow_create", arguments: { policy: {} } });
      return (structuredContent as { flowId: string }).flowId;
    };
    const [first, second] = [await create(), await create()];
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

describe("suggestions of flows", () => {
  it("are each person's own, also where an app may only read", async () => {
    const [owner, stranger] = [await connect(system.origin, "modern"), await connect(system.origin, "modern")];
    const { structuredContent } = await owner.client.callTool({ name: "flow_create", arguments: { policy: {} } });
    const reader = await connect(system.origin, "modern", { account: owner.account, isKnown: true, generate: false });
    const suggested = async ({ client }: Connected) => {
      const ref = { type: "ref/prompt", name: "review_flow" } as const;
      return (await client.complete({ ref, argument: { name: "flowId", value: "" } })).completion.values;
    };
    const { flowId } = structuredContent as { flowId: string };
    expect(await Promise.all([owner, reader, stranger].map(suggested))).toEqual([[flowId], [flowId], []]);
    await Promise.all([owner.close(), stranger.close(), reader.close()]);
  });
});

describe("a prompt", () => {
  it("leads to a whole design, step by step as it says", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const description = "A booking system for a small theatre";
    const { messages } = await client.getPrompt({
      name: "design_system",
      arguments: { description, profile: "strict" },
    });
    const [first] = messages;
    if (first?.content.type !== "text") throw new Error("There are no words.");
    const policy = JSON.parse(/and (\{.*?\}) into policy/.exec(first.content.text)?.[1] ?? "") as object;
    const created = await client.callTool({
      name: "flow_create",
      arguments: { policy, projectDescription: description },
    });
    let flow = created.structuredContent as { flowId: string; status: string };
    const { flowId } = flow;
    for (let calls = 0; flow.status !== "completed" && calls < 6; calls++) {
      flow = (await client.callTool({ name: "flow_advance", arguments: { flowId } })).structuredContent as typeof flow;
    }
    expect(flow.status).toBe("completed");
    const summary = await client.callTool({ name: "flow_summary", arguments: { flowId } });
    expect((summary.structuredContent as { artifacts: unknown[] }).artifacts).toHaveLength(6);
    await close();
  });

  it("says what does not fit, and the next one is served", async () => {
    const { client, close } = await connect(system.origin, "modern");
    await expect(client.getPrompt({ name: "design_system", arguments: { profile: "strict" } })).rejects.toThrow(
      '"description" is required',
    );
    await expect(
      client.getPrompt({ name: "design_system", arguments: { description: "x".repeat(2001) } }),
    ).rejects.toThrow('"description" must be at most 2000 characters');
    await expect(client.getPrompt({ name: "no_such_prompt" })).rejects.toMatchObject({ code: -32602 });
    const ref = { type: "ref/prompt", name: "design_system" } as const;
    await expect(client.complete({ ref, argument: { name: "depth", value: "" } })).rejects.toMatchObject({
      code: -32602,
    });
    expect((await client.getPrompt({ name: "review_flow", arguments: { flowId: "f" } })).messages).toHaveLength(1);
    await close();
  });
});
