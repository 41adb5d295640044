// Forms that act once, however often the browser sends them: on a slow line a form is pressed
// twice, and the browser shows the answer to the last press. So the same form gets the same answer
// for a minute, with the same code or key. It is kept sealed, for exactly this form.
import { orUnavailable } from "../../context.ts";
import { keyRingOf } from "../../crypto/key-ring.ts";
import { seal, unseal } from "../../crypto/seal.ts";
import { MARK_LIFETIME_SECONDS, oneTimeMarkOf } from "../../durable/one-time-mark.ts";
import type { BrowserRequest } from "./browser-request.ts";

/** Something that happens once, and the form that asks for it. */
export interface FormOnce {
  /** Names it, unguessably: it proves the browser and its step. */
  readonly name: string;
  /** Digest of the form. Another form with this `name`, such as another decision, is refused. */
  readonly digest: string;
  readonly lifetimeSeconds?: number;
  /** The form may act again if its answer was an error, such as a wrong password. */
  readonly isRepeatable?: boolean;
}

/**
 * The response of `act`, which runs once: for the first request, and continues if the browser
 * disconnects. The same form gets the same response for a minute; every other request gets that of
 * `refuse`.
 */
export function answerOnce(
  browser: BrowserRequest,
  once: FormOnce,
  act: () => Promise<Response>,
  refuse: () => Response | Promise<Response>,
): Promise<Response> {
  const answered = answerOrRefuse(browser, once, act, refuse);
  // A second press ends the first request, and waits for its answer.
  browser.ctx.waitUntil(Promise.allSettled([answered]));
  return answered;
}

async function answerOrRefuse(
  browser: BrowserRequest,
  once: FormOnce,
  act: () => Promise<Response>,
  refuse: () => Response | Promise<Response>,
): Promise<Response> {
  const { name, lifetimeSeconds = MARK_LIFETIME_SECONDS, isRepeatable = false } = once;
  const mark = oneTimeMarkOf(browser.env, name);
  if (!(await mark.claim(lifetimeSeconds))) return (await keptAnswer(browser, once)) ?? refuse();
  let answer: string | null = null;
  let isReleased = isRepeatable;
  try {
    const response = await act();
    isReleased = isRepeatable && response.status >= 400;
    const text = await textOf(response);
    answer = await seal(await keyRingOf(browser.config, "tx"), text, contextOf(once));
    return responseFrom(text);
  } finally {
    // The response counts, also if it cannot be kept for a second press.
    await orUnavailable(browser.trace, "oauth.answer_not_kept", {}, () => mark.settle(answer, isReleased));
  }
}

/** The answer that this form got within the last minute, once it is made; otherwise `null`. */
export async function keptAnswer({ env, config }: BrowserRequest, once: FormOnce): Promise<Response | null> {
  const answer = await oneTimeMarkOf(env, once.name).answer();
  const text = answer === null ? null : await unseal(await keyRingOf(config, "tx"), answer, contextOf(once));
  return text === null ? null : responseFrom(text);
}

function contextOf({ name, digest }: FormOnce): string {
  return `answer|${name}|${digest}`;
}

interface StoredResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

async function textOf(response: Response): Promise<string> {
  const stored: StoredResponse = {
    status: response.status,
    headers: [...response.headers],
    body: await response.text(),
  };
  return JSON.stringify(stored);
}

function responseFrom(text: string): Response {
  const { status, headers, body }: StoredResponse = JSON.parse(text); // sealed by `answerOnce` only
  return new Response(body, { status, headers: headers.map(([name, value]) => [name, value]) });
}
