// Scores an artifact. Each score is computed from counts in the artifact and the brief, without
// randomness.
import type { Draft } from "./artifacts/draft.ts";
import { type Brief, mentions } from "./brief.ts";

/** The length of a complete artifact, in tokens. */
const SUBSTANCE_TOKENS = 400;
/** The number of significant words in a detailed brief. */
const RICH_TERMS = 12;
/**
 * The weight of the artifact's own score in the fused score; the rest is the previous mode's fused
 * score.
 */
const OWN_SHARE = 0.6;

/**
 * The length of a text in tokens. A token is up to four letters or digits of a script with spaces,
 * one ideograph or kana, or one punctuation mark. This approximates the tokenizers of language
 * models and gives the same count everywhere.
 */
export function countTokens(text: string): number {
  const cjk = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}`;
  return (
    text.match(new RegExp(String.raw`[${cjk}]|(?:(?![${cjk}])[\p{L}\p{M}\p{N}]){1,4}|[^\s\p{L}\p{M}\p{N}]`, "gu"))
      ?.length ?? 0
  );
}

/**
 * Both scores, 0 to 100 with one decimal. `fused` also weighs the earlier modes. `local` is the sum
 * of coverage (40: the keywords and terms of the brief that its points and its text mention),
 * concreteness (25: points with a word of the brief or a figure), substance (15: length) and ground
 * (20: for the first mode the detail of the brief, later the points of the previous mode that it
 * cites).
 */
export function scoreArtifact(
  draft: Draft,
  brief: Brief,
  earlier: readonly (Draft & { readonly fused: number })[],
): { local: number; fused: number } {
  const previous = earlier.at(-1);
  const expected = [...brief.keywords, ...brief.terms];
  const stated = draft.points.map(({ text }) => text).join("\n");
  const coverage =
    (share(expected, (term) => mentions(stated, term)) + share(expected, (term) => mentions(draft.markdown, term))) / 2;
  const concreteness = share(
    draft.points,
    ({ text }) => /\p{N}/u.test(text) || expected.some((term) => mentions(text, term)),
  );
  const substance = Math.min(1, countTokens(draft.markdown) / SUBSTANCE_TOKENS);
  const ground = previous
    ? share(previous.points, ({ id }) => new RegExp(`\\b${id}\\b`).test(draft.markdown))
    : Math.min(1, brief.terms.length / RICH_TERMS);
  const local = round(40 * coverage + 25 * concreteness + 15 * substance + 20 * ground);
  return { local, fused: previous ? round(OWN_SHARE * local + (1 - OWN_SHARE) * previous.fused) : local };
}

/** The share of `items` that pass, 0 to 1; 0 for an empty list. */
function share<Item>(items: readonly Item[], passes: (item: Item) => boolean): number {
  return items.length === 0 ? 0 : items.filter(passes).length / items.length;
}

function round(score: number): number {
  return Math.round(score * 10) / 10;
}
