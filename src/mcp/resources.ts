// resources/read.

import { shorten } from "../../contracts/rpc/well-formed.ts";
import { clientInputOf, inputRequiredJson, missingCapability } from "./client-input.ts";
import { INTERNAL_ERROR, jsonResponse } from "./json-rpc.ts";
import {
  type HandlerResult,
  internalErrorJson,
  invalidParams,
  type McpRequest,
  methodError,
  orUndefined,
  rateLimited,
  resultResponse,
  traceparentOf,
} from "./request.ts";

/** The error repeats the URI. */
const MAX_SHOWN_URI = 200;

/** Handles one resources/read. */
export async function readResource(request: McpRequest): Promise<HandlerResult> {
  const { params, server, codec } = request;
  const { uri } = params;
  if (typeof uri !== "string") return invalidParams(request, "params.uri is the resource's URI, a string.");
  const clientInput = clientInputOf(request);
  if (clientInput instanceof Response) return clientInput;
  const read = await orUndefined(request, () => server.readResource(uri, traceparentOf(params), clientInput));
  switch (read?.state) {
    case undefined:
      return jsonResponse(200, internalErrorJson(request));
    case "not_found":
      return methodError(request, codec.resourceNotFound, "There is no such resource here.", {
        uri: shorten(uri, MAX_SHOWN_URI),
      });
    case "rate_limited":
      return rateLimited(request, read);
    case "insufficient_scope":
      return { scopesNeeded: read.scopes };
    case "missing_capability":
      return missingCapability(request, read);
    case "input_required":
    case "invalid":
      return jsonResponse(200, inputRequiredJson(request, clientInput, read));
    case "failed":
      return methodError(request, INTERNAL_ERROR, read.message);
    case "read":
      return resultResponse(request, { contents: read.contents }, read.ttlMs);
  }
}
