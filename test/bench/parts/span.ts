// No span.
import type * as original from "../../../src/mcp/span.ts";

export const inSpan: typeof original.inSpan = (request, _method, _version, handler) => handler(request);
