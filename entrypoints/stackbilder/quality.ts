// Measures an artifact. Every score follows from what can be counted in the artifact and the brief; none is drawn at random.
import type { Draft } from "./artifacts/draft.ts";
import { type Brief, mentions } from "./brief.ts";

/** A full artifact has about this many tokens. */
const SUBSTANCE_TOKENS = 400;
/** A rich brief has about this many telling words. */
const RICH_TERMS = 12;
/** How much of the fused score is the artifact's own; the rest is the fused score of the mode before. */
const OWN_SHARE = 0.6;

/**
 * The length of a text in tokens: up to four letters or digits of a spaced script, one ideograph or kana, or one mark. Close to what
 * language models count, and the same everywhere.
 */
export function countTokens(text: string): number {
  const cjk = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}`;
  return (
    text.match(new RegExp(String.raw`[${cjk}]|(?:(?![${cjk}])[\p{L}\p{M}\p{N}]){1,4}|[^\s\p{L}\p{M}\p{N}]`, "gu"))
      ?.length ?? 0
  );
}

/**
 * Both scores, 0 to 100 with one decimal. `local` weighs: coverage (which keywords and leading terms of the brief are taken up, in its
 * points and anywhere, 40), concreteness (points that use the brief's words or figures, 25), substance (length, 15), and ground (20:
 * for the first mode how much the brief gives; later, which points of the mode before are taken up). `fused` weighs the modes before.
 */
export function scoreArtifact(
  draft: Draft,
  brief: Brief,
  earlier: readonly (Draft & { readonly fused: number })[],
): { local: number; fused: number } {
  const before = earlier.at(-1);
  const wanted = [...brief.keywords, ...brief.terms];
  const stated = draft.points.map(({ text }) => text).join("\n");
  const coverage =
    (share(wanted, (term) => mentions(stated, term)) + share(wanted, (term) => mentions(draft.markdown, term))) / 2;
  const concreteness = share(
    draft.points,
    ({ text }) => /\p{N}/u.test(text) || wanted.some((term) => mentions(text, term)),
  );
  const substance = Math.min(1, countTokens(draft.markdown) / SUBSTANCE_TOKENS);
  const ground = before
    ? share(before.points, ({ id }) => new RegExp(`\\b${id}\\b`).test(draft.markdown))
    : Math.min(1, brief.terms.length / RICH_TERMS);
  const local = round(40 * coverage + 25 * concreteness + 15 * substance + 20 * ground);
  return { local, fused: before ? round(OWN_SHARE * local + (1 - OWN_SHARE) * before.fused) : local };
}

/** Which part of `items` passes, 0 to 1; nothing passes where there is nothing. */
function share<Item>(items: readonly Item[], passes: (item: Item) => boolean): number {
  return items.length === 0 ? 0 : items.filter(passes).length / items.length;
}

function round(score: number): number {
  return Math.round(score * 10) / 10;
}
