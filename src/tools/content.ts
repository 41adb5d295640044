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

export type Content = TextContent | ImageContent;

/** Lines of text; empty ones are left out. */
export function text(...lines: readonly (string | null)[]): TextContent {
  return { type: "text", text: lines.filter((line) => line !== null && line !== "").join("\n") };
}

/** A picture from its bytes. */
export function image(bytes: Uint8Array, mimeType: string): ImageContent {
  return { type: "image", data: toBase64(bytes), mimeType };
}
