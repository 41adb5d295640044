// Prompts that are refused: a short list of patterns, which stops explicit requests in English. It
// is not a substitute for a trained classifier. A model applies its own rules as well.

const MINOR =
  /\b(child(ren)?|kids?|minors?|toddlers?|bab(y|ies)|infants?|under ?-?age(d)?|teen(s|ager|agers|aged)?|schoolgirls?|schoolboys?|lolitas?|(little|young) (girls?|boys?)|preteens?)\b/;
const SEXUAL =
  /\b(nude|naked|sex|sexual|sexy|sexuali[sz]ed|porn\w*|erotic\w*|hentai|nsfw|topless|undress\w*|lingerie|fetish\w*|lewd)\b/;
/** Refused in every context. */
const ALWAYS = [
  /\b(child|kiddie|cp|loli|shota)[ -]?(porn\w*|hentai|erotica)\b/,
  /\b(csam|lolicon|shotacon)\b/,
  /\b(rape|raping|raped|bestiality|zoophilia)\b/,
  /\b(beheading|behead(ed|s)? (a |the )?(man|woman|person|people|child))\b/,
  /\b(deep ?fake|fake) (nude|nudes|porn\w*)\b/,
];

/** True if the prompt asks for content that is refused. */
export function isRejected(prompt: string): boolean {
  const text = prompt
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\s_]+/g, " ");
  return (MINOR.test(text) && SEXUAL.test(text)) || ALWAYS.some((pattern) => pattern.test(text));
}
