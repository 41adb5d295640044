// What may not be drawn. A short list of things that are plainly out, no substitute for a trained classifier: it stops who asks
// openly, in English. A model behind it has rules of its own.

const MINOR =
  /\b(child(ren)?|kids?|minors?|toddlers?|bab(y|ies)|infants?|under ?-?age(d)?|teen(s|ager|agers|aged)?|schoolgirls?|schoolboys?|lolitas?|(little|young) (girls?|boys?)|preteens?)\b/;
const SEXUAL =
  /\b(nude|naked|sex|sexual|sexy|sexuali[sz]ed|porn\w*|erotic\w*|hentai|nsfw|topless|undress\w*|lingerie|fetish\w*|lewd)\b/;
/** Out whatever else the prompt says. */
const ALWAYS = [
  /\b(child|kiddie|cp|loli|shota)[ -]?(porn\w*|hentai|erotica)\b/,
  /\b(csam|lolicon|shotacon)\b/,
  /\b(rape|raping|raped|bestiality|zoophilia)\b/,
  /\b(beheading|behead(ed|s)? (a |the )?(man|woman|person|people|child))\b/,
  /\b(deep ?fake|fake) (nude|nudes|porn\w*)\b/,
];

/** Whether this prompt asks for something that may not be drawn. */
export function isRejected(prompt: string): boolean {
  const text = prompt
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\s_]+/g, " ");
  return (MINOR.test(text) && SEXUAL.test(text)) || ALWAYS.some((pattern) => pattern.test(text));
}
