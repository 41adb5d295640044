// A client's name. The client chooses it and it proves nothing, so it is cleaned for display and
// compared with names that people trust.

import { plainLetterOf } from "./lookalikes.ts";

/** Names that people trust, without spaces and punctuation, and the domains that may use them. */
const TRUSTED_NAMES: readonly (readonly [names: readonly string[], domains: readonly string[]])[] = [
  [["stackbilt", "stackbuilt"], ["stackbilt.dev"]],
  [
    ["claude", "anthropic"],
    ["claude.ai", "claude.com", "anthropic.com"],
  ],
  [
    ["chatgpt", "openai", "codex"],
    ["chatgpt.com", "openai.com"],
  ],
  [["cursor"], ["cursor.com", "cursor.sh"]],
  [
    ["vscode", "visualstudio", "copilot", "github", "microsoft"],
    ["vscode.dev", "visualstudio.com", "github.com", "microsoft.com"],
  ],
  [["gemini", "google"], ["google.com"]],
];

/** Digits that are written for letters. */
const LETTERS_OF_DIGITS: Readonly<Record<string, string>> = { 0: "o", 1: "l", 3: "e", 4: "a", 5: "s" };

const MAX_SHOWN_LENGTH = 64;

/**
 * Control, format, bidirectional, invisible and private characters, and blanks that are no spaces.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/**
 * The name for display: NFC, one line, no invisible characters, none that change the direction of
 * text, at most two combining marks in a row, at most 64 characters. Empty if nothing is left.
 */
export function cleanName(name: string): string {
  const visible = name
    .normalize("NFC")
    .replace(/\s+/gu, " ")
    .replace(INVISIBLE, "")
    .replace(/(\p{M}{2})\p{M}+/gu, "$1")
    .replace(/ +/g, " ")
    .trim();
  const characters = [...visible];
  return characters.length <= MAX_SHOWN_LENGTH ? visible : `${characters.slice(0, MAX_SHOWN_LENGTH - 1).join("")}…`;
}

/** Use of a trusted name by a client that has not proven its domain. */
export type Impersonation =
  /** Contains the name itself. */
  | "same_name"
  /** Only looks like the name: written with other letters, which does not happen by accident. */
  | "lookalike";

/** `null` if the name resembles no trusted name, or `domain` (proven, in ASCII) may use it. */
export function impersonationOf(name: string, domain: string | null): Impersonation | null {
  const plain = lettersOf(name.normalize("NFKC"));
  const skeleton = skeletonOf(name);
  const found = TRUSTED_NAMES.flatMap(([names, domains]) => {
    if (domains.some((owner) => domain === owner || domain?.endsWith(`.${owner}`))) return [];
    if (names.some((trusted) => plain.includes(trusted))) return "same_name";
    return names.some((trusted) => skeleton.includes(skeletonOf(trusted))) ? "lookalike" : [];
  });
  return found.find((impersonation) => impersonation === "lookalike") ?? found[0] ?? null;
}

/** The name as it looks: lookalike letters become one letter, accents are dropped. */
function skeletonOf(name: string): string {
  return lettersOf(Array.from(name.normalize("NFKD"), plainLetterOf).join(""))
    .replace(/[013-5]/g, (digit) => LETTERS_OF_DIGITS[digit] ?? digit)
    .replaceAll("i", "l")
    .replaceAll("rn", "m")
    .replaceAll("vv", "w");
}

function lettersOf(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
