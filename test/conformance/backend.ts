// The backend of the suite's tools and resources, which replaces Stackbilder behind the same
// binding.
import { WorkerEntrypoint } from "cloudflare:workers";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { type Guard, serve, serveDescription } from "../../contracts/rpc/serve.ts";
import type { Env } from "../../entrypoints/stackbilder/env.ts";
import { type Block, type InputRequest, PNG, type ShowContract, show, type Topic } from "./contract.ts";
import type { WorkObject } from "./work.ts";

export { RecentFlows } from "../../entrypoints/stackbilder/recent-flows.ts";
// The wrangler.toml of the replaced Worker has Durable Objects of these classes.
export { WorkObject as FlowObject } from "./work.ts";

/** A WAV file without samples. */
const WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

const text = (words: string): Block => ({ type: "text", text: words });
const image: Block = { type: "image", data: PNG, mime_type: "image/png" };
const resource = (uri: string, mime_type: string, words: string): Block => ({
  type: "resource",
  uri,
  mime_type,
  text: words,
});

const inputRequest = (key: string, method: InputRequest["method"], params: object): InputRequest => ({
  key,
  method,
  params_json: JSON.stringify(params),
});
const form = (key: string, message: string, field: string, type = "string") =>
  inputRequest(key, "elicitation/create", {
    message,
    requestedSchema: { type: "object", properties: { [field]: { type } }, required: [field] },
  });
const wholeForm = (key: string, message: string, properties: object, required: string[] = []) =>
  inputRequest(key, "elicitation/create", { message, requestedSchema: { type: "object", properties, required } });
const sample = (key: string, words: string, maxTokens: number) =>
  inputRequest(key, "sampling/createMessage", {
    messages: [{ role: "user", content: { type: "text", text: words } }],
    maxTokens,
  });
const roots = inputRequest("client_roots", "roots/list", {});
const name = form("user_name", "What is your name?", "name");
const greeting = sample("greeting", "Generate a greeting", 50);

/** A choice with a title for each value. */
const titled = (...titles: string[]) => titles.map((title, at) => ({ const: `value${at + 1}`, title }));
const OPTIONS = ["option1", "option2", "option3"];
const DEFAULTS = {
  name: { type: "string", default: "John Doe" },
  age: { type: "integer", default: 30 },
  score: { type: "number", default: 95.5 },
  status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean", default: true },
};
const CHOICES = {
  untitledSingle: { type: "string", enum: OPTIONS },
  titledSingle: { type: "string", oneOf: titled("First Option", "Second Option", "Third Option") },
  legacyEnum: {
    type: "string",
    enum: ["opt1", "opt2", "opt3"],
    enumNames: ["Option One", "Option Two", "Option Three"],
  },
  untitledMulti: { type: "array", items: { type: "string", enum: OPTIONS } },
  titledMulti: { type: "array", items: { anyOf: titled("First Choice", "Second Choice", "Third Choice") } },
};
const USER_DETAILS = {
  username: { type: "string", description: "User's response" },
  email: { type: "string", description: "User's email address" },
};

/** The input requests of each round trip, by topic. `words`: the text of the request. */
const requestsOf = (words: string): Readonly<Record<Topic, readonly (readonly InputRequest[])[]>> => ({
  words: [[sample("words", words, 100)]],
  user_details: [[wholeForm("user_details", words, USER_DETAILS, ["username", "email"])]],
  defaults: [[wholeForm("defaults", "Please look at these", DEFAULTS)]],
  choices: [[wholeForm("choices", "Please choose", CHOICES)]],
  elicitation: [[name]],
  sampling: [[sample("capital_question", "What is the capital of France?", 100)]],
  roots: [[roots]],
  confirmation: [[form("confirm", "Please confirm", "ok", "boolean")]],
  everything: [[name, greeting, roots]],
  two_rounds: [
    [form("step1", "Step 1: What is your name?", "name")],
    [form("step2", "Step 2: What is your favorite color?", "color")],
  ],
  either: [[name, greeting]],
});

/** True if the response fits the request. */
function isResponse({ method }: InputRequest, response: Readonly<Record<string, unknown>> | undefined): boolean {
  if (method === "elicitation/create") return response?.action === "accept" && typeof response.content === "object";
  return method === "roots/list" ? Array.isArray(response?.roots) : response?.content !== undefined;
}

/** Milliseconds between two progress reports, as in the suite's own example server. */
const STEP_MS = 50;

export class StackbilderEntrypoint extends WorkerEntrypoint<Env> implements ShowContract {
  describe(call: unknown, input: unknown) {
    return serveDescription(show, { guard: guardOf(this.env), call, input }, "0");
  }

  exportTenant(call: unknown, input: unknown) {
    return serve(show, "exportTenant", { guard: guardOf(this.env), call, input }, async () =>
      ok({ items: [], next: null }),
    );
  }

