// Keeps replaced words out of code, comments and documents: one table of patterns, each with the
// word to write instead. Terms that stay special are explained in docs/architecture.md.
import { describe, expect, it } from "vitest";
import { FILES, textOf } from "./sources.ts";

interface ReplacedWord {
  /** Matches the word, and no standard use of the same letters. */
  readonly pattern: RegExp;
  readonly instead: string;
  /** Text that the pattern must match. */
  readonly example: string;
  /** Standard uses, which the pattern must not match. */
  readonly allowed?: readonly string[];
  /** Files in which the word has another meaning, or names what is stored under it. */
  readonly except?: RegExp;
}

/** This table, the history, and the decision that replaced the words. */
const EXEMPT =
  /^(?:test\/pins\/words\.test\.ts|CHANGELOG\.md|docs\/decisions\/\d+-\S*(?:words|vocabulary|layout)\S*\.md)$/;
/** Subjects of pictures: houses and their rooms. */
const PICTURES = /^entrypoints\/img-forge\/drawing\/|^test\/backends\/img-forge/;

const REPLACED: readonly ReplacedWord[] = [
  {
    pattern: /\b(?:[Ff]ront )?[Dd]oors?\b|[a-z]Doors?\b|\b[dD]oor(?=[A-Z])/g,
    instead: "entrypoint, authorization server or resource server; of an audit record, channel",
    example: "const httpDoor = open(frontDoor);",
    allowed: ["indoors", "outdoor"],
    except: PICTURES,
  },
  {
    pattern: /\b[Ww]alls?\b(?![- ]clock)|\bWall[A-Z]\w+/g,
    instead: "RPC boundary (caller side, backend side)",
    example: "class WallError: the wall on both sides",
    allowed: ["wall-clock time", "wallet"],
    except: PICTURES,
  },
  {
    pattern: /(?<!\b(?:in|out)put )\b[Gg]ate[sd]?\b|(?<!Toke)[a-z]Gate\b/g,
    instead: "authorization server, resource server or check",
    example: "the coming-soon gate",
    allowed: ["gateway", "aggregate", "input gates"],
  },
  {
    pattern: /\bTokenGate\b/g,
    instead: "GrantObject",
    example: "new TokenGate()",
    except: /^wrangler\.toml$/, // the migrations
  },
  {
    pattern: /\b(?:the|this|our) house\b/gi,
    instead: "repository or layer",
    example: "the rooms of the house",
    except: PICTURES,
  },
  {
    pattern: /(?<!\.)\bfloors?\b/gi,
    instead: "layer; of a measurement, baseline",
    example: "four floors, one direction",
    allowed: ["Math.floor(1.5)"],
    except: PICTURES,
  },
  {
    pattern: /\brooms?\b/gi,
    instead: "folder; of space, space",
    example: "a room does not know another",
    except: PICTURES,
  },
  {
    pattern: /(?<!set |put |sets |puts |setting |putting )\basides?\b|\bAside[A-Z]?/g,
    instead: "ClientInput, or notification",
    example: "const aside: Aside",
    allowed: ["set aside"],
  },
  { pattern: /errands?\b/gi, instead: "BackendCall", example: "interface Errand" },
  { pattern: /\bReach\b(?=[ ,;<>)]*[{=;,)])|\breachOf\b/g, instead: "BackendClient", example: "interface Reach {" },
  { pattern: /dialects?\b/gi, instead: "Codec, or protocol revision", example: "type Dialect" },
  { pattern: /circumstances?\b/gi, instead: "RequestContext", example: "const circumstances = {}" },
  {
    pattern: /goesInRounds|\bIN_ROUNDS|\b(?:in|by) rounds\b|inRounds/g,
    instead: "supportsInputRequired, or multi round-trip (MRTR)",
    example: "a call that goes in rounds",
    allowed: ["rounds to ten", "three rounds of a measurement"],
  },
  {
    pattern: /stand-?ins?\b|stands? in for\b/gi,
    instead: "fake; of a sign-in provider, local provider",
    example: "const standIns: the stand-in for KV stands in for it",
    except: /^entrypoints\/auth\/local-provider\.ts$/,
  },
  {
    pattern: /\w*judg(?:e|ing)\w*/gi,
    instead: "validate",
    example: "judgedFetch",
  },
  { pattern: /\bkeepers?\b|[a-z]Keepers?\b/g, instead: "a name for its role: store, owner", example: "key keeper" },
  { pattern: /\bsomebody\b/gi, instead: "the user, the client or another user", example: "somebody else" },
  { pattern: /\banybody\b/gi, instead: "any client or any user", example: "anybody may read it" },
  { pattern: /\bnobody\b/gi, instead: "no client, no user or no caller", example: "nobody asks" },
  { pattern: /\bwhoever\b|\bwhomever\b/gi, instead: "the client, the user or the caller", example: "whoever asks" },
  { pattern: /\bunlucky\b/gi, instead: "a name that says what fails", example: "const unlucky = 3" },
  {
    pattern: /\bListed(?:Tool|Resource|Prompt|Template)s?\b/g,
    instead: "Tool, Resource, Prompt or ResourceTemplate of src/mcp/schema.ts",
    example: "ListedTool",
  },
  {
    pattern: /\b(?:interface|type|class) (?:Begun|Paused|Finished|Session|Answer|Caller|Chain)\b/g,
    instead: "TaskStarted, InputRequired, Completed, BrowserSession, McpSession, Credential or RefreshTokenFamily",
    example: "interface Begun {",
  },
  {
    pattern: /\b(?:interface|type|class) (?:Offer|Host|LongWork|Visit|Turn|WallCode)\b/g,
    instead: "ServerFeatures, McpServer, TaskSupport, BrowserRequest, Invocation or BoundaryCode",
    example: "export interface Offer {",
  },
  {
    pattern: /\b(?:mayGoOn|goOn|comeBack|leaveFor|comingBack)\b/g,
    instead: "allowTask, continueAuthorization, finishSocialSignIn or redirectToProvider",
    example: "mayGoOn: true",
  },
  {
    pattern: /\b(?:goes|gone) on\b(?! (?:an?|the|its|each|every)\b)/gi,
    instead: "continues",
    example: "the work goes on",
    allowed: ["the button goes on the page"],
  },
  { pattern: /\bcomes back\b/gi, instead: "returns", example: "the browser comes back" },
  {
    pattern: /\bCREDENTIAL_MEMORY|\bcredential memory\b|[mM]emoryOf\b/g,
    instead: "CREDENTIAL_CACHE_SECONDS, credential cache",
    example: "CREDENTIAL_MEMORY_SECONDS",
    except: /^(?:src|test\/src)\/config(?:\.test)?\.ts$/,
    allowed: ["in memory"],
  },
  { pattern: /\brecall(?:s|ed|ing)?\b/gi, instead: "get", example: "recall(token)" },
  {
    pattern: /\bremember(?:s|ed|ing)? (?:an? |the |its |each )?(?:credential|token|bearer|key)s?\b/gi,
    instead: "cache",
    example: "remembers the token",
    allowed: ["a remembered approval"],
  },
  { pattern: /\bforg(?:ets?|ot|otten)\b/gi, instead: "delete, or lose", example: "forget(token)" },
  { pattern: /\bdoor-keys\b|\bdoorKeys\b/g, instead: "key-ring", example: "door-keys.ts" },
  { pattern: /\b(?:useUp|usedUp)\b/g, instead: "claimOnce", example: "useUp(token)" },
];

/** One sentence for each use of a replaced word in `text`. */
function replacedWordsIn(file: string, text: string): string[] {
  if (EXEMPT.test(file)) return [];
  const words = REPLACED.filter(({ except }) => !except?.test(file));
  return text
    .split("\n")
    .flatMap((line, at) =>
      words.flatMap(({ pattern, instead }) =>
        Array.from(line.matchAll(pattern), ([word]) => `${file}:${at + 1} says ${word}: write ${instead}.`),
      ),
    );
}

describe("the vocabulary", () => {
  it("has none of the replaced words", () => {
    expect(FILES.flatMap((file) => replacedWordsIn(file, textOf(file)))).toEqual([]);
  });

  it.each(REPLACED.map(({ example, ...word }) => [example, word] as const))("catches %s", (example, { instead }) => {
    expect(replacedWordsIn("src/any.ts", example).some((sentence) => sentence.endsWith(`write ${instead}.`))).toBe(
      true,
    );
  });

  it.each(REPLACED.flatMap(({ allowed = [] }) => allowed))("allows %s", (text) => {
    expect(replacedWordsIn("src/any.ts", text)).toEqual([]);
  });
});
