// A tagged template for HTML. Inserted strings are escaped, inserted fragments are not. Attributes
// are double-quoted.

/** A fragment of HTML. Only `html` and `inlineStyle` create one. */
export interface Html {
  readonly [MARKUP]: string;
}
const MARKUP: unique symbol = Symbol("markup");

type Insert = string | number | Html | null | undefined | false | readonly Insert[];

/**
 * Markup whose inserted strings are escaped for text and for double-quoted attributes. `null`,
 * `undefined` and `false` insert nothing.
 */
export function html(markup: TemplateStringsArray, ...inserts: readonly Insert[]): Html {
  const text = markup.reduce((before, after, index) => before + render(inserts[index - 1]) + after);
  return { [MARKUP]: text };
}

/** The markup as text, for a response. */
export function toText(fragment: Html): string {
  return fragment[MARKUP];
}

/** A stylesheet as a fragment. CSS is not escaped, so `css` must not contain any request's text. */
export function inlineStyle(css: string): Html {
  return { [MARKUP]: `<style>${css}</style>` };
}

function render(insert: Insert): string {
  if (insert === null || insert === undefined || insert === false) return "";
  if (typeof insert === "object") return MARKUP in insert ? insert[MARKUP] : insert.map(render).join("");
  return escaped(String(insert));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