  eraseTenant(call: unknown, input: unknown) {
    return serve(show, "eraseTenant", { guard: guardOf(this.env), call, input }, async () => ok({ isErased: true }));
  }

  showText(call: unknown, input: unknown) {
    return this.#show("showText", call, input, [text("This is a simple text response for testing.")]);
  }

  showImage(call: unknown, input: unknown) {
    return this.#show("showImage", call, input, [image]);
  }

  showAudio(call: unknown, input: unknown) {
    return this.#show("showAudio", call, input, [{ type: "audio", data: WAV, mime_type: "audio/wav" }]);
  }

  showResource(call: unknown, input: unknown) {
    const block = resource("test://embedded-resource", "text/plain", "This is an embedded resource content.");
    return this.#show("showResource", call, input, [block]);
  }

  showAll(call: unknown, input: unknown) {
    const json = resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}');
    return this.#show("showAll", call, input, [text("Multiple content types test:"), image, json]);
  }

  fail(call: unknown, input: unknown) {
    return serve(show, "fail", { guard: guardOf(this.env), call, input }, async () => fail("intended"));
  }

  climb(call: unknown, input: unknown) {
    return serve(show, "climb", { guard: guardOf(this.env), call, input }, async (_input, _caller, turn) => {
      for (const progress of [0, 50, 100]) {
        await turn.report({ progress, total: 100 });
        await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      }
      return ok({ blocks: [text("Done.")] });
    });
  }

  greet(call: unknown, input: unknown) {
    return serve(show, "greet", { guard: guardOf(this.env), call, input }, async ({ name }) =>
      ok({ blocks: [text(`Hello, ${name ?? "you"}!`)] }),
    );
  }

  repeat(call: unknown, input: unknown) {
    return serve(show, "repeat", { guard: guardOf(this.env), call, input }, async ({ value }) =>
      ok({ blocks: [text(value)] }),
    );
  }

  converse(call: unknown, input: unknown) {
    return serve(
      show,
      "converse",
      { guard: guardOf(this.env), call, input },
      async ({ about, words, methods, responses_json, state }) => {
        const responses = JSON.parse(responses_json) as Record<string, Record<string, unknown>>; // by the gateway
        for (const [round, wanted] of requestsOf(words ?? "")[about].entries()) {
          if (round < Number(state)) continue;
          const requests = wanted.filter((one) => methods.includes(one.method) && !isResponse(one, responses[one.key]));
          if (requests.length > 0) return ok({ blocks: [], requests, state: String(round) });
        }
        return ok({ blocks: [text("state-ok")], requests: [], state: null });
      },
    );
  }

  read(call: unknown, input: unknown) {
    return serve(show, "read", { guard: guardOf(this.env), call, input }, async ({ uri }) => {
      if (uri === "test://static-text" || uri === "test://watched-resource") {
        return ok({ mime_type: "text/plain", text: "This is the content of the static text resource.", blob: null });
      }
      if (uri === "test://static-binary") return ok({ mime_type: "image/png", text: null, blob: PNG });
      const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
      if (id === undefined) return fail("resource_not_found");
      const data = { id, templateTest: true, data: `Data for ID: ${id}` };
      return ok({ mime_type: "application/json", text: JSON.stringify(data), blob: null });
    });
  }

  startWork(call: unknown, input: unknown) {
    return serve(show, "startWork", { guard: guardOf(this.env), call, input }, async ({ kind, seconds, words }) => {
      return ok(await this.#work(this.env.FLOWS.newUniqueId().toString()).start(kind, seconds, words));
    });
  }

  pollWork(call: unknown, input: unknown) {
    return serve(show, "pollWork", { guard: guardOf(this.env), call, input }, async ({ work_id }) =>
      ok(await this.#work(work_id).poll()),
    );
  }

  updateWork(call: unknown, input: unknown) {
    return serve(show, "updateWork", { guard: guardOf(this.env), call, input }, async ({ work_id, names }) => {
      return ok(await this.#work(work_id).update(names));
    });
  }

  cancelWork(call: unknown, input: unknown) {
    return serve(show, "cancelWork", { guard: guardOf(this.env), call, input }, async ({ work_id }) =>
      ok(await this.#work(work_id).cancel()),
    );
  }

  /** The namespace is Stackbilder's; its class is the `FlowObject` of this module. */
  #work(id: string): DurableObjectStub<WorkObject> {
    return this.env.FLOWS.get(this.env.FLOWS.idFromString(id)) as unknown as DurableObjectStub<WorkObject>;
  }

  #show(
    name: "showText" | "showImage" | "showAudio" | "showResource" | "showAll",
    call: unknown,
    input: unknown,
    blocks: Block[],
  ) {
    return serve(show, name, { guard: guardOf(this.env), call, input }, async () => ok({ blocks }));
  }
}

/** The suite replays no calls, so a token is not kept. */
function guardOf({ IDENTITY_KEYS }: Env): Guard {
  return { identityKeys: IDENTITY_KEYS, claim: async () => true };
}

export default {};
