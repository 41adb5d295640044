// Reads a project description: who, what, under which constraints, in which words. Works on any script: sentences and words come
// from Unicode segmentation; only the finer readings (who, constraints) know English.

/** What the flow was made with. */
export interface BriefSource {
  readonly projectId: string | null;
  readonly description: string;
  readonly keywords: readonly string[];
}

/** The same, read. */
export interface Brief {
  /** What the project is called in headings. */
  readonly name: string;
  readonly description: string;
  readonly sentences: readonly string[];
  /** What the product is to do: clauses of the description, or the keywords where nothing is described. */
  readonly capabilities: readonly string[];
  /** The words that carry the description, most telling first. */
  readonly terms: readonly string[];
  /** The terms that do not name people. */
  readonly things: readonly string[];
  /** Who uses it, as far as the description says. */
  readonly people: readonly string[];
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

/** Endings and words by which English names people. */
const PERSON =
  /^(people|users?|customers?|clients?|admins?|teams?|staff|students?|patients?|guests?|parents?|kids|children|doctors?|nurses?|vets?|members?|authors?|tenants?|companies|shops?|clinics?|schools?|families|friends|freelancers?|agents?|analysts?|citizens?|residents?|volunteers?)$|(ers|ors|ists|ants)$/i;
const NOT_PEOPLE = new Set(
  "orders offers numbers letters reminders folders papers answers servers containers computers headers papers transfers vouchers errors colors colours sensors factors vectors lists restaurants plants filters layers trackers timers counters parameters registers".split(
    " ",
  ),
);

const MAX_CAPABILITIES = 16;
const MAX_TERMS = 24;

/** Reads a brief. The same source reads the same. */
export function readBrief({ projectId, description, keywords }: BriefSource): Brief {
  const text = description.normalize("NFC").replace(/\s+/g, " ").trim();
  const sentences = sentencesOf(text);
  const clauses = unique(sentences.flatMap(clausesOf));
  // "A booking platform for dog walkers" says what it is; what it does comes after.
  const actions = clauses.length > 2 && /^(an?|the)\s/i.test(text) ? clauses.slice(1) : clauses;
  const terms = rankTerms(text, keywords);
  const people = peopleOf(text);
  return {
    name: projectId ?? (terms.slice(0, 3).join(" ") || "Unnamed project"),
    description: text,
    sentences,
    capabilities: (actions.length > 0 ? actions : keywords).slice(0, MAX_CAPABILITIES),
    terms,
    things: terms.filter((term) => !people.some((person) => person.endsWith(term))),
    people,
    constraints: clauses.filter((clause) => CONSTRAINT.test(clause)),
    keywords: unique(keywords.map((keyword) => keyword.normalize("NFC").trim()).filter((keyword) => keyword !== "")),
  };
}

/** Whether `text` takes up `term`, in whatever case. */
export function mentions(text: string, term: string): boolean {
  return fold(text).includes(fold(term));
}

/** The first of `terms` that `text` takes up. */
export function termIn(text: string, terms: readonly string[]): string | undefined {
  return terms.find((term) => mentions(text, term));
}

/** The one of `people` that `text` speaks of, also by the last word alone: "walkers" for "dog walkers". */
export function personIn(text: string, people: readonly string[]): string | undefined {
  return people.find((person) => mentions(text, person.split(" ").at(-1) ?? person));
}

/** Words of any script, in order. */
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

/** Parts of a sentence that say something by themselves: a telling word and another, or one in a script that does not space words. */
function clausesOf(sentence: string): string[] {
  const parts = sentence.split(/[,;:.!?，、；：。！？()（）]+\s*|\s+(?:and then|and|so that|while|but)\s+|\s[-–—]\s/iu);
  return parts
    .map((part) => part.trim().replace(/^(and|or|then|also|it|they)\s+/i, ""))
    .filter((part) => {
      const words = wordsOf(part);
      return words.some(isTelling) && (words.length >= 2 || !/\p{Script=Latin}/u.test(part));
    });
}

function isTelling(word: string): boolean {
  if (STOP_WORDS.has(word.toLowerCase()) || !/\p{L}/u.test(word)) return false;
  // One kana is a particle; one ideograph may be a word, but tells little by itself.
  return /\p{Script=Latin}|\p{Script=Cyrillic}|\p{Script=Greek}/u.test(word) ? word.length > 2 : [...word].length > 1;
}

/** By how often they occur, then by which comes first; keywords count as one more occurrence. */
function rankTerms(text: string, keywords: readonly string[]): string[] {
  const found = new Map<string, number>();
  for (const word of [...wordsOf(text), ...keywords]) {
    const term = word.toLowerCase();
    if (isTelling(word)) found.set(term, (found.get(term) ?? 0) + 1);
  }
  const ranked = [...found].sort(([, a], [, b]) => b - a).map(([term]) => term);
  return ranked
    .filter((term) => !(found.has(`${term}s`) && term.length > 2) || !ranked.includes(`${term}s`))
    .slice(0, MAX_TERMS);
}

/** Plural role nouns with the word before them, as in "dog walkers". */
function peopleOf(text: string): string[] {
  const words = wordsOf(text);
  const people = words.flatMap((word, index) => {
    const lower = word.toLowerCase();
    if (!PERSON.test(lower) || NOT_PEOPLE.has(lower)) return [];
    const before = words[index - 1] ?? "";
    const isPhrase = isTelling(before) && text.includes(`${before} ${word}`) && !/(ed|ing|ly)$/i.test(before);
    return [isPhrase ? `${before.toLowerCase()} ${lower}` : lower];
  });
  // "walkers" says less than "dog walkers".
  return unique(people).filter(
    (person, _, all) => !all.some((other) => other !== person && other.endsWith(` ${person}`)),
  );
}

function unique(items: readonly string[]): string[] {
  const seen = new Set<string>();
  return items.filter((item) => !seen.has(fold(item)) && seen.add(fold(item)));
}
