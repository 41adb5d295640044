// The `curl` examples of the documents and the responses shown below them. Parses a command as a
// shell and curl would, and refuses syntax that documents do not need. Compares a shown response
// with a received one; sends nothing itself.
//
// - "…" in a document matches anything: the rest of a text, more keys, more elements.
// - Values that change with each run (ids, traces, times, sizes) must be of the same kind.
//   Everything else must be equal.
import { DEFAULT_ORIGIN } from "../../entrypoints/cli/workers.ts";

/** A fenced block. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Line of its opening fence, from 1. */
  readonly line: number;
}

/** A command of a document, and its outcome as shown. */
export interface Example {
  readonly command: Block;
  /** The next block of the same section; `null` if there is none. */
  readonly response: Block | null;
  /** The log line that the command causes: a block in the form of `--logs json`. */
  readonly logged: Block | null;
}

/** Every example of a document, and the responses in it that follow no command. */
export function examplesIn(markdown: string): {
  readonly examples: readonly Example[];
  readonly orphans: readonly Block[];
} {
  const parts = partsOf(markdown);
  const examples = parts.flatMap((command, at) => {
    if (command?.language !== "sh" || !/\bcurl\b/.test(command.text)) return [];
    const next = parts.slice(at + 1);
    const end = next.findIndex((part) => part === null || part.language === "sh");
    const [response = null, ...others] = (end === -1 ? next : next.slice(0, end)).filter((part) => part !== null);
    return [{ command, response, logged: others.find(({ text }) => LOGGED.test(text)) ?? null }];
  });
  const responses = parts
    .filter((part) => part !== null)
    .filter(({ language, text }) => language === "http" || /"jsonrpc": ?"2.0"/.test(text));
  const shown = new Set(examples.flatMap(({ command, response }) => [command, response]));
  return { examples, orphans: responses.filter((block) => !shown.has(block)) };
}

