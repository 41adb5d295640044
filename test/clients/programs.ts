// Real client programs from npm: each is added and signed in, lists the tools, makes one call and
// signs out, with the commands of src/discovery/clients.ts where that has them.
import { copyFileSync } from "node:fs";
import path from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { clientSetups } from "../../src/discovery/clients.ts";
import type { Desk } from "./desk.ts";
import { startFakeModel } from "./fake-model.ts";
import type { SignOut } from "./tried.ts";

/** The findings about a program. */
export interface Seen {
  /** The number of the gateway's tools that it listed or offered to the model. */
  readonly tools: number;
  /** The result of the call, as the model or the user of a library got it. */
  readonly result: string;
  readonly signOut: SignOut;
}

/** Drives a program, by its name in `TRIED`. */
export const PROGRAMS: Readonly<Record<string, (desk: Desk) => Promise<Seen>>> = {
  "Claude Code": async (desk) => {
    await setUp(desk, "claude-code");
    const called = await callByModel(desk, (origin) => ({
      command: 'claude -p "Draw a boat" --model claude-sonnet-4-5 --allowedTools mcp__stackbilt__image_generate',
      env: { ANTHROPIC_BASE_URL: origin, ANTHROPIC_API_KEY: "none", MCP_TIMEOUT: "60000", ENABLE_TOOL_SEARCH: "false" },
    }));
    return { ...called, signOut: await signOut(desk, "claude mcp logout stackbilt") };
  },

  Codex: async (desk) => {
    await setUp(desk, "codex");
    const called = await callByModel(desk, (origin) => ({
      command:
        "codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox -c model=gpt-5 -c model_provider=fake " +
        `-c 'model_providers.fake={name="fake",base_url="${origin}/v1",wire_api="responses"}' "Draw a boat" </dev/null`,
    }));
    const logOut = `codex -c 'mcp_oauth_credentials_store="file"' mcp logout stackbilt`; // there is no keyring here
    return { ...called, signOut: await signOut(desk, logOut) };
  },

  opencode: async (desk) => {
    await setUp(desk, "opencode");
    const called = await callByModel(desk, (origin) => ({
      command: 'opencode run -m fake/fake "Draw a boat" </dev/null',
      env: { OPENCODE_CONFIG_CONTENT: JSON.stringify(opencodeConfig(origin)) },
    }));
    return { ...called, signOut: await signOut(desk, "opencode mcp logout stackbilt") };
  },

  "MCP Inspector": async (desk) => {
    const env = { MCP_INSPECTOR_SECRET_STORE: "file" }; // there is no keyring here
    const inspect = (rest: string) => `mcp-inspector --cli ${desk.url} --transport http ${rest}`;
    const tools = toolsIn(await desk.run(inspect("--method tools/list"), env));
    const call = '--method tools/call --tool-name image_generate --tool-arg prompt="A boat" quality_tier=draft';
    const result = await desk.run(inspect(call), env);
    return { tools, result, signOut: "not tried" };
  },

  "mcp-remote": async (desk) => {
    const client = new Client({ name: "program-starter", version: "1" });
    const env = Object.fromEntries(Object.entries(desk.env).map(([name, value]) => [name, value ?? ""]));
    await client.connect(new StdioClientTransport({ command: "mcp-remote", args: [desk.url], env, stderr: "ignore" }));
    try {
      const tools = toolsIn(JSON.stringify(await client.listTools()));
      const result = JSON.stringify(await client.callTool({ name: "image_generate", arguments: INPUT }));
      return { tools, result, signOut: "there is none" };
    } finally {
      await client.close();
    }
  },

  mcporter: async (desk) => {
    await desk.run(`mcporter config add stackbilt ${desk.url} --allow-http`);
    await desk.run("mcporter auth stackbilt");
    const tools = toolsIn(await desk.run("mcporter list stackbilt"));
    const result = await desk.run('mcporter call stackbilt.image_generate prompt="A boat" quality_tier=draft');
    return { tools, result, signOut: await signOut(desk, "mcporter config logout stackbilt") };
  },

  "AI SDK": async (desk) => {
    copyFileSync(path.join(ROOT, "test/clients/ai-sdk.mjs"), path.join(desk.folder, "ai-sdk.mjs"));
    const output = await desk.run(`node ai-sdk.mjs ${desk.url}`);
    return { tools: toolsIn(output), result: output, signOut: "your program's" };
  },
};

const INPUT = { prompt: "A boat", quality_tier: "draft" };

/** Runs the commands that the front page shows, each of which may open the browser. */
async function setUp(desk: Desk, id: string): Promise<void> {
  const setup = clientSetups({ url: desk.url, name: "stackbilt" }).find((client) => client.id === id);
  for (const step of setup?.steps ?? []) if (step.kind === "command") await desk.run(step.command);
}

/** Runs a program whose model calls `image_generate`. */
async function callByModel(
  desk: Desk,
  start: (origin: string) => { readonly command: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Pick<Seen, "tools" | "result">> {
  const model = await startFakeModel({ tool: "image_generate", input: INPUT }, "size_bytes");
  try {
    const { command, env } = start(model.origin);
    const output = await desk.run(command, env);
    const [result] = model.withResult;
    if (result === undefined)
      throw new Error(
        `The model was offered ${toolsIn([...model.offered].join("\n"))} tools and got no result:\n${output.slice(-2000)}`,
      );
    return { tools: toolsIn([...model.offered].join("\n")), result };
  } finally {
    model.close();
  }
}

/** Signs out in the program, and looks at the account. */
async function signOut(desk: Desk, command: string): Promise<SignOut> {
  const before = await desk.connections();
  if (before !== 1) throw new Error(`The account has ${before} connected apps, expected one.`);
  await desk.run(command);
  return (await desk.connections()) === 0 ? "ends the access" : "leaves the access";
}

/** The number of the gateway's tools that a text names. */
function toolsIn(text: string): number {
  return new Set(text.match(/\b(?:flow|image)_[a-z_]+\b|(?<=_)(?:flow|image)_[a-z]+/g)).size;
}

function opencodeConfig(origin: string): object {
  const modalities = { input: ["text", "image"], output: ["text"] };
  const models = { fake: { name: "fake", attachment: true, tool_call: true, modalities } };
  const options = { baseURL: `${origin}/v1`, apiKey: "none" };
  return { permission: "allow", provider: { fake: { npm: "@ai-sdk/openai-compatible", options, models } } };
}
