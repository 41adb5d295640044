// Input from the client beside the params of a method, and results that request it (2026-07-28,
// basic/patterns/mrtr). A client is asked only for what this very request says it supports. Older
// revisions have none of this.

import { isWithin, type ValueLimits } from "../limits/bounded-value.ts";
import { supportsRequest } from "./elicitation.ts";
import { CAPABILITIES_KEY, envelopeOf } from "./era.ts";
import {
  errorJson,
  INVALID_PARAMS,
  INVALID_REQUEST,
  isObject,
  jsonResponse,
  MISSING_CAPABILITY,
  type ProtocolError,
  resultJson,
} from "./json-rpc.ts";
import type { ClientInput, InputRequired, Invalid, MissingCapability } from "./port.ts";
import { invalidParams, type McpRequest } from "./request.ts";
import type { InputRequest } from "./schema.ts";

/** Results of input requests: forms of a few fields, or one message of a model. */
export const RESPONSE_LIMITS: ValueLimits = { depth: 16, values: 1_000, characters: 65_536 };
/** Longer than any state of ours. */
const MAX_STATE_LENGTH = 4_096;

/** The client's input, `undefined` in older revisions; a response if it is malformed. */
export function clientInputOf(request: McpRequest): ClientInput | undefined | Response {
  const { params, codec } = request;
  if (!codec.supportsInputRequired) return undefined;
  const { inputResponses = {}, requestState } = params;
  if (!isObject(inputResponses) || !Object.values(inputResponses).every(isObject)) {
    return invalidParams(
      request,
      "params.inputResponses is a JSON object whose values are results, each a JSON object.",
    );
  }
  if (!isWithin(inputResponses, RESPONSE_LIMITS)) return invalidParams(request, "params.inputResponses is too large.");
  if (requestState !== undefined && (typeof requestState !== "string" || requestState.length > MAX_STATE_LENGTH))
    return invalidParams(request, "params.requestState is a string, as this server sent it.");
  const capabilities = envelopeOf(params)?.[CAPABILITIES_KEY];
  return {
    capabilities: isObject(capabilities) ? capabilities : {},
    inputResponses: inputResponses as ClientInput["inputResponses"], // every value is an object
    requestState,
  };
}

/** The response that requests input, or refuses. The client's own input says what it supports. */
export function inputRequiredJson(
  request: McpRequest,
  clientInput: ClientInput | undefined,
  outcome: InputRequired | Invalid,
): string {
  const { id, server, codec } = request;
  if (outcome.state === "invalid") return errorJson({ code: INVALID_PARAMS, message: outcome.message }, id);
  const { inputRequests, requestState } = outcome;
  const requests = Object.values(inputRequests);
  const unsupported = requests.filter((request) => !supportsRequest(clientInput?.capabilities ?? {}, request));
  if (unsupported.length > 0)
    return errorJson(missing(request, Object.assign({}, ...unsupported.map(capabilityFor))), id);
  return resultJson(
    id,
    JSON.stringify(codec.result(server.features.info, { resultType: "input_required", inputRequests, requestState })),
  );
}

/** The error for a client that lacks capabilities. */
export function missingCapability(request: McpRequest, { requiredCapabilities }: MissingCapability): Response {
  return jsonResponse(
    request.codec.supportsInputRequired ? 400 : 200,
    errorJson(missing(request, requiredCapabilities), request.id),
  );
}

function missing({ codec }: McpRequest, requiredCapabilities: object): ProtocolError {
  const names = Object.keys(requiredCapabilities).join(", ");
  return {
    // Older revisions lack the code.
    code: codec.supportsInputRequired ? MISSING_CAPABILITY : INVALID_REQUEST,
    message: `This needs a client that declares these capabilities, at initialize or in its request: ${names}.`,
    data: { requiredCapabilities },
  };
}

function capabilityFor({ method, params }: InputRequest): object {
  if (method === "sampling/createMessage") return { sampling: {} };
  if (method === "roots/list") return { roots: {} };
  return { elicitation: params.mode === "url" ? { url: {} } : {} };
}
