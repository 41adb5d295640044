// Inline drawings, because pages load nothing from other origins. All are decoration: the text says
// the same.
import type { SocialProvider } from "../../../contracts/auth.ts";
import { type Html, html } from "./html.ts";

/** Three stacked slabs: the head of a page, and the icon of the browser tab. */
export const BRAND_MARK = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="28" aria-hidden="true" fill="#4a72f0"><path d="M4 9l12 6 12-6-12-6z"/><path opacity=".7" d="M4 14l12 6 12-6v3l-12 6-12-6z"/><path opacity=".4" d="M4 20l12 6 12-6v3l-12 6-12-6z"/></svg>`;

export const PROVIDER_MARKS: Readonly<Record<SocialProvider, Html>> = {
  github: html`<svg viewBox="0 0 96 96" width="20" aria-hidden="true" fill="currentColor"><path d="M48 0A48 48 0 0 0 33 94c2 0 3-1 3-3v-9c-12 3-15-3-16-5-1-2-3-6-5-7-2-1-4-3 0-3s6 3 7 5c5 7 12 5 14 4 1-4 2-6 3-7-10-1-21-5-21-24 0-5 1-9 4-12 0-2-2-7 1-13 0 0 4-1 13 5a48 48 0 0 1 24 0c9-6 13-5 13-5 3 6 1 11 1 13 3 3 5 7 5 12 0 19-11 23-22 24 2 2 3 5 3 9v13c0 2 1 3 3 3A48 48 0 0 0 48 0z"/></svg>`,
  google: html`<svg viewBox="0 0 18 18" width="20" aria-hidden="true" fill="none" stroke-width="3.6"><path stroke="#4285f4" d="M9 9.2h7a7.2 7.2 0 0 1-2.3 5.2"/><path stroke="#34a853" d="M13.7 14.4a7.2 7.2 0 0 1-11.1-2.2"/><path stroke="#fbbc05" d="M2.6 12.2a7.2 7.2 0 0 1 0-6.4"/><path stroke="#ea4335" d="M2.6 5.8a7.2 7.2 0 0 1 11.2-2.1"/></svg>`,
};
