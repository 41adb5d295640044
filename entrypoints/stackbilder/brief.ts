// Analyses a project description: its user roles, capabilities, constraints and terms. Unicode
// segmentation finds sentences and words in any script; roles and constraints are found in English
// only.

/** The input of a flow, as it is stored. */
export interface BriefSource {
  readonly projectId: string | null;
  readonly description: string;
  readonly keywords: readonly string[];
}

/** The analysed input. */
export interface Brief {
  /** The name of the project in headings. */
  readonly name: string;
  readonly description: string;
  readonly sentences: readonly string[];
  /** Functions of the product: clauses of the description, or the keywords if it is empty. */
  readonly capabilities: readonly string[];
  /** Significant words of the description, the most frequent first. */
  readonly terms: readonly string[];
  /** The terms that are not user roles: the things that the product is about. */
  readonly subjects: readonly string[];
  /** User roles that the description names, such as "dog walkers". */
  readonly roles: readonly string[];
  /** Clauses with a number, a limit or an obligation. */
  readonly constraints: readonly string[];
  readonly keywords: readonly string[];
}

const STOP_WORDS = new Set(
  (
    "a about above after all also an and any are as at be because been before being between both but by can could did do does each etc every few for " +
    "from further get give had has have having he her here his how i if in into is it its just keep let lets like make makes many may me might " +
    "more most must my need needs new no nor not of off on once one only or other our out over own please same shall she should so some such than that the " +
    "their them then there these they this those through to too under until up us use used uses using very via want wants was we were what " +
    "when where which while who whom why will with within without would you your app application build building create platform product service " +
    "simple software system tool website work works one two three four five six seven eight nine ten second seconds minute minutes hour hours day days " +
    "week weeks daily weekly monthly get gets receive see"
  ).split(" "),
);

const CONSTRAINT =
  /\p{N}|\b(two|three|four|five|ten|must|only|never|always|without|within|under|at most|at least|offline|comply|compliant|compliance|gdpr|hipaa|budget|deadline)\b/iu;

/** English nouns and endings that name user roles. */
const ROLE =
  /^(people|users?|customers?|clients?|admins?|teams?|staff|students?|patients?|guests?|parents?|kids|children|doctors?|nurses?|vets?|members?|authors?|tenants?|companies|shops?|clinics?|schools?|families|friends|freelancers?|agents?|analysts?|citizens?|residents?|volunteers?)$|(ers|ors|ists|ants)$/i;
const NOT_ROLES = new Set(
  "orders offers numbers letters reminders folders papers answers servers containers computers headers papers transfers vouchers errors colors colours sensors factors vectors lists restaurants plants filters layers trackers timers counters parameters registers".split(
    " ",
  ),
);

const MAX_CAPABILITIES = 16;
const MAX_TERMS = 24;

/** Analyses a brief. Deterministic: equal sources give equal briefs. */
export function readBrief({ projectId, description, keywords }: BriefSource): Brief {
  const text = description.normalize("NFC").replace(/\s+/g, " ").trim();
  const sentences = sentencesOf(text);
  const clauses = unique(sentences.flatMap(clausesOf));
  // The first clause, such as "A booking platform for dog walkers", names the product; the others
  // name its functions.
  const actions = clauses.length > 2 && /^(an?|the)\s/i.test(text) ? clauses.slice(1) : clauses;
  const terms = rankTerms(text, keywords);
  const roles = rolesOf(text);
  return {
    name: projectId ?? (terms.slice(0, 3).join(" ") || "Unnamed project"),
    description: text,
    sentences,
    capabilities: (actions.length > 0 ? actions : keywords).slice(0, MAX_CAPABILITIES),
    terms,
    subjects: terms.filter((term) => !roles.some((role) => role.endsWith(term))),
    roles,
    constraints: clauses.filter((clause) => CONSTRAINT.test(clause)),
    keywords: unique(keywords.map((keyword) => keyword.normalize("NFC").trim()).filter((keyword) => keyword !== "")),
  };
}

/** True if `text` contains `term`, ignoring case. */
export function mentions(text: string, term: string): boolean {
  return fold(text).includes(fold(term));
}

/** Returns the first of `terms` that `text` contains. */
export function termIn(text: string, terms: readonly string[]): string | undefined {
  return terms.find((term) => mentions(text, term));
}

/** Returns the first of `roles` whose last word `text` contains: "walkers" for "dog walkers". */
export function roleIn(text: string, roles: readonly string[]): string | undefined {
  return roles.find((role) => mentions(text, role.split(" ").at(-1) ?? role));
}

/** The words of a text in any script, in order. */
export function wordsOf(text: string): string[] {
  const words = new Intl.Segmenter("und", { granularity: "word" }).segment(text);
  return Array.from(words).flatMap(({ segment, isWordLike }) => (isWordLike ? [segment] : []));
}

function fold(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

function sentencesOf(text: string): string[] {
  const found = Array.from(new Intl.Segmenter("und", { granularity: "sentence" }).segment(text), ({ segment }) =>
    segment.trim(),
  );
  return found.filter((segment) => segment !== "");
}

/**
 * The clauses of a sentence that carry meaning: at least two words, one of them significant, or a
 * significant one in a script without spaces between words.
 */
function clausesOf(sentence: string): string[] {
  const parts = sentence.split(/[,;:.!?，、；：。！？()（）]+\s*|\s+(?:and then|and|so that|while|but)\s+|\s[-–—]\s/iu);
  return parts
    .map((part) => part.trim().replace(/^(and|or|then|also|it|they)\s+/i, ""))
    .filter((part) => {
      const words = wordsOf(part);
      return words.some(isSignificant) && (words.length >= 2 || !/\p{Script=Latin}/u.test(part));
    });
}

function isSignificant(word: string): boolean {
  if (STOP_WORDS.has(word.toLowerCase()) || !/\p{L}/u.test(word)) return false;
  // One kana is a particle; one ideograph may be a word, but is too unspecific.
  return /\p{Script=Latin}|\p{Script=Cyrillic}|\p{Script=Greek}/u.test(word) ? word.length > 2 : [...word].length > 1;
}

/** Terms by frequency, then by position. A keyword counts as one more occurrence. */
function rankTerms(text: string, keywords: readonly string[]): string[] {
  const found = new Map<string, number>();
  for (const word of [...wordsOf(text), ...keywords]) {
    const term = word.toLowerCase();
    if (isSignificant(word)) found.set(term, (found.get(term) ?? 0) + 1);
  }
  const ranked = [...found].sort(([, a], [, b]) => b - a).map(([term]) => term);
  return ranked
    .filter((term) => !(found.has(`${term}s`) && term.length > 2) || !ranked.includes(`${term}s`))
    .slice(0, MAX_TERMS);
}

/** Role nouns in the plural, with the word before them, as in "dog walkers". */
function rolesOf(text: string): string[] {
  const words = wordsOf(text);
  const roles = words.flatMap((word, index) => {
    const lower = word.toLowerCase();
    if (!ROLE.test(lower) || NOT_ROLES.has(lower)) return [];
    const before = words[index - 1] ?? "";
    const isPhrase = isSignificant(before) && text.includes(`${before} ${word}`) && !/(ed|ing|ly)$/i.test(before);
    return [isPhrase ? `${before.toLowerCase()} ${lower}` : lower];
  });
  // "dog walkers" replaces "walkers".
  return unique(roles).filter((role, _, all) => !all.some((other) => other !== role && other.endsWith(` ${role}`)));
}

function unique(items: readonly string[]): string[] {
  const seen = new Set<string>();
  return items.filter((item) => !seen.has(fold(item)) && seen.add(fold(item)));
}
