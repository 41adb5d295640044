// What counts as a name, an e-mail address and a password, and how all but the last are spelled once they are stored. Any script is
// welcome. Password rules follow NIST SP 800-63B-4, section 3.1.1.2: length and a blocklist, nothing about composition.
import * as v from "valibot";
import { KEY_NAME_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS } from "../../contracts/auth.ts";

/** Enough for any address (RFC 5321 section 4.5.3.1.3), in UTF-8 bytes. */
const EMAIL_MAX_BYTES = 254;
const NAME_MAX = 100;
/** What the gateway lets through; keeps hashing cheap to refuse. */
const PASSWORD_MAX_BYTES = 1024;

/** NFC and lower case, so that one address has one spelling. One `@`, a dot after it, nothing invisible. */
export const EmailAddress = v.pipe(
  v.string(),
  v.maxBytes(EMAIL_MAX_BYTES),
  v.transform((text) => text.normalize("NFC").toLowerCase()),
  v.regex(/^[^\s@\p{C}]+@[^\s@\p{C}.]+(\.[^\s@\p{C}.]+)+$/u),
);

/** Control and direction characters, and others without a width of their own: they make one name look like another. */
const DECEPTIVE = /[\p{Cc}\p{Cs}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/gu;

/** NFC, single spaces, no control or direction characters: it is shown beside things that must not be spoofed. */
export const PersonName = v.pipe(
  v.string(),
  v.maxBytes(4 * NAME_MAX),
  v.transform((text) => text.normalize("NFC").trim().replace(/\s+/g, " ")),
  v.check((text) => text !== "" && text.search(DECEPTIVE) < 0),
  v.check((text) => [...text].length <= NAME_MAX),
);

/** A key's name: NFC, single spaces; control and direction characters are left out, and something to see must remain. */
export const KeyName = v.pipe(
  v.string(),
  v.transform((text) =>
    text
      .normalize("NFC")
      .replace(/[\t\n\v\f\r]/g, " ")
      .replace(DECEPTIVE, "")
      .replace(/\s+/g, " ")
      .trim(),
  ),
  v.regex(/[^\s\p{Default_Ignorable_Code_Point}]/u),
  v.maxLength(KEY_NAME_MAX_CHARACTERS),
);

/** A password as somebody may try it. Never trimmed. */
export const PasswordAttempt = v.pipe(v.string(), v.nonEmpty(), v.maxBytes(PASSWORD_MAX_BYTES));

/** What guessers try first; repeated or padded it is no better. */
const OBVIOUS = [
  "password",
  "passwort",
  "passphrase",
  "correct horse battery staple",
  "correcthorsebatterystaple",
  "the quick brown fox",
  "thequickbrownfox",
  "qwertyuiop",
  "asdfghjkl",
  "zxcvbnm",
  "qwerty",
  "1q2w3e4r",
  "0123456789",
  "1234567890",
  "123456789",
  "abcdefghijklmnopqrstuvwxyz",
  "abcdefgh",
  "iloveyou",
  "letmein",
  "welcome",
  "administrator",
  "stackbilt",
];
/** Fewer different characters than this are a pattern. */
const DISTINCT_MIN = 5;
/** So much must be left once everything obvious is taken out. */
const REMAINDER_MIN = 6;

/** Whether a new password is long enough, and not one that anybody would guess about this person. */
export function isAcceptablePassword(password: string, person: { name: string; email: string }): boolean {
  const characters = [...password.normalize("NFKC")];
  if (characters.length < PASSWORD_MIN_CHARACTERS) return false;
  const text = characters.join("").toLowerCase();
  if (new Set(text).size < DISTINCT_MIN) return false;
  const own = [person.email, ...person.email.split(/[^\p{L}\p{N}]+/u), ...person.name.toLowerCase().split(" ")].filter(
    (word) => word.length > 2,
  );
  const rest = [...own, ...OBVIOUS].reduce((left, word) => left.replaceAll(word, ""), text);
  return [...rest].length >= REMAINDER_MIN;
}
