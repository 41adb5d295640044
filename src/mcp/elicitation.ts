// A yes-or-no question as a form in front of a person (2026-07-28, client/elicitation), and what they said.

import { supportsRequest } from "./client-input.ts";
import { isObject } from "./json-rpc.ts";
import type { ClientInput, InputRequest } from "./port.ts";

/** The name of the question among others, and of its one field. */
const KEY = "confirm";

/** The question, by its name. */
export function confirmationForm(message: string): Readonly<Record<typeof KEY, InputRequest>> {
  const field = { type: "boolean", title: "Yes, do it", default: false };
  const requestedSchema = { type: "object", properties: { [KEY]: field }, required: [KEY] };
  return { [KEY]: { method: "elicitation/create", params: { mode: "form", message, requestedSchema } } };
}

/** Whether the client can show such a form. */
export function canConfirm({ capabilities }: ClientInput): boolean {
  return supportsRequest(capabilities, confirmationForm("").confirm);
}

/** What the person said; `null` where they said nothing, or nothing that can be read. Closing the form is a no. */
export function confirmationReply({ inputResponses }: ClientInput): "yes" | "no" | null {
  if (!Object.hasOwn(inputResponses, KEY)) return null;
  const { action, content } = inputResponses[KEY] ?? {};
  if (action === "decline" || action === "cancel") return "no";
  if (action !== "accept" || !isObject(content) || typeof content[KEY] !== "boolean") return null;
  return content[KEY] ? "yes" : "no";
}
