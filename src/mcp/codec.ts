// Codecs: how each protocol revision writes a result. A method has the same effect in every
// revision; only the form of its result differs.
import { INVALID_PARAMS, RESOURCE_NOT_FOUND } from "./json-rpc.ts";
import type { CallToolResult, Implementation } from "./schema.ts";

export interface Codec {
  /** Unique: cached results are stored under it. */
  readonly name: string;
  /** The error code for a resource that does not exist. */
  readonly resourceNotFound: number;
  /** True if a result may ask for input, and the client then sends the request again (MRTR). */
  readonly supportsInputRequired: boolean;
  /** A complete result. `ttlMs`: how long the client may cache it, in revisions with caching. */
  result(info: Implementation, result: object, ttlMs?: number): object;
  /** An entry of a list: tool, prompt, resource or template. Also the server's `Implementation`. */
  entry(entry: object): object;
  /** One content block. */
  block(block: object): object;
  /** The result of a tool call. */
  toolResult(result: CallToolResult): object;
}

/** 2026-07-28. */
export const CODEC_2026_07_28: Codec = {
  name: "2026-07-28",
  resourceNotFound: INVALID_PARAMS,
  supportsInputRequired: true,
  result: (info, result, ttlMs) => ({
    resultType: "complete",
    ...result,
    // Features depend on the user's scopes, so a shared cache must not store the result.
    ...(ttlMs !== undefined && { ttlMs, cacheScope: "private" }),
    // Our own results have an object as `_meta`.
    _meta: { ...("_meta" in result && (result._meta as object)), "io.modelcontextprotocol/serverInfo": info },
  }),
  entry: (entry) => entry,
  block: (block) => block,
  toolResult: (result) => result,
};

/** 2025-06-18 and 2025-11-25. */
const CODEC_2025_06_18: Codec = {
  name: "2025-06-18",
  resourceNotFound: RESOURCE_NOT_FOUND,
  supportsInputRequired: false,
  result: (_, result) => result,
  entry: (entry) => entry,
  block: (block) => block,
  toolResult: (result) => result,
};

/**
 * A request without a version header. 2025-11-25, basic/transports, treats it as 2025-03-26: a
 * content block that is unknown there would make the client refuse the whole result. Clients of
 * later revisions also omit the header, against their specification. They have read output schemas
 * in `tools/list` and refuse a result without `structuredContent`, so it stays: clients of every
 * revision ignore unknown fields.
 */
const CODEC_WITHOUT_VERSION: Codec = {
  ...CODEC_2025_06_18,
  name: "no version",
  block: withoutLink,
  toolResult: (result) => ({ ...result, content: result.content.map(withoutLink) }),
};

interface Entry {
  readonly title?: unknown;
  readonly outputSchema?: unknown;
  readonly annotations?: { readonly lastModified?: unknown };
}

/** 2025-03-26, with none of the fields that later revisions added. */
const CODEC_2025_03_26: Codec = {
  ...CODEC_WITHOUT_VERSION,
  name: "2025-03-26",
  entry: ({ title: _, outputSchema: __, annotations, ...entry }: Entry) => {
    const { lastModified: ___, ...known } = annotations ?? {};
    return { ...entry, ...(annotations && { annotations: known }) };
  },
  // The value itself is the text of the first content block.
  toolResult: ({ structuredContent: _, content, ...result }) => ({ ...result, content: content.map(withoutLink) }),
};

/** Replaces a `resource_link`, which 2025-06-18 added, with text. */
function withoutLink(block: { type?: unknown; uri?: unknown; title?: unknown; name?: unknown }): object {
  const { type, uri, name, title = name } = block;
  return type === "resource_link" ? { type: "text", text: `${title}: ${uri}` } : block;
}

/** The codec of a legacy revision. `version` is `null` if the request names none. */
export function legacyCodecOf(version: string | null): Codec {
  if (version === null) return CODEC_WITHOUT_VERSION;
  return version === "2025-03-26" ? CODEC_2025_03_26 : CODEC_2025_06_18;
}
