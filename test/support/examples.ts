// The examples of the documents: `curl` commands, and the answers that are shown below them. Reads a command as a shell and curl would,
// as far as documents go: whatever it does not know, it refuses. Compares what is shown with what really came; asks nobody itself.
//
// - "…" in a document stands for anything: in a text for the rest of it, as a key for more keys, as an element for more elements.
// - What is another each time (ids, traces, times, sizes) only has to be of the same kind. Everything else is equal.
import { DEFAULT_ORIGIN } from "../../entrypoints/cli/workers.ts";

/** A fenced block. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Of its fence, from 1. */
  readonly line: number;
}

/** A command of a document and what is shown of its outcome. */
export interface Example {
  readonly command: Block;
  /** The next block, where it belongs to the same section. */
  readonly answer: Block | null;
  /** What is said to be logged meanwhile: a line that begins with the name of a Worker. */
  readonly logged: Block | null;
}

/** Every example of a document, and the answers in it that stand below no command. */
export function examplesIn(markdown: string): {
  readonly examples: readonly Example[];
  readonly alone: readonly Block[];
} {
  const parts = partsOf(markdown);
  const examples = parts.flatMap((command, at) => {
    if (command?.language !== "sh" || !/\bcurl\b/.test(command.text)) return [];
    const next = parts.slice(at + 1);
    const end = next.findIndex((part) => part === null || part.language === "sh");
    const [answer = null, ...others] = (end === -1 ? next : next.slice(0, end)).filter((part) => part !== null);
    return [{ command, answer, logged: others.find(({ text }) => LOGGED.test(text)) ?? null }];
  });
  const answers = parts
    .filter((part) => part !== null)
    .filter(({ language, text }) => language === "http" || /"jsonrpc": ?"2.0"/.test(text));
  const shown = new Set(examples.flatMap(({ command, answer }) => [command, answer]));
  return { examples, alone: answers.filter((block) => !shown.has(block)) };
}

/** The fenced blocks of a document, and `null` for each heading. */
function partsOf(markdown: string): (Block | null)[] {
  // A line that begins with # inside a fence is a comment.
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

/** Every script of a document of which is shown what it prints. */
export function scriptsIn(markdown: string): { readonly script: Block; readonly printed: Block }[] {
  return partsOf(markdown).flatMap((script, at, parts) => {
    const printed = parts[at + 1];
    return script?.language === "js" && printed?.language === "text" ? [{ script, printed }] : [];
  });
}

const LOGGED = /^\[[a-z-]+\] (?=\{)/;

/** The names of the variables that a command takes. */
export function variablesIn({ text }: Block): string[] {
  return Array.from(text.matchAll(/\$([A-Z_]+)/g), ([, name = ""]) => name);
}

export interface Command {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | undefined;
  /** Whether curl would print status and headers, too. */
  readonly showsHead: boolean;
}

/** Reads a command. Throws at whatever it does not know. */
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
      if (value === undefined || value.startsWith("@")) throw new Error(`${word} ${value} cannot be read.`);
      const [before = "", after = ""] = value.split(/(?<=^[^:=]*)[:=](.*)/s);
      if (word === "-X") method = value;
      else if (word === "-H") headers.set(before, after.trim());
      else if (word === "-u") headers.set("authorization", `Basic ${btoa(value)}`);
      else if (word === "-d") data.push(value);
      else if (word === "--data-urlencode") data.push(`${before}=${encodeURIComponent(after)}`);
      else throw new Error(`The option ${word} is unknown here.`);
    }
  }
  const [url = "", ...more] = urls;
  if (more.length > 0 || !URL.canParse(url)) throw new Error(`Not one address: ${urls.join(" ")}`);
  const body = data.length > 0 ? data.join("&") : undefined;
  if (body !== undefined && !headers.has("content-type"))
    headers.set("content-type", "application/x-www-form-urlencoded");
  return { url, method: method ?? (body === undefined ? "GET" : "POST"), headers, body, showsHead };
}

/** What a shell would pass on. */
function wordsOf(text: string, variables: ReadonlyMap<string, string>): string[] {
  const expand = (part: string) =>
    part.replaceAll(/\\(["\\$`])|\$([A-Z_]+)|[$`]/g, (_, escaped?: string, name?: string) => {
      const value = escaped ?? variables.get(name ?? "");
      if (value === undefined) throw new Error(`There is nothing for ${name === undefined ? part : `$${name}`}.`);
      return value;
    });
  const words: string[] = [];
  let isInside = false;
  let rest = text;
  while (rest !== "") {
    const found = /^(?:((?:[ \t]|\\\n)+)|'([^']*)'|"((?:[^"\\]|\\.)*)"|(\$[A-Z_]+)|([\w.,:=/@%+-]+))/s.exec(rest);
    if (!found) throw new Error(`The shell would make more of it than is known here: ${rest.slice(0, 40)}`);
    const [whole, space, single, double, variable, plain] = found;
    rest = rest.slice(whole.length);
    if (space === undefined)
      words.push((isInside ? (words.pop() ?? "") : "") + (single ?? plain ?? expand(double ?? variable ?? "")));
    isInside = space === undefined;
  }
  return words;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly text: string;
}

