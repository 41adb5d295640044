// Schemas of names, e-mail addresses and passwords, and the stored spelling of the first two. Every
// script is allowed. Password rules follow NIST SP 800-63B-4, section 3.1.1.2: a minimum length and
// an estimate of the guesses, no rules about composition.
import * as v from "valibot";
import { KEY_NAME_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS } from "../../contracts/auth.ts";
import { canonicalEmail } from "../../contracts/email-address.ts";
import { readableEmail } from "./email-spellings.ts";

/** The longest address of RFC 5321 section 4.5.3.1.3, in UTF-8 bytes. */
const EMAIL_MAX_BYTES = 254;
const NAME_MAX_CHARACTERS = 100;
/** The gateway's own limit; refuses a long password before it is hashed. */
const PASSWORD_MAX_BYTES = 1024;

/**
 * One spelling for one address (`canonicalEmail`). One `@`, a dot after it, no invisible
 * characters.
 */
export const EmailAddress = v.pipe(
  v.string(),
  v.maxBytes(EMAIL_MAX_BYTES),
  v.transform(canonicalEmail),
  v.maxBytes(EMAIL_MAX_BYTES),
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

/**
 * True if a new password is long enough and an attacker who knows the user needs many guesses. The
 * estimate is imported on first use.
 */
export async function isAcceptablePassword(password: string, user: { name: string; email: string }): Promise<boolean> {
  if ([...password.normalize("NFKC")].length < PASSWORD_MIN_CHARACTERS) return false;
  const email = readableEmail(user.email);
  const words = [email, ...email.split(/[^\p{L}\p{N}]+/u), ...user.name.toLowerCase().split(" ")];
  const { isGuessable } = await import("./password-strength.ts");
  return !isGuessable(
    password,
    words.filter((word) => word.length > 2),
  );
}
