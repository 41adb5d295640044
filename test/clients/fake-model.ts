// A language model on this machine, for programs that call tools only when a model says so. It
// speaks the four interfaces that they use: Anthropic's messages, OpenAI's chat completions and
// responses, and Google's generateContent. It calls one tool once, then ends the turn.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The call that the model makes: of the first tool whose name ends with `tool`. */
export interface PlannedCall {
  readonly tool: string;
  readonly input: object;
}

export interface FakeModel {
  /** Without a path. */
  readonly origin: string;
  /** The requests that had the result of the tool in them, as JSON text. */
  readonly withResult: readonly string[];
  /** The names of all tools that were offered. */
  readonly offered: ReadonlySet<string>;
  close(): void;
}

/** A tool call to make, or `null` to end the turn. */
type Reply = { readonly name: string; readonly input: object } | null;

/** One interface: reads the offered tools of a request and writes its reply. */
interface ModelApi {
  readonly path: RegExp;
  /** The names of the offered tools. */
  offered(body: Body): readonly string[];
  /** Events of the stream; `null` where the stream names none. */
  events(reply: Reply): readonly (readonly [name: string | null, data: object | string])[];
  /** The response to a request without a stream. */
  whole(reply: Reply): object;
}

/** The fields of the four request bodies that are read. */
interface Body {
  readonly stream?: boolean;
  readonly tools?: readonly Tool[];
}
interface Tool {
  readonly type?: string;
  readonly name?: string;
  readonly function?: { readonly name: string };
  readonly functionDeclarations?: readonly { readonly name: string }[];
  /** Tools in a namespace (responses). */
  readonly tools?: readonly Tool[];
}

const CALL_ID = "call_1a2b3c4d5e";
const USAGE = { input_tokens: 1, output_tokens: 1 };

const ANTHROPIC: ModelApi = {
  path: /\/messages$/,
  offered: ({ tools = [] }) => tools.map(({ name = "" }) => name),
  events(reply) {
    const start = reply ? { type: "tool_use", id: CALL_ID, name: reply.name, input: {} } : { type: "text", text: "" };
    const delta = reply
      ? { type: "input_json_delta", partial_json: JSON.stringify(reply.input) }
      : { type: "text_delta", text: "Done." };
    const data: readonly { type: string }[] = [
      { type: "message_start", message: { ...ANTHROPIC.whole(null), content: [], stop_reason: null } } as {
        type: string;
      },
      { type: "content_block_start", index: 0, content_block: start } as { type: string },
      { type: "content_block_delta", index: 0, delta } as { type: string },
      { type: "content_block_stop", index: 0 } as { type: string },
      { type: "message_delta", delta: { stop_reason: reply ? "tool_use" : "end_turn" }, usage: USAGE } as {
        type: string;
      },
      { type: "message_stop" },
    ];
    return data.map((event) => [event.type, event]);
  },
  whole: (reply) => ({
    ...{ id: "msg_1", type: "message", role: "assistant", model: "fake", stop_sequence: null, usage: USAGE },
    content: reply ? [{ type: "tool_use", id: CALL_ID, ...reply }] : [{ type: "text", text: "Done." }],
    stop_reason: reply ? "tool_use" : "end_turn",
  }),
};

const CHAT: ModelApi = {
  path: /\/chat\/completions$/,
  offered: ({ tools = [] }) => tools.map((tool) => tool.function?.name ?? ""),
  events: (reply) => [
    [null, chatCompletion("chat.completion.chunk", { delta: chatMessage(reply), finish_reason: null })],
    [null, chatCompletion("chat.completion.chunk", { delta: {}, finish_reason: reply ? "tool_calls" : "stop" })],
    [null, "[DONE]"],
  ],
  whole: (reply) =>
    chatCompletion("chat.completion", { message: chatMessage(reply), finish_reason: reply ? "tool_calls" : "stop" }),
};

