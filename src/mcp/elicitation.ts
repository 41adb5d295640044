// A yes-or-no question to the user as a form (2026-07-28, client/elicitation), and the response.
import { isObject } from "./json-rpc.ts";
import type { ClientInput } from "./port.ts";
import type { ClientCapabilities, InputRequest } from "./schema.ts";

/** Name of the input request, and of the form's only field. */
const KEY = "confirm";

/** The form as an input request, under its name. */
export function confirmationForm(message: string): Readonly<Record<typeof KEY, InputRequest>> {
  const field = { type: "boolean", title: "Yes, do it", default: false };
  const requestedSchema = { type: "object", properties: { [KEY]: field }, required: [KEY] };
  return { [KEY]: { method: "elicitation/create", params: { mode: "form", message, requestedSchema } } };
}

/** True if the client can show the form. */
export function supportsConfirmation({ capabilities }: ClientInput): boolean {
  return supportsRequest(capabilities, confirmationForm("").confirm);
}

/** The user's response; `null` if there is none or it is malformed. Closing the form declines. */
export function confirmationResponse({ inputResponses }: ClientInput): "accept" | "decline" | null {
  if (!Object.hasOwn(inputResponses, KEY)) return null;
  const { action, content } = inputResponses[KEY] ?? {};
  if (action === "decline" || action === "cancel") return "decline";
  if (action !== "accept" || !isObject(content) || typeof content[KEY] !== "boolean") return null;
  return content[KEY] ? "accept" : "decline";
}

/** True if a client with these capabilities supports this input request. */
export function supportsRequest(capabilities: ClientCapabilities, { method, params }: InputRequest): boolean {
  const { elicitation, sampling, roots } = capabilities;
  if (method === "sampling/createMessage") return isObject(sampling);
  if (method === "roots/list") return isObject(roots);
  if (!isObject(elicitation)) return false;
  // A client that names no mode supports forms (client/elicitation, "Capabilities").
  return params.mode === "url" ? isObject(elicitation.url) : isObject(elicitation.form) || !("url" in elicitation);
}
