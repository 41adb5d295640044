// Text in contracts. Lengths are counted in characters, as JSON Schema counts them (RFC 8259:
// Unicode code points), not in UTF-16 code units as valibot does.
import * as v from "valibot";

type MaxCharacters = v.BaseValidation<string, string, v.BaseIssue<string>> & { readonly requirement: number };

/** At most `requirement` characters. */
export function maxCharacters(requirement: number): MaxCharacters {
  const check = v.rawCheck<string>(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value.length <= requirement) return;
    const count = charactersIn(dataset.value);
    if (count > requirement) addIssue({ expected: `<=${requirement}`, received: `${count}` });
  });
  // valibot's own checks carry their type and their requirement in these fields.
  return { ...check, type: "max_characters", requirement } as MaxCharacters;
}

const PAIR = /[\ud800-\udbff][\udc00-\udfff]/g;

/** The number of characters of a text. */
export function charactersIn(text: string): number {
  return text.length - (text.match(PAIR)?.length ?? 0);
}

/** Text of at most `max` characters, one of them visible. */
export function words(max: number) {
  return v.pipe(v.string(), v.regex(/\S/, "text that is not blank"), maxCharacters(max));
}

/** An id of a certain form. `origin` completes "must be": "an id as flow_create returned it". */
export function id(form: RegExp, origin: string) {
  return v.pipe(v.string(), v.regex(form, origin));
}

/**
 * Marks a field whose value may stand in audit records and confirmations: an id or a number, never
 * a user's words. `form`: only a value of this form, which a word in its place does not have.
 * Choices and booleans need no mark.
 */
export function recorded<T>(form: RegExp | true = true) {
  return v.metadata<T, { readonly recorded: RegExp | true }>({ recorded: form });
}