function chatMessage(reply: Reply): object {
  if (reply === null) return { role: "assistant", content: "Done." };
  const called = { name: reply.name, arguments: JSON.stringify(reply.input) };
  return {
    role: "assistant",
    content: null,
    tool_calls: [{ index: 0, id: CALL_ID, type: "function", function: called }],
  };
}

function chatCompletion(object: string, choice: object): object {
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  return { id: "chat_1", object, created: 1, model: "fake", choices: [{ index: 0, ...choice }], usage };
}

const RESPONSES: ModelApi = {
  path: /\/responses$/,
  // A tool of a namespace is called by both names; the separator is of no account here.
  offered: ({ tools = [] }) =>
    tools.flatMap(({ name = "", tools: inside = [] }) => [name, ...inside.map((tool) => `${name}\n${tool.name}`)]),
  events(reply) {
    const item = responseItem(reply);
    return [
      ["response.created", { type: "response.created", response: { ...RESPONSES.whole(reply), output: [] } }],
      ["response.output_item.added", { type: "response.output_item.added", output_index: 0, item }],
      ["response.output_item.done", { type: "response.output_item.done", output_index: 0, item }],
      ["response.completed", { type: "response.completed", response: RESPONSES.whole(reply) }],
    ];
  },
  whole: (reply) => ({
    ...{ id: "resp_1", object: "response", created_at: 1, model: "fake", status: "completed" },
    output: [responseItem(reply)],
    usage: {
      ...USAGE,
      total_tokens: 2,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    },
  }),
};

function responseItem(reply: Reply): object {
  if (reply === null) {
    const content = [{ type: "output_text", text: "Done.", annotations: [] }];
    return { id: "msg_1", type: "message", role: "assistant", status: "completed", content };
  }
  const [namespace, name] = reply.name.split("\n");
  const named = name === undefined ? { name: namespace } : { namespace, name };
  return {
    ...{ id: "fc_1", type: "function_call", call_id: CALL_ID, status: "completed" },
    ...named,
    arguments: JSON.stringify(reply.input),
  };
}

const GOOGLE: ModelApi = {
  path: /:(?:stream)?[gG]enerateContent$/,
  offered: ({ tools = [] }) =>
    tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations.map(({ name }) => name)),
  events: (reply) => [[null, GOOGLE.whole(reply)]],
  whole: (reply) => ({
    candidates: [
      {
        content: {
          role: "model",
          parts: [reply ? { functionCall: { name: reply.name, args: reply.input } } : { text: "Done." }],
        },
        finishReason: "STOP",
        index: 0,
      },
    ],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
  }),
};

const MODEL_APIS = [ANTHROPIC, CHAT, RESPONSES, GOOGLE];

/** Starts the model on a free port of this machine. `marker` occurs in every result of the tool. */
export async function startFakeModel(call: PlannedCall, marker: string): Promise<FakeModel> {
  const withResult: string[] = [];
  const offered = new Set<string>();
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const api = MODEL_APIS.find(({ path }) => path.test(pathname));
    const text = await textOf(request);
    if (api === undefined || request.method !== "POST") return void respond(response, { data: [], models: [] });
    const body = JSON.parse(text) as Body;
    const names = api.offered(body);
    for (const name of names) offered.add(name);
    const hasResult = text.includes(marker);
    if (hasResult) withResult.push(text);
    const name = hasResult ? undefined : names.find((candidate) => candidate.endsWith(call.tool));
    const reply = name === undefined ? null : { name, input: call.input };
    const isStream = body.stream === true || /:stream/.test(pathname);
    if (!isStream) return void respond(response, api.whole(reply));
    response.setHeader("content-type", "text/event-stream");
    for (const [event, data] of api.events(reply)) {
      if (event !== null) response.write(`event: ${event}\n`);
      response.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
    }
    response.end();
  };
  const server = createServer((request, response) => void answer(request, response));
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    withResult,
    offered,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function respond(response: ServerResponse, body: object): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}
