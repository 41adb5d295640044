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
 * A value as text: its JSON, the same as `structuredContent` (MCP 2025-06-18 and later,
 * server/tools). Clients that receive both compare them, and show one.
 */
export function json(value: object): TextContent {
  const block = text(JSON.stringify(value));
  written.set(block, value);
  return block;
}

/** The value of each block that `json` made. */
const written = new WeakMap<object, object>();

/** The JSON of `value`, if the block is made of it. */
export function jsonIn(block: object | undefined, value: unknown): string | undefined {
  const isWritten = block !== undefined && value !== undefined && written.get(block) === value;
  return isWritten ? (block as TextContent).text : undefined; // only `json` adds to the map
}
