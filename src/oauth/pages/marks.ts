// The small drawings of the pages, inline because nothing is loaded from elsewhere. All are decoration: words say the same.
import { type Html, html, toText } from "./html.ts";

/** Three slabs, stacked. */
export function brandMark(): Html {
  return html`<svg class="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false"><path class="mark-low" d="M4 20.2 16 26.6l12-6.4v2.6L16 29.2 4 22.8z"/><path class="mark-mid" d="M4 14.4l12 6.4 12-6.4V17l-12 6.4L4 17z"/><path class="mark-top" d="M16 2.8 28 9.2v2L16 17.6 4 11.2v-2z"/></svg>`;
}

/** The brand mark as a file of its own, for the browser's tab. */
export function faviconSvg(): string {
  return toText(
    html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="#2f5bea"><path opacity=".45" d="M4 20.2 16 26.6l12-6.4v2.6L16 29.2 4 22.8z"/><path opacity=".7" d="M4 14.4l12 6.4 12-6.4V17l-12 6.4L4 17z"/><path d="M16 2.8 28 9.2v2L16 17.6 4 11.2v-2z"/></g></svg>`,
  );
}

export function githubMark(): Html {
  return html`<svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true" focusable="false" fill="currentColor"><path d="M8 0C3.58 0 0 3.58 0 8c0 3.54 2.29 6.53 5.47 7.59.4.07.55-.17.55-.38 0-.19-.01-.82-.01-1.49-2.01.37-2.53-.49-2.69-.94-.09-.23-.48-.94-.82-1.13-.28-.15-.68-.52-.01-.53.63-.01 1.08.58 1.23.82.72 1.21 1.87.87 2.33.66.07-.52.28-.87.51-1.07-1.78-.2-3.64-.89-3.64-3.95 0-.87.31-1.59.82-2.15-.08-.2-.36-1.02.08-2.12 0 0 .67-.21 2.2.82.64-.18 1.32-.27 2-.27s1.36.09 2 .27c1.53-1.04 2.2-.82 2.2-.82.44 1.1.16 1.92.08 2.12.51.56.82 1.27.82 2.15 0 3.07-1.87 3.75-3.65 3.95.29.25.54.73.54 1.48 0 1.07-.01 1.93-.01 2.2 0 .21.15.46.55.38A8.01 8.01 0 0 0 16 8c0-4.42-3.58-8-8-8z"/></svg>`;
}

export function googleMark(): Html {
  return html`<svg viewBox="0 0 18 18" width="20" height="20" aria-hidden="true" focusable="false"><path fill="#4285f4" d="M17.64 9.2c0-.64-.06-1.25-.16-1.84H9v3.48h4.84a4.14 4.14 0 0 1-1.8 2.72v2.26h2.92c1.7-1.57 2.68-3.88 2.68-6.62z"/><path fill="#34a853" d="M9 18c2.43 0 4.47-.8 5.96-2.18l-2.91-2.26c-.81.54-1.84.86-3.05.86-2.34 0-4.33-1.58-5.04-3.71H.96v2.33A9 9 0 0 0 9 18z"/><path fill="#fbbc05" d="M3.96 10.71a5.41 5.41 0 0 1 0-3.42V4.96H.96a9 9 0 0 0 0 8.08z"/><path fill="#ea4335" d="M9 3.58c1.32 0 2.51.45 3.44 1.35l2.58-2.59A9 9 0 0 0 .96 4.96l3 2.33C4.67 5.16 6.66 3.58 9 3.58z"/></svg>`;
}

/** A padlock: what stays closed. */
export function shieldMark(): Html {
  return html`<svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"><path d="M10 2.5 3.8 4.8v4.6c0 3.9 2.6 6.7 6.2 8.1 3.6-1.4 6.2-4.2 6.2-8.1V4.8z"/></svg>`;
}

/** A triangle with a bang: look twice. */
export function cautionMark(): Html {
  return html`<svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"><path d="M10 3.2 18 16.8H2z"/><path d="M10 8.4v3.8M10 14.6v.1"/></svg>`;
}