/** The fenced blocks of a document, and `null` for each heading. */
function partsOf(markdown: string): (Block | null)[] {
  // Inside a fence, a line that begins with # is a comment.
  return Array.from(
    markdown.matchAll(/^( *)```(\w*)\n(.*?)^\1```$|^#+ /gms),
    ({ index, 1: indent = "", 2: language, 3: text = "" }) => {
      const line = markdown.slice(0, index).split("\n").length;
      return language === undefined
        ? null
        : { language, line, text: text.replaceAll(new RegExp(`^${indent}`, "gm"), "").trim() };
    },
  );
}

/** A program of docs/examples that a document starts, and the output shown below. */
export interface ProgramExample {
  /** Path from the root. */
  readonly file: string;
  readonly output: Block;
}

/** Every `npx node docs/examples/…` of a document. */
export function programsIn(markdown: string): ProgramExample[] {
  return partsOf(markdown).flatMap((command, at, parts) => {
    const file = /\bnpx node (docs\/examples\/\S+)/.exec(command?.text ?? "")?.[1];
    const output = parts[at + 1];
    return command?.language === "sh" && file !== undefined && output?.language === "text" ? [{ file, output }] : [];
  });
}

/** True if a program printed what is shown. */
export function isPrinted(shown: Block, printed: string, origin: string): boolean {
  return compare(shown.text, printed.trim(), origin).length === 0;
}

/** The opening of a line of `npm run dev -- --logs json`, before the event of the Worker. */
const LOGGED = /^\{"at":[^{]*?"worker":"[a-z-]+",(?="event":)/;

/** The names of the variables in a command. */
export function variablesIn({ text }: Block): string[] {
  return Array.from(text.matchAll(/\$([A-Z_]+)/g), ([, name = ""]) => name);
}

export interface Command {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | undefined;
  /** True if curl would print status and headers too. */
  readonly showsHead: boolean;
}

/** Parses a command. Throws at any syntax that it does not support. */
export function commandOf({ text }: Block, variables: ReadonlyMap<string, string>): Command {
  const [program, ...words] = wordsOf(text, variables);
  if (program !== "curl") throw new Error(`The block is more than one curl command: it begins with ${program}.`);
  const headers = new Headers();
  const urls: string[] = [];
  const data: string[] = [];
  let method: string | undefined;
  let showsHead = false;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith("-")) urls.push(word);
    else if (/^-[isN]+$/.test(word)) showsHead ||= word.includes("i");
    else {
      const value = words.shift();
      if (value === undefined || value.startsWith("@")) throw new Error(`${word} ${value} is not supported.`);
      const [before = "", after = ""] = value.split(/(?<=^[^:=]*)[:=](.*)/s);
      if (word === "-X") method = value;
      else if (word === "-H") headers.set(before, after.trim());
      else if (word === "-u") headers.set("authorization", `Basic ${btoa(value)}`);
      else if (word === "-d") data.push(value);
      else if (word === "--data-urlencode") data.push(`${before}=${encodeURIComponent(after)}`);
      else throw new Error(`The option ${word} is not supported.`);
    }
  }
  const [url = "", ...more] = urls;
  if (more.length > 0 || !URL.canParse(url)) throw new Error(`Not one address: ${urls.join(" ")}`);
  const body = data.length > 0 ? data.join("&") : undefined;
  if (body !== undefined && !headers.has("content-type"))
    headers.set("content-type", "application/x-www-form-urlencoded");
  return { url, method: method ?? (body === undefined ? "GET" : "POST"), headers, body, showsHead };
}

/** The arguments that a shell would pass on. */
function wordsOf(text: string, variables: ReadonlyMap<string, string>): string[] {
  const expand = (part: string) =>
    part.replaceAll(/\\(["\\$`])|\$([A-Z_]+)|[$`]/g, (_, escaped?: string, name?: string) => {
      const value = escaped ?? variables.get(name ?? "");
      if (value === undefined) throw new Error(`There is no value for ${name === undefined ? part : `$${name}`}.`);
      return value;
    });
  const words: string[] = [];
  let isInside = false;
  let rest = text;
  while (rest !== "") {
    const found = /^(?:((?:[ \t]|\\\n)+)|'([^']*)'|"((?:[^"\\]|\\.)*)"|(\$[A-Z_]+)|([\w.,:=/@%+-]+))/s.exec(rest);
    if (!found) throw new Error(`This shell syntax is not supported: ${rest.slice(0, 40)}`);
    const [whole, space, single, double, variable, plain] = found;
    rest = rest.slice(whole.length);
    if (space === undefined)
      words.push((isInside ? (words.pop() ?? "") : "") + (single ?? plain ?? expand(double ?? variable ?? "")));
    isInside = space === undefined;
  }
  return words;
}

/** The response that a command received. */
export interface Received {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly text: string;
}

/** The differences between the shown and the received response, as sentences. */
export function differences(shown: Block, { showsHead }: Command, received: Received, origin: string): string[] {
  const type = received.headers.get("content-type")?.split(";", 1)[0] ?? "";
  const kind = type.endsWith("json") ? "json" : type === "text/event-stream" ? "events" : "text";
  const language = showsHead ? "http" : kind === "json" ? "json" : "text";
  if (shown.language !== language) return [`The response is shown as ${shown.language}, and was ${language}.`];
  const { status, statusText, headers, text } = received;
  if (!showsHead) return compare(parseAs(shown.text, kind), parseAs(text, kind), origin);
  const [head = "", ...body] = shown.text.split("\n\n");
  const [statusLine, ...lines] = head.split("\n");
  const actual = {
    statusLine: `HTTP/1.1 ${status} ${statusText}`,
    headers: Object.fromEntries(headers),
    body: parseAs(text, kind),
  };
  return compare({ statusLine, headers: headersOf(lines), body: parseAs(body.join("\n\n"), kind) }, actual, origin);
}

/** True if this line of a log is the one that is shown. */
export function isLogged(shown: Block, line: string, origin: string): boolean {
  const [json] = /\{.*\}/s.exec(line) ?? [];
  return (
    json?.startsWith('{"event":') === true &&
    compare(jsonOf(shown.text.replace(LOGGED, "{")), JSON.parse(json), origin).length === 0
  );
}

/** Every string in a response by its name in capitals: `flowId` becomes `$FLOW_ID`. */
export function namesIn({ headers, text }: Received): Map<string, string> {
  const names = new Map<string, string>();
  const note = (name: string, value: string) =>
    names.set(name.replaceAll(/-|(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase(), value);
  const session = headers.get("mcp-session-id");
  if (session !== null) note("Mcp-Session-Id", session);
  if (headers.get("content-type")?.includes("json")) {
    JSON.parse(text, (name: string, value: unknown) => {
      if (typeof value === "string") note(name, value);
      return value;
    });
  }
  return names;
}

function headersOf(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", ...value] = line.split(":");
      return [name.toLowerCase(), value.join(":").trim()];
    }),
  );
}

