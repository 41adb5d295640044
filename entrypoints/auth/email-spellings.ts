// Spellings of an e-mail address whose domain is not Latin: stored with A-labels, shown as people
// write it. Accounts of earlier versions are stored as they were typed.
import { domainToUnicode } from "node:url";
import { canonicalEmail } from "../../contracts/email-address.ts";

/** An address whose domain has A-labels (RFC 5890), and nothing that a URL would read as more. */
const A_LABELS = /^(.*)@([a-z0-9.-]*xn--[a-z0-9.-]+)$/;

/** The address as people write it, e.g. `ada@bücher.example`. */
export function readableEmail(email: string): string {
  const [, local, domain] = A_LABELS.exec(email) ?? [];
  const decoded = domain === undefined ? "" : domainToUnicode(domain);
  return decoded === "" ? email : `${local}@${decoded}`;
}

/** Every spelling under which the account of this address can be stored, the current one first. */
export function spellingsOf(email: string): readonly string[] {
  const canonical = canonicalEmail(email);
  return [...new Set([canonical, readableEmail(canonical), email.normalize("NFC").toLowerCase()])];
}
