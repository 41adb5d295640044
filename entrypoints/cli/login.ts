// A login that Cloudflare refuses, in an answer of its API or in the output of wrangler: what the
// operator does about it.
import { CliError } from "./cli-error.ts";

/** Cloudflare's codes for a token that is malformed, unknown, or lacks a permission. */
export const INVALID_LOGIN: readonly number[] = [6003, 9109, 10000];

/** Wrangler's login is not used, and cannot be renewed, while there is a token. */
export function remedyOfLogin(): string {
  return process.env.CLOUDFLARE_API_TOKEN
    ? "Correct the token in CLOUDFLARE_API_TOKEN, or give it this permission in the account."
    : "Log in again with `npx wrangler login`, as a user who has this permission in the account.";
}

/** The error of a command of wrangler that failed: the sentence, its output, and the remedy. */
export function wranglerError(sentence: string, output: string): CliError {
  const isRefused = INVALID_LOGIN.some((code) => output.includes(`[code: ${code}]`));
  const remedy = isRefused ? `\n\n${remedyOfLogin()}` : "";
  return new CliError(`${sentence}. The output of wrangler:\n\n${output.trim()}${remedy}`);
}