function parseAs(text: string, kind: "json" | "events" | "text"): unknown {
  if (kind === "json") return jsonOf(text);
  return kind === "events" ? eventsOf(text) : text.trim();
}

/** The events of a stream, without comments: those depend on how long the work took. */
function eventsOf(text: string): unknown[] {
  const events = text.split("\n\n").map((event) => event.trim());
  return events
    .filter((event) => event !== "" && !event.startsWith(":"))
    .map((event) => {
      if (event === "…") return event;
      const { data = "", ...fields } = headersOf(event.split("\n"));
      return { ...fields, data: jsonOf(data) };
    });
}

/** JSON in which a bare "…" is more of the object or list around it. */
function jsonOf(text: string): unknown {
  const around: string[] = [];
  const json = text.replaceAll(/"(?:[^"\\]|\\.)*"|[{}[\]…]/g, (token) => {
    if (token === "{" || token === "[") around.push(token);
    else if (token === "}" || token === "]") around.pop();
    else if (token === "…") return around.at(-1) === "{" ? '"…":"…"' : '"…"';
    return token;
  });
  try {
    return JSON.parse(json);
  } catch {
    return `no JSON: ${text.slice(0, 200)}`;
  }
}

/** Fields that differ each time, in a form that does not show it. */
const CHANGING: readonly string[] = ["client_id", "client_id_issued_at", "size", "size_bytes"];

/** A text with placeholders for values that change with each run. */
function withPlaceholders(text: string, origin: string): string {
  const reversed = (url: string) => new URL(url).hostname.split(".").toReversed().join(".");
  return text
    .replaceAll(origin, DEFAULT_ORIGIN)
    .replaceAll(`${reversed(origin)}/`, `${reversed(DEFAULT_ORIGIN)}/`)
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "(uuid)")
    .replaceAll(/\b[0-9a-f]{32,}\b/g, "(hex)")
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "(time)")
    .replaceAll(/\b[0-9a-hjkmnp-tv-z]{26}\b/g, "(flow id)")
    .replaceAll(/"size_bytes":\d+/g, '"size_bytes":(number)');
}

function compare(shown: unknown, received: unknown, origin: string, path = "response"): string[] {
  if (shown === "…") return [];
  const differ = [`${path} is shown as ${JSON.stringify(shown)}, and was ${JSON.stringify(received)?.slice(0, 500)}`];
  if (typeof shown === "string" && typeof received === "string") {
    const parts = withPlaceholders(shown, origin)
      .split("…")
      .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`, "s").test(withPlaceholders(received, origin)) ? [] : differ;
  }
  if (Array.isArray(shown) && Array.isArray(received)) {
    const at = shown.indexOf("…");
    if (at === -1 ? shown.length !== received.length : shown.length - 1 > received.length) return differ;
    const skipped = received.length - shown.length;
    return shown.flatMap((value, index) =>
      compare(value, received[at === -1 || index <= at ? index : index + skipped], origin, `${path}[${index}]`),
    );
  }
  if (!isFields(shown) || !isFields(received)) return Object.is(shown, received) ? [] : differ;
  return compareFields(shown, received, origin, path);
}

type Fields = Readonly<Record<string, unknown>>;

function compareFields(shown: Fields, received: Fields, origin: string, path: string): string[] {
  const { "…": more, ...named } = shown;
  const missing = more === undefined ? Object.keys(received).filter((name) => !Object.hasOwn(named, name)) : [];
  return [
    ...missing.map((name) => `${path}.${name} is not shown, and was ${JSON.stringify(received[name])}`),
    ...Object.entries(named).flatMap(([name, value]) => {
      if (!Object.hasOwn(received, name)) return [`${path}.${name} is shown, and was not received`];
      if (CHANGING.includes(name) && typeof value === typeof received[name]) return [];
      return compare(value, received[name], origin, `${path}.${name}`);
    }),
  ];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
