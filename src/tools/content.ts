// Content blocks of tool results: text and images.
import type { ImageContent, TextContent } from "../mcp/schema.ts";
import { toBase64 } from "./base64.ts";

/** Lines of text, without those that are `null`. */
export function text(...lines: readonly (string | null)[]): TextContent {
  return { type: "text", text: lines.filter((line) => line !== null).join("\n") };
}

/** An image from its bytes. */
export function image(bytes: Uint8Array, mimeType: string): ImageContent {
  return { type: "image", data: toBase64(bytes), mimeType };
}

/**
 * A value as readable text, so that a client without structured content loses nothing. Each field
 * and each item of a list is one line; text of several lines, such as Markdown, stays unchanged.
 */
export function describeValue(value: object): TextContent {
  return text(...linesOf(value, ""));
}

function linesOf(value: object, indent: string): string[] {
  return Object.entries(value).flatMap(([name, field]: [string, unknown]) => {
    const label = `${indent}${labelOf(name)}:`;
    if (field === null || field === undefined) return [];
    if (Array.isArray(field)) return [label, ...field.flatMap((item) => itemLines(item, indent))];
    if (typeof field === "object") return [label, ...linesOf(field, `${indent}  `)];
    return isMultiline(field) ? ["", field, ""] : [`${label} ${rounded(field)}`];
  });
}

function itemLines(item: unknown, indent: string): string[] {
  if (typeof item !== "object" || item === null) return [`${indent}- ${rounded(item)}`];
  const fields = Object.entries(item).filter(([, field]) => field !== null);
  const short = fields
    .filter(([, field]) => !isMultiline(field))
    .map(([name, field]) => `${labelOf(name)} ${rounded(field)}`);
  const long = fields.flatMap(([, field]) => (isMultiline(field) ? ["", field, ""] : []));
  return [`${indent}- ${short.join(", ")}`, ...long];
}

/** `flowId` and `job_id` in words. */
function labelOf(name: string): string {
  return name.replaceAll("_", " ").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A number with at most two decimal places; any other value unchanged. */
function rounded(field: unknown): unknown {
  return typeof field === "number" ? Math.round(field * 100) / 100 : field;
}

function isMultiline(field: unknown): field is string {
  return typeof field === "string" && field.includes("\n");
}
