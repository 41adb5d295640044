// Who asks for access, as far as anybody can know: a name that the client chose, and where the answer will be sent. The name proves
// nothing, so it is cleaned for display and measured against names that people trust; the address is what counts.
import type { ClientInfo } from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";

export const ClientIdentity = v.object({
  /** Cleaned for display. */
  name: v.string(),
  /** Host of the client's metadata document, proven by fetching it; `null` for a client that registered itself. */
  domain: v.nullable(v.string()),
});
export type ClientIdentity = Readonly<v.InferOutput<typeof ClientIdentity>>;

/** Where a client wants the user sent afterwards. */
export interface Destination {
  /** Host in ASCII (punycode), with a port unless it is the scheme's own. */
  readonly host: string;
  /** On the user's own computer. */
  readonly isLoopback: boolean;
  /** The host contains letters beyond ASCII, which can look like others. */
  readonly isPunycode: boolean;
}

/** Names that people trust, as they read without spaces and punctuation, and the domains that may use them. */
const TRUSTED_NAMES: readonly (readonly [name: RegExp, domains: readonly string[]])[] = [
  [/stackb[iu]i?lt/, ["stackbilt.dev"]],
  [/claude|anthropic/, ["claude.ai", "claude.com", "anthropic.com"]],
  [/chatgpt|openai|codex/, ["chatgpt.com", "openai.com"]],
  [/cursor/, ["cursor.com", "cursor.sh"]],
  [/vscode|visualstudio|copilot|github|microsoft/, ["vscode.dev", "visualstudio.com", "github.com", "microsoft.com"]],
  [/gemini|google/, ["google.com"]],
];

const NAME_LIMIT = 64;

/** Control, format, bidirectional, invisible and private characters, and blanks that are no spaces. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/**
 * A client's name as it may be shown: NFC, one line, nothing invisible and nothing that turns the direction of text, no towers of
 * accents, at most 64 characters. Empty where nothing is left.
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
  return characters.length <= NAME_LIMIT ? visible : `${characters.slice(0, NAME_LIMIT - 1).join("")}…`;
}

/** What the door may say about `client`. Only a client id that is a metadata document's URL proves a domain. */
export function identify(client: ClientInfo): ClientIdentity {
  const url = client.clientId.startsWith("https://") ? URL.parse(client.clientId) : null;
  return { name: cleanName(client.clientName ?? "") || "Unnamed application", domain: url?.hostname ?? null };
}

/** Where `redirectUri`, which the library has validated, leads. */
export function destinationOf(redirectUri: string): Destination {
  const url = new URL(redirectUri);
  return { host: url.host, isLoopback: isLoopbackHost(url.hostname), isPunycode: /(^|\.)xn--/.test(url.hostname) };
}

/** `localhost`, 127.0.0.0/8 and `[::1]`, as `URL` spells them. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** Whether the name belongs to somebody whom this client has not proven to be. */
export function borrowsTrustedName({ name, domain }: ClientIdentity): boolean {
  const letters = name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, "");
  return TRUSTED_NAMES.some(
    ([pattern, domains]) => pattern.test(letters) && !domains.some((owner) => domain === owner || domain?.endsWith(`.${owner}`)),
  );
}

/**
 * Whether the browser may be sent to `redirectUri` without anybody clicking, as errors are (RFC 9700 section 4.11.2): it is on this
 * computer, or on the host that the client's own metadata document proves. Anything else would make an open redirector.
 */
export function isRedirectTrusted({ domain }: ClientIdentity, redirectUri: string): boolean {
  const { hostname } = new URL(redirectUri);
  return isLoopbackHost(hostname) || (domain !== null && hostname === domain);
}
