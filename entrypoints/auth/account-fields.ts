// Schemas of names, e-mail addresses and passwords, and the stored spelling of the first two. Every
// script is allowed. Password rules follow NIST SP 800-63B-4, section 3.1.1.2: a minimum length and
// a blocklist, no rules about composition.
import * as v from "valibot";
import { KEY_NAME_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS } from "../../contracts/auth.ts";

/** The longest address of RFC 5321 section 4.5.3.1.3, in UTF-8 bytes. */
const EMAIL_MAX_BYTES = 254;
const NAME_MAX_CHARACTERS = 100;
/** The gateway's own limit; refuses a long password before it is hashed. */
const PASSWORD_MAX_BYTES = 1024;

/**
 * NFC and lower case: one spelling for one address. One `@`, a dot after it, no invisible
 * characters.
 */
export const EmailAddress = v.pipe(
  v.string(),
  v.maxBytes(EMAIL_MAX_BYTES),
  v.transform((text) => text.normalize("NFC").toLowerCase()),
  v.regex(/^[^\s@\p{C}]+@[^\s@\p{C}.]+(\.[^\s@\p{C}.]+)+$/u),
);

/** Control, direction and zero-width characters: with them one name can look like another. */
const DECEPTIVE = /[\p{Cc}\p{Cs}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/gu;

/**
 * NFC, single spaces, no control or direction characters: pages show it beside text that must not
 * be spoofed.
 */
export const DisplayName = v.pipe(
  v.string(),
  v.maxBytes(4 * NAME_MAX_CHARACTERS),
  v.transform((text) => text.normalize("NFC").trim().replace(/\s+/g, " ")),
  v.check((text) => text !== "" && text.search(DECEPTIVE) < 0),
  v.check((text) => [...text].length <= NAME_MAX_CHARACTERS),
);

/**
 * Name of an API key: NFC, single spaces; deceptive characters are removed, a visible one must
 * remain.
 */
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

/** A password as a user may enter it. It is not trimmed. */
export const PasswordAttempt = v.pipe(v.string(), v.nonEmpty(), v.maxBytes(PASSWORD_MAX_BYTES));

/** The first guesses of an attacker, which repeating or padding does not improve. */
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
/** Fewer distinct characters than this form a pattern. */
const DISTINCT_MIN = 5;
/** Characters that must remain after every obvious word is removed. */
const REMAINDER_MIN = 6;

/** True if a new password is long enough and not an obvious guess about this user. */
export function isAcceptablePassword(password: string, user: { name: string; email: string }): boolean {
  const characters = [...password.normalize("NFKC")];
  if (characters.length < PASSWORD_MIN_CHARACTERS) return false;
  const text = characters.join("").toLowerCase();
  if (new Set(text).size < DISTINCT_MIN) return false;
  const own = [user.email, ...user.email.split(/[^\p{L}\p{N}]+/u), ...user.name.toLowerCase().split(" ")].filter(
    (word) => word.length > 2,
  );
  const rest = [...own, ...OBVIOUS].reduce((left, word) => left.replaceAll(word, ""), text);
  return [...rest].length >= REMAINDER_MIN;
}
