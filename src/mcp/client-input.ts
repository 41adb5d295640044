// Requests that go in rounds (2026-07-28, basic/patterns/mrtr): what a client says beside its params, and the answers that ask it for
// more. Only what the client can be asked for in this very request is asked. Older revisions have none of this.
import { CAPABILITIES_KEY, envelopeOf } from "./era.ts";
import {
  errorJson,
  INVALID_PARAMS,
  INVALID_REQUEST,
  isObject,
  jsonResponse,
  MISSING_CAPABILITY,
  type RpcError,
  resultJson,
} from "./json-rpc.ts";
import type { ClientInput, InputRequest, InputRequired, Invalid, MissingCapability } from "./port.ts";
import { invalid, type McpRequest } from "./request.ts";

/** What the client says beside its params, `undefined` in older revisions; or the answer that says what is wrong with it. */
export function clientInputOf(request: McpRequest): ClientInput | undefined | Response {
  const { params, codec } = request;
  if (!codec.supportsInputRequired) return undefined;
  const { inputResponses = {}, requestState } = params;
  if (!isObject(inputResponses) || !Object.values(inputResponses).every(isObject)) {
    return invalid(request, "params.inputResponses is a JSON object whose values are results, each a JSON object.");
  }
  if (requestState !== undefined && typeof requestState !== "string")
    return invalid(request, "params.requestState is a string.");
  const capabilities = envelopeOf(params)?.[CAPABILITIES_KEY];
  return {
    capabilities: isObject(capabilities) ? capabilities : {},
    inputResponses: inputResponses as ClientInput["inputResponses"], // every value was looked at
    requestState,
  };
}

/** Whether a client with these capabilities can be asked for this. */
export function supportsRequest(capabilities: ClientInput["capabilities"], { method, params }: InputRequest): boolean {
  const { elicitation, sampling, roots } = capabilities;
  if (method === "sampling/createMessage") return isObject(sampling);
  if (method === "roots/list") return isObject(roots);
  if (!isObject(elicitation)) return false;
  // A client that names no mode shows forms (client/elicitation, "Capabilities").
  return params.mode === "url" ? isObject(elicitation.url) : isObject(elicitation.form) || !("url" in elicitation);
}

/** The answer to a request that goes on in another round, or cannot. `aside` is what its client said. */
export function inputRequiredJson(
  request: McpRequest,
  clientInput: ClientInput | undefined,
  paused: InputRequired | Invalid,
): string {
  const { id, server, codec } = request;
  if (paused.state === "invalid") return errorJson({ code: INVALID_PARAMS, message: paused.message }, id);
  const { inputRequests, requestState } = paused;
  const requests = Object.values(inputRequests);
  const impossible = requests.filter((request) => !supportsRequest(clientInput?.capabilities ?? {}, request));
  if (impossible.length > 0)
    return errorJson(missing(request, Object.assign({}, ...impossible.map(capabilityFor))), id);
  return resultJson(
    id,
    JSON.stringify(codec.result(server.features.info, { resultType: "input_required", inputRequests, requestState })),
  );
}

/** The answer to a request that needs more of its client than the client says it can do. */
export function missingCapability(request: McpRequest, { requiredCapabilities }: MissingCapability): Response {
  return jsonResponse(
    request.codec.supportsInputRequired ? 400 : 200,
    errorJson(missing(request, requiredCapabilities), request.id),
  );
}

function missing({ codec }: McpRequest, requiredCapabilities: object): RpcError {
  const names = Object.keys(requiredCapabilities).join(", ");
  return {
    // Older revisions do not have the code.
    code: codec.supportsInputRequired ? MISSING_CAPABILITY : INVALID_REQUEST,
    message: `This takes a client that declares these capabilities, at initialize or in its request: ${names}.`,
    data: { requiredCapabilities },
  };
}

function capabilityFor({ method, params }: InputRequest): object {
  if (method === "sampling/createMessage") return { sampling: {} };
  if (method === "roots/list") return { roots: {} };
  return { elicitation: params.mode === "url" ? { url: {} } : {} };
}
