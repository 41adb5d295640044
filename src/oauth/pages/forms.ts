// Parts that the forms share: fields, the summary of what went wrong, and the buttons for signing in elsewhere.
import { SOCIAL_PROVIDERS, type SocialProvider } from "../../../contracts/auth.ts";
import { type Html, html } from "./html.ts";
import { cautionMark, githubMark, googleMark } from "./marks.ts";

export interface Field {
  readonly name: "name" | "email" | "password";
  readonly label: string;
  readonly type: "text" | "email" | "password";
  readonly autocomplete: string;
  readonly value?: string;
  readonly hint?: string;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly isWrong?: boolean;
}

const SUMMARY_ID = "problem";

/** What went wrong, read out at once and pointed at by the fields concerned. */
export function summary(problem: string | undefined): Html | undefined {
  if (problem === undefined) return undefined;
  return html`<div class="notice notice-bad" id="${SUMMARY_ID}" role="alert">${cautionMark()}<p>${problem}</p></div>`;
}

/** A labelled input. */
export function field({ name, label, type, autocomplete, value, hint, maxLength, minLength, isWrong = false }: Field): Html {
  const described = [hint !== undefined && `${name}-hint`, isWrong && SUMMARY_ID].filter((id) => id !== false).join(" ");
  const attributes = [
    described !== "" && html` aria-describedby="${described}"`,
    isWrong && html` aria-invalid="true"`,
    value !== undefined && html` value="${value}"`,
    maxLength !== undefined && html` maxlength="${maxLength}"`,
    minLength !== undefined && html` minlength="${minLength}"`,
    type !== "text" && html` autocapitalize="none" spellcheck="false"`,
  ];
  return html`<div class="field">
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" required${attributes}>
${hint !== undefined && html`<p class="hint" id="${name}-hint">${hint}</p>`}
</div>`;
}

/** Names a provider as people write it. */
export const PROVIDER_NAMES: Readonly<Record<SocialProvider, string>> = { github: "GitHub", google: "Google" };
const PROVIDER_MARKS: Readonly<Record<SocialProvider, () => Html>> = { github: githubMark, google: googleMark };

/** One form a provider: leaving for one is a POST, so that no link elsewhere can start it. */
export function socialForms(transactionId: string, csrf: Readonly<Record<SocialProvider, string>>): Html {
  const forms = SOCIAL_PROVIDERS.map(
    (provider) => html`<form method="post" action="/oauth/${provider}?tx=${transactionId}">
<input type="hidden" name="csrf" value="${csrf[provider]}">
<button class="button button-plain" type="submit">${PROVIDER_MARKS[provider]()}<span>Continue with ${PROVIDER_NAMES[provider]}</span></button>
</form>`,
  );
  return html`<div class="or"><span>or</span></div>
<div class="social">${forms}</div>`;
}
