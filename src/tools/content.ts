// What a tool result shows: the content blocks of the MCP schema that our tools use.
import { toBase64 } from "./base64.ts";

/** Words for a model or a person. */
export interface TextContent {
  readonly type: "text";
  readonly text: string;
}

/** A picture inside the result itself. */
export interface ImageContent {
  readonly type: "image";
  /** Base64, RFC 4648 section 4, with padding. */
  readonly data: string;
  readonly mimeType: string;
}

/** Where a client can read what the result is about. */
export interface ResourceLink {
  readonly type: "resource_link";
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly mimeType: string;
  /** In bytes. */
  readonly size?: number;
}

export type Content = TextContent | ImageContent | ResourceLink;

/** Lines of text; `null` is left out. */
export function text(...lines: readonly (string | null)[]): TextContent {
  return { type: "text", text: lines.filter((line) => line !== null).join("\n") };
}

/** A picture from its bytes. */
export function image(bytes: Uint8Array, mimeType: string): ImageContent {
  return { type: "image", data: toBase64(bytes), mimeType };
}

/**
 * A value in readable words, so that a client which shows no structured content misses nothing: a line a field, an item of a list on
 * a line of its own, longer writing (such as Markdown) as it stands.
 */
export function describeValue(value: object): TextContent {
  return text(...linesOf(value, ""));
}

function linesOf(value: object, indent: string): string[] {
  return Object.entries(value).flatMap(([name, field]: [string, unknown]) => {
    const label = `${indent}${wordsOf(name)}:`;
    if (field === null || field === undefined) return [];
    if (Array.isArray(field)) return [label, ...field.flatMap((item) => itemLines(item, indent))];
    if (typeof field === "object") return [label, ...linesOf(field, `${indent}  `)];
    return isWriting(field) ? ["", field, ""] : [`${label} ${plain(field)}`];
  });
}

function itemLines(item: unknown, indent: string): string[] {
  if (typeof item !== "object" || item === null) return [`${indent}- ${plain(item)}`];
  const fields = Object.entries(item).filter(([, field]) => field !== null);
  const short = fields
    .filter(([, field]) => !isWriting(field))
    .map(([name, field]) => `${wordsOf(name)} ${plain(field)}`);
  const long = fields.flatMap(([, field]) => (isWriting(field) ? ["", field, ""] : []));
  return [`${indent}- ${short.join(", ")}`, ...long];
}

/** `flowId` and `job_id` as people write them. */
function wordsOf(name: string): string {
  return name.replaceAll("_", " ").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A share of a sixth has no end; two places are enough to read. */
function plain(field: unknown): unknown {
  return typeof field === "number" ? Math.round(field * 100) / 100 : field;
}

/** Several lines are somebody's writing, not a value. */
function isWriting(field: unknown): field is string {
  return typeof field === "string" && field.includes("\n");
}
