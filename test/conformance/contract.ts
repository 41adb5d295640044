// The contract of the backend behind the suite's tools, each of which returns one kind of content.
import * as v from "valibot";
import { type ContractOf, contract } from "../../contracts/rpc/contract.ts";
import { operation } from "../../contracts/rpc/operation.ts";

/** One red pixel, in base64. */
export const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/** One block of content. Its fields depend on its type. */
const Block = v.object({
  type: v.picklist(["text", "image", "audio", "resource"]),
  text: v.optional(v.string()),
  /** Base64. */
  data: v.optional(v.string()),
  mime_type: v.optional(v.string()),
  uri: v.optional(v.string()),
});
export type Block = v.InferOutput<typeof Block>;

const output = v.object({ blocks: v.array(Block) });
export type Shown = v.InferOutput<typeof output>;

const Show = operation({ input: v.strictObject({}), output, errors: {}, timeoutMs: 10_000 });

const Fail = operation({
  input: v.strictObject({}),
  output,
  errors: { intended: "This tool intentionally returns an error for testing" },
  timeoutMs: 10_000,
});

const Address = v.strictObject({ street: v.optional(v.string()), city: v.optional(v.string()) });

const Greet = operation({
  input: v.strictObject({
    name: v.optional(v.string()),
    address: v.optional(Address),
    contactMethod: v.optional(v.picklist(["phone", "email"])),
    phone: v.optional(v.string()),
    email: v.optional(v.string()),
  }),
  output,
  errors: {},
  timeoutMs: 10_000,
});

const Repeat = operation({ input: v.strictObject({ value: v.string() }), output, errors: {}, timeoutMs: 10_000 });

/** An input request. `params_json`: a contract cannot have free-form JSON, so it is text. */
const InputRequest = v.object({
  key: v.string(),
  method: v.picklist(["elicitation/create", "sampling/createMessage", "roots/list"]),
  params_json: v.string(),
});
export type InputRequest = v.InferOutput<typeof InputRequest>;

const Converse = operation({
  input: v.strictObject({
    about: v.picklist([
      "elicitation",
      "sampling",
      "roots",
      "confirmation",
      "everything",
      "two_rounds",
      "either",
      "words",
      "user_details",
      "defaults",
      "choices",
    ]),
    /** The text of the request, for the topics that take one. */
    words: v.nullable(v.string()),
    /** The methods that the client supports. */
    methods: v.array(v.string()),
    /** The responses so far, by key, as JSON. */
    responses_json: v.string(),
    /** The state of the previous round trip. */
    state: v.nullable(v.string()),
  }),
  output: v.object({ blocks: v.array(Block), requests: v.array(InputRequest), state: v.nullable(v.string()) }),
  errors: {},
  timeoutMs: 10_000,
});
export type Conversation = v.InferOutput<typeof Converse.output>;
export type Topic = v.InferOutput<typeof Converse.input>["about"];

const Read = operation({
  input: v.strictObject({ uri: v.string() }),
  output: v.object({ mime_type: v.string(), text: v.nullable(v.string()), blob: v.nullable(v.string()) }),
  errors: { resource_not_found: "There is no such resource." },
  timeoutMs: 10_000,
});

const WorkKind = v.picklist(["compute", "fail", "crash", "input", "input_twice"]);
export type WorkKind = v.InferOutput<typeof WorkKind>;

/** Work that continues after the call that started it. */
const Work = v.object({
  work_id: v.string(),
  status: v.picklist(["working", "input_required", "done", "fail", "crash", "cancelled"]),
  words: v.string(),
  /** The input requests that have no response yet. */
  requests: v.array(InputRequest),
});
export type Work = v.InferOutput<typeof Work>;

const work_id = v.string();
const StartWork = operation({
  input: v.strictObject({ kind: WorkKind, seconds: v.number(), words: v.string() }),
  output: Work,
  errors: {},
  timeoutMs: 10_000,
});
const OnWork = operation({ input: v.strictObject({ work_id }), output: Work, errors: {}, timeoutMs: 10_000 });
const UpdateWork = operation({
  input: v.strictObject({ work_id, names: v.array(v.string()) }),
  output: Work,
  errors: {},
  timeoutMs: 10_000,
});

/** The contract of the suite's backend, which replaces Stackbilder. */
export const show = contract({
  audience: "stackbilder",
  prefix: "test",
  methods: {
    showText: Show,
    showImage: Show,
    showAudio: Show,
    showResource: Show,
    showAll: Show,
    fail: Fail,
    /** Reports 0, 50 and 100 of 100. */
    climb: Show,
    greet: Greet,
    repeat: Repeat,
    converse: Converse,
    read: Read,
    startWork: StartWork,
    pollWork: OnWork,
    updateWork: UpdateWork,
    cancelWork: OnWork,
  },
  tools: {
    test_simple_text: "showText",
    test_image_content: "showImage",
    test_audio_content: "showAudio",
    test_embedded_resource: "showResource",
    test_multiple_content_types: "showAll",
    test_error_handling: "fail",
    test_tool_with_progress: "climb",
    test_logging_tool: "showText",
    test_json_schema: "greet",
    test_custom_headers: "repeat",
    test_missing_capability: "showText",
    test_conversation: "converse",
    test_tool_with_logging: "climb",
  },
  internal: ["read", "startWork", "pollWork", "updateWork", "cancelWork"],
});
export type ShowContract = ContractOf<typeof show>;