/** What a document shows otherwise than it came, in words. */
export function differences(shown: Block, { showsHead }: Command, answer: Answer, origin: string): string[] {
  const type = answer.headers.get("content-type")?.split(";", 1)[0] ?? "";
  const kind = type.endsWith("json") ? "json" : type === "text/event-stream" ? "events" : "text";
  const language = showsHead ? "http" : kind === "json" ? "json" : "text";
  if (shown.language !== language) return [`The answer is shown as ${shown.language}, and came as ${language}.`];
  const { status, statusText, headers, text } = answer;
  if (!showsHead) return compare(readAs(shown.text, kind), readAs(text, kind), origin);
  const [head = "", ...body] = shown.text.split("\n\n");
  const [statusLine, ...lines] = head.split("\n");
  const came = {
    statusLine: `HTTP/1.1 ${status} ${statusText}`,
    headers: Object.fromEntries(headers),
    body: readAs(text, kind),
  };
  return compare({ statusLine, headers: headersOf(lines), body: readAs(body.join("\n\n"), kind) }, came, origin);
}

/** Whether this line of a log is the one that is shown. */
export function isLogged(shown: Block, line: string, origin: string): boolean {
  const [json] = /\{.*\}/s.exec(line) ?? [];
  return (
    json?.startsWith('{"event":') === true &&
    compare(jsonOf(shown.text.replace(LOGGED, "")), JSON.parse(json), origin).length === 0
  );
}

/** Every string in an answer by its name in capitals: `$FLOW_ID` stands for the `flowId` of an answer before. */
export function namesIn({ headers, text }: Answer): Map<string, string> {
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

function readAs(text: string, kind: "json" | "events" | "text"): unknown {
  if (kind === "json") return jsonOf(text);
  return kind === "events" ? eventsOf(text) : text.trim();
}

/** Comments come as slow as the work was. */
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

/** Another each time, and the rest of the text does not say so. */
const CHANGING: readonly string[] = ["client_id", "client_id_issued_at", "size", "size_bytes"];

/** A text without what is another each time. */
function lasting(text: string, origin: string): string {
  const reversed = (url: string) => new URL(url).hostname.split(".").toReversed().join(".");
  return text
    .replaceAll(origin, DEFAULT_ORIGIN)
    .replaceAll(`${reversed(origin)}/`, `${reversed(DEFAULT_ORIGIN)}/`)
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "(uuid)")
    .replaceAll(/\b[0-9a-f]{32,}\b/g, "(hex)")
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "(time)")
    .replaceAll(/\bsize bytes: \d+/g, "size bytes: (number)");
}

function compare(shown: unknown, came: unknown, origin: string, path = "answer"): string[] {
  if (shown === "…") return [];
  const differ = [`${path} is shown as ${JSON.stringify(shown)}, and came as ${JSON.stringify(came)?.slice(0, 500)}`];
  if (typeof shown === "string" && typeof came === "string") {
    const parts = lasting(shown, origin)
      .split("…")
      .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`, "s").test(lasting(came, origin)) ? [] : differ;
  }
  if (Array.isArray(shown) && Array.isArray(came)) {
    const at = shown.indexOf("…");
    if (at === -1 ? shown.length !== came.length : shown.length - 1 > came.length) return differ;
    const skipped = came.length - shown.length;
    return shown.flatMap((value, index) =>
      compare(value, came[at === -1 || index <= at ? index : index + skipped], origin, `${path}[${index}]`),
    );
  }
  if (!isFields(shown) || !isFields(came)) return Object.is(shown, came) ? [] : differ;
  const { "…": more, ...named } = shown;
  const missing = more === undefined ? Object.keys(came).filter((name) => !Object.hasOwn(named, name)) : [];
  return [
    ...missing.map((name) => `${path}.${name} is not shown, and came as ${JSON.stringify(came[name])}`),
    ...Object.entries(named).flatMap(([name, value]) => {
      if (!Object.hasOwn(came, name)) return [`${path}.${name} is shown, and did not come`];
      if (CHANGING.includes(name) && typeof value === typeof came[name]) return [];
      return compare(value, came[name], origin, `${path}.${name}`);
    }),
  ];
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
