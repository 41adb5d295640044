// The client programs that were tried with the gateway, and what was seen. docs/clients.md shows
// this list; main.ts drives the programs that PROGRAMS has, and compares.

/** The parts of a result that reach the model: it has text, a picture and structured content. */
export type Shown =
  | "text and picture"
  | "text alone"
  | "structured content alone"
  | "shows all three parts"
  | "passes on all three parts";

/** The effect of signing out in the client on its access. `main.ts` does not try each. */
export type SignOut = "ends the access" | "leaves the access" | "there is none" | "not tried" | "your program's";

export interface TriedClient {
  /** The heading of its section in docs/clients.md. */
  readonly name: string;
  /** The npm package. */
  readonly program: string;
  readonly version: string;
  readonly shown: Shown;
  readonly signOut: SignOut;
}

/** In the order of docs/clients.md. */
export const TRIED: readonly TriedClient[] = [
  tried("Claude Code", "@anthropic-ai/claude-code@2.1.332", "text and picture", "ends the access"),
  tried("Codex", "@openai/codex@0.171.0", "structured content alone", "leaves the access"),
  tried("Gemini CLI", "@google/gemini-cli@0.61.0", "text and picture", "there is none"),
  tried("opencode", "opencode-ai@1.18.33", "text and picture", "leaves the access"),
  tried("Copilot CLI", "@github/copilot@1.0.102", "text alone", "there is none"),
  tried("Qwen Code", "@qwen-code/qwen-code@0.24.4", "text and picture", "leaves the access"),
  tried("MCP Inspector", "@modelcontextprotocol/inspector@2.12.0", "shows all three parts", "leaves the access"),
  tried("mcp-remote", "mcp-remote@0.15.1", "passes on all three parts", "there is none"),
  tried("mcporter", "mcporter@0.12.3", "structured content alone", "leaves the access"),
  tried("AI SDK", "@ai-sdk/mcp@2.0.99", "text and picture", "your program's"),
  tried("LangChain", "@langchain/mcp-adapters@1.1.4", "text and picture", "your program's"),
  tried("Mastra", "@mastra/mcp@2.0.0", "structured content alone", "your program's"),
  tried("OpenAI Agents", "@openai/agents@0.20.0", "text and picture", "your program's"),
  tried("Cloudflare agents", "agents@0.32.0", "passes on all three parts", "your program's"),
];

function tried(name: string, pinned: string, shown: Shown, signOut: SignOut): TriedClient {
  const at = pinned.lastIndexOf("@");
  return { name, program: pinned.slice(0, at), version: pinned.slice(at + 1), shown, signOut };
}
