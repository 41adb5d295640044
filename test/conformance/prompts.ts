// The suite's prompts, and the completion of their arguments.
import type { ClientInput, CompletionRequest, GetPromptResult } from "../../src/mcp/port.ts";
import type { Completion, InputRequest, Prompt } from "../../src/mcp/schema.ts";
import { PNG } from "./contract.ts";

type Arguments = Readonly<Record<string, string>>;

const argument = (name: string) => ({ name, description: "For the suite.", required: true });
const message = (content: object) => ({ role: "user", content });
const text = (words: string) => message({ type: "text", text: words });

/** Each prompt's arguments, and its messages once they are known. */
const PROMPTS: Readonly<
  Record<string, { readonly names: readonly string[]; messages(args: Arguments): readonly object[] }>
> = {
  test_prompt_with_arguments: {
    names: ["arg1", "arg2"],
    messages: ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  test_prompt_with_embedded_resource: {
    names: ["resourceUri"],
    messages: ({ resourceUri }) => [
      message({
        type: "resource",
        resource: { uri: resourceUri, mimeType: "text/plain", text: "Embedded resource content for testing." },
      }),
      text("Please process the embedded resource above."),
    ],
  },
  test_prompt_with_image: {
    names: [],
    messages: () => [
      message({ type: "image", data: PNG, mimeType: "image/png" }),
      text("Please analyze the image above."),
    ],
  },
  test_input_required_result_prompt: { names: [], messages: ({ context }) => [text(`In this context: ${context}`)] },
  test_simple_prompt: { names: [], messages: () => [text("This is a simple prompt for testing.")] },
};

/** The prompts in prompts/list. */
export const prompts: readonly Prompt[] = Object.entries(PROMPTS).map(([name, { names }]) => ({
  name,
  title: name,
  description: "A prompt of the conformance suite.",
  arguments: names.map(argument),
}));

const CONTEXT: InputRequest = {
  method: "elicitation/create",
  params: {
    message: "What context should the prompt use?",
    requestedSchema: { type: "object", properties: { context: { type: "string" } }, required: ["context"] },
  },
};

/** A prompt with its arguments filled in. One prompt requires an argument from the user. */
export function fill(name: string, given: Arguments, clientInput: ClientInput | undefined): GetPromptResult {
  if (name !== "test_input_required_result_prompt") return fillFrom(name, given);
  const { action, content } = clientInput?.inputResponses.user_context ?? {};
  const { context } = (action === "accept" ? content : {}) as { context?: string }; // the suite sends text
  return context === undefined
    ? { state: "input_required", inputRequests: { user_context: CONTEXT } }
    : fillFrom(name, { context });
}

function fillFrom(name: string, args: Arguments): GetPromptResult {
  const prompt = PROMPTS[name];
  if (prompt === undefined) return { state: "not_found" };
  const missing = prompt.names.filter((needed) => args[needed] === undefined);
  if (missing.length > 0) return { state: "invalid", message: `These arguments are missing: ${missing.join(", ")}.` };
  return { state: "filled", description: "A prompt of the conformance suite.", messages: prompt.messages(args) };
}

/** Completions that begin with the typed value. */
export function suggest({ of, name, value }: CompletionRequest): Completion | null {
  if (!("prompt" in of) || !PROMPTS[of.prompt]?.names.includes(name)) return null;
  return { values: ["paris", "park", "party", "test"].filter((word) => word.startsWith(value)) };
}
