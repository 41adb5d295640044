// Strength of a new password (NIST SP 800-63B-4, section 3.1.1.2: a blocklist, no rules about
// composition). zxcvbn-ts estimates the number of guesses; this file adds what it overrates: words
// with padding, repeated parts, and words about the user or this product. Imported on first use,
// because its dictionaries are larger than the rest of this Worker.
import { type OptionsType, ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary as common } from "@zxcvbn-ts/language-common";
import { dictionary as english } from "@zxcvbn-ts/language-en";

/** The first guesses of an attacker, which repeating or padding does not improve. */
const OBVIOUS = [
  ...["mypassword", "password", "passphrase", "passwort", "kennwort", "wachtwoord", "motdepasse", "mot de passe"],
  ...["contraseña", "senha", "пароль", "密码", "密碼", "パスワード", "비밀번호", "secret", "stackbilt"],
  ...["correct horse battery staple", "correcthorsebatterystaple", "the quick brown fox", "thequickbrownfox"],
  ...["qwertyuiop", "asdfghjkl", "zxcvbnm", "qwerty", "1q2w3e4r", "0123456789", "1234567890", "123456789"],
  ...["abcdefghijklmnopqrstuvwxyz", "abcdefgh", "iloveyou", "letmein", "welcome", "administrator"],
];

/** zxcvbn's "safely unguessable": 10^8 guesses. */
const SCORE_MIN = 3;
/** Powers of ten: guesses for what remains without obvious words, and for its letters alone. */
const REMAINDER_MIN = 6;
const LETTERS_MIN = 4.5;
/** A shorter part may occur twice. */
const REPEATED_CHARACTERS = 4;
/** More of a password needs no estimate; the estimate takes longer than linear time. */
const ESTIMATED_CHARACTERS = 100;

// The library's type wants mutable dictionaries; it does not change them.
const options = { dictionary: { ...common, ...english }, graphs: adjacencyGraphs } as OptionsType;
const estimator = new ZxcvbnFactory(options);

/** True if an attacker who knows the user needs few guesses. `words`: the user's, lower case. */
export function isGuessable(password: string, words: readonly string[]): boolean {
  const text = [...password.normalize("NFKC")].slice(0, ESTIMATED_CHARACTERS).join("");
  const known = [...words, ...OBVIOUS];
  const estimate = (part: string) => estimator.check(part, known);
  if (estimate(text).score < SCORE_MIN) return true;
  const remainder = known.reduce((left, word) => left.replaceAll(word, ""), withoutRepeats(text.toLowerCase()));
  if (estimate(remainder).guessesLog10 < REMAINDER_MIN) return true;
  const letters = remainder.replace(/[^\p{L}\p{M}]/gu, "");
  const isMostlyLetters = letters.length * 2 >= remainder.length;
  return isMostlyLetters && estimate(letters).guessesLog10 < LETTERS_MIN;
}

/** The text without parts of at least `REPEATED_CHARACTERS` that occur again behind themselves. */
function withoutRepeats(text: string): string {
  let rest = "";
  for (let at = 0; at < text.length; ) {
    const length = repeatAt(text, at);
    if (length < REPEATED_CHARACTERS) rest += text.charAt(at);
    at += length < REPEATED_CHARACTERS ? 1 : length;
  }
  return rest;
}

/** The length of the longest part at `at` that occurs again behind itself. */
function repeatAt(text: string, at: number): number {
  let length = 0;
  while (text.includes(text.slice(at, at + length + 1), at + length + 1) && at + length < text.length) length += 1;
  return length;
}
