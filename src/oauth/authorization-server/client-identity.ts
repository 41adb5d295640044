// Who asks for access, as far as anybody can know: a name that the client chose, and where the answer will be sent. The name proves
// nothing, so it is cleaned for display and measured against names that people trust; the address is what counts.
import type { ClientInfo } from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { spelledOut } from "./punycode.ts";

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
  /** The host in letters beyond ASCII, which can look like others; `null` where it has none. */
  readonly letters: string | null;
}

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

/** Cyrillic, Greek, Latin and digits that look like a plain letter, behind the letter that they look like (after UTS #39). */
const LOOK_ALIKES = new Map(
  [
    ...[
      "aаαɑ4",
      "bвьβ",
      "cсϲᴄ",
      "dԁժ",
      "eеєεҽ3",
      "gɡց",
      "hнһհ",
      "jјϳ",
      "kкκ",
      "mмμ",
      "nпռηνո",
      "oоοσօ0",
      "pрρ",
      "qԛգ",
      "rгᴦ",
      "sѕꜱ5",
    ],
    ...["tтτ", "uսυ", "vѵ", "wԝшɯω", "xхχ", "yуүγ", "zᴢζ", "liіıɩι1ӏ|"],
  ].flatMap(([letter = "", ...others]) => others.map((other) => [other, letter] as const)),
);

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
  return { host: url.host, isLoopback: isLoopbackHost(url.hostname), letters: spelledOut(url.hostname) };
}

/** `localhost`, 127.0.0.0/8 and `[::1]`, as `URL` spells them. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** How a client's name leans on one that people trust. */
export type Borrowing =
  /** It is the name of somebody whom this client has not proven to be. */
  | "borrowed"
  /** It only looks like the name: it is written with other letters, which nobody does by accident. */
  | "disguised";

/** `null` for a name of the client's own. */
export function borrowingOf({ name, domain }: ClientIdentity): Borrowing | null {
  const read = lettersOf(name.normalize("NFKC"));
  const seen = skeletonOf(name);
  const found = TRUSTED_NAMES.flatMap(([names, domains]) => {
    if (domains.some((owner) => domain === owner || domain?.endsWith(`.${owner}`))) return [];
    if (names.some((trusted) => read.includes(trusted))) return "borrowed";
    return names.some((trusted) => seen.includes(skeletonOf(trusted))) ? "disguised" : [];
  });
  return found.find((borrowing) => borrowing === "disguised") ?? found[0] ?? null;
}

/** The name as the eye takes it in: letters that look alike are the same letter, and accents are overlooked. */
function skeletonOf(name: string): string {
  const letters = lettersOf(name.normalize("NFKD").replaceAll("|", "l"));
  return [...letters]
    .map((letter) => LOOK_ALIKES.get(letter) ?? letter)
    .join("")
    .replaceAll("rn", "m")
    .replaceAll("vv", "w");
}

function lettersOf(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/**
 * Whether the browser may be sent to `redirectUri` without anybody clicking, as errors are (RFC 9700 section 4.11.2): it is on this
 * computer, or on the host that the client's own metadata document proves. Anything else would make an open redirector.
 */
export function isRedirectTrusted({ domain }: ClientIdentity, redirectUri: string): boolean {
  const { hostname } = new URL(redirectUri);
  return isLoopbackHost(hostname) || (domain !== null && hostname === domain);
}
