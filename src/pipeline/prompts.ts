// Prompts with their arguments filled in, and completion of arguments. Completion is optional help:
// if a backend fails, there are no suggestions.
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { RequestContext } from "../context.ts";
import type { CompletionRequest, GetPromptResult, RateLimited } from "../mcp/port.ts";
import type { Completion } from "../mcp/schema.ts";
import { prompts } from "../prompts/catalog.ts";
import type { Sources } from "../prompts/prompt-definition.ts";
import { PICTURES } from "../resources/picture.ts";
import { text } from "../tools/content.ts";
import { overPlan } from "./metering.ts";
import { sourcesFor } from "./sources.ts";

/** The prompt with these arguments. */
export function getPrompt(name: string, args: Readonly<Record<string, string>>): GetPromptResult {
  const prompt = prompts.get(name);
  if (!prompt) return { state: "not_found" };
  const { description } = prompt;
  return { state: "filled", description, messages: [{ role: "user", content: text(prompt.render(args)) }] };
}

/** The most values of one response (MCP 2026-07-28, server/utilities/completion). */
const MAX_VALUES = 100;

/**
 * Values that start with the given text, in either case. `null`: no such prompt, template or
 * argument. Counts against the plan if a backend is asked for them. Never throws.
 */
export async function complete(
  context: RequestContext,
  identity: Identity,
  request: CompletionRequest,
): Promise<Completion | RateLimited | null> {
  let over: RateLimited | null = null;
  async function mayAsk(): Promise<boolean> {
    over = await overPlan(context, identity);
    return over === null;
  }
  const candidates = await candidatesFor(sourcesFor(context, identity, mayAsk), request);
  if (over !== null || candidates === null) return over;
  const typed = request.value.toLowerCase();
  const matching = candidates.filter((candidate) => candidate.toLowerCase().startsWith(typed));
  const values = matching.slice(0, MAX_VALUES);
  return { values, total: matching.length, hasMore: matching.length > MAX_VALUES };
}

async function candidatesFor(
  sources: Sources,
  { of, name, others }: CompletionRequest,
): Promise<readonly string[] | null> {
  if ("prompt" in of) return (await prompts.get(of.prompt)?.suggest(name, sources, others)) ?? null;
  if (of.template !== PICTURES.uriTemplate || name !== "job_id") return null;
  return (await sources.images()).map(({ job_id }) => job_id);
}
