// The claims of the documents that the source decides: numbers, messages, options of commands, and
// each name in code type. Decisions and the changelog describe their date, and are left out.
import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { BACKENDS } from "../../contracts/backends.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { FILES, textOf } from "./sources.ts";

const HISTORY = /^(?:CHANGELOG\.md|docs\/decisions\/)/;
const documents = FILES.filter((file) => file.endsWith(".md") && !HISTORY.test(file));
const isCode = (file: string) => !file.endsWith(".md") && !file.startsWith("test/pins/");
const code = FILES.filter(isCode).map(textOf).join("\n");
/** The files that can write a message which a user or an operator meets. */
const product = FILES.filter((file) => /^(?:src|contracts|entrypoints)\//.test(file) && isCode(file))
  .map(textOf)
  .join("\n");

/** The value of `const name = <numbers and operators>` in a file, in the unit of `per`. */
function number(file: string, name: string, per = 1): string {
  const product = new RegExp(`\\bconst ${name} = ([\\d_* ]+);`).exec(textOf(file))?.[1]?.replaceAll("_", "").split("*");
  const value = product?.reduce((total, factor) => total * Number(factor), 1) ?? Number.NaN;
  return (value / per).toLocaleString("en-US");
}

const SECOND = 1_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const MiB = 1024 * 1024;

/** Sentences with a number of the source, by document. */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  "docs/api-reference.md": [
    `at most ${number("src/mcp/json-rpc.ts", "MAX_BODY_BYTES", MiB)} MiB`,
    `An id or a progress token has at most ${number("src/mcp/json-rpc.ts", "MAX_ID_LENGTH")} characters`,
    `A batch has at most ${number("src/mcp/batch.ts", "MAX_MESSAGES")} messages`,
    `their responses have ${number("src/mcp/batch.ts", "MAX_RESPONSE_LENGTH", MiB)} MiB`,
    `"ttlMs": ${number("src/mcp/methods.ts", "LIST_TTL_MS").replace(",", "")}`,
    `It is valid for ${number("src/pipeline/task-handle.ts", "TASK_TTL_MS", HOUR)} hours`,
    `A stream that is silent for ${number("src/mcp/sse.ts", "HEARTBEAT_MS", SECOND)} seconds`,
    `key of the client's choice, 1 to ${number("src/mcp/tools.ts", "MAX_KEY_LENGTH")} characters`,
    `Bearer …\`, at most ${number("src/oauth/resource-server/authenticate.ts", "MAX_JWT_LENGTH")} characters`,
    `1 to ${number("src/oauth/authorization-server/registration-rules.ts", "MAX_REDIRECTS")} redirect URIs`,
    `${number("src/oauth/authorization-server/registration-rules.ts", "MAX_REDIRECTS_LENGTH")} characters of redirect`,
    `cut after ${number("src/oauth/authorization-server/registration-rules.ts", "MAX_NAME_LENGTH")} characters`,
    `at most ${number("src/oauth/authorization-server/client-id.ts", "MAX_DOCUMENT_URL_LENGTH")} characters`,
    `JSON of at most ${number("src/oauth/authorization-server/client-document.ts", "MAX_DOCUMENT_BYTES", 1024)} KiB`,
    `within ${number("src/oauth/authorization-server/client-document.ts", "FETCH_TIMEOUT_MS", SECOND)} seconds`,
    `again within ${number("src/oauth/authorization-server/refresh-token-family.ts", "GRACE_SECONDS")} seconds`,
  ],
  "docs/user-guide.md": [
    `a password of at least ${number("contracts/auth.ts", "PASSWORD_MIN_CHARACTERS")} characters`,
    `up to ${number("entrypoints/auth/sign-in-attempts.ts", "LONGEST_PAUSE_SECONDS", 60)} minutes`,
    `You can have ${number("contracts/auth.ts", "API_KEYS_MAX")} keys`,
    `It holds for ${number("src/durable/user-object.ts", "APPROVAL_MS", DAY)} days`,
    `An image up to ${number("src/tools/img-forge.ts", "INLINE_LIMIT_BYTES", 1024)} KiB is part of the result`,
    `up to ${number("src/resources/picture.ts", "PICTURE_LIMIT_BYTES", MiB)} MiB`,
    `longer\n  than ${number("entrypoints/img-forge/job-object.ts", "MODEL_TIMEOUT_MS", SECOND)} seconds`,
    `| 20 | 60 | 300 | 1,000 |\n| credits a month | 25 | 65 | 580 | 2,320 |`,
  ],
  "docs/security.md": [`(${number("src/config.ts", "MAX_CREDENTIAL_CACHE_SECONDS")} at most)`],
  "docs/threats.md": [`is not called for ${number("src/backends/breaker.ts", "OPEN_MS", SECOND)} seconds`],
  "docs/architecture.md": [
    `valid for ${number("contracts/rpc/identity-token.ts", "IDENTITY_LIFETIME_SECONDS")} seconds`,
    `five of these in a row within ${number("src/backends/breaker.ts", "WINDOW_MS", SECOND)} seconds`,
    `after ${number("src/audit/chain.ts", "CHECKPOINT_RECORDS")}, signs`,
  ],
};

describe("a number in the documents", () => {
  const sentences = Object.entries(NUMBERS).flatMap(([document, texts]) =>
    texts.map((text) => [document, text] as const),
  );

  it.each(sentences)("%s: %s", (document, sentence) => {
    const isThere = asLine(textOf(document)).includes(asLine(sentence));
    expect(isThere, `${document} does not say: ${sentence}`).toBe(true);
  });

  it("of the plans is that of the limits, the ledger and the prices", () => {
    const guide = textOf("docs/user-guide.md");
    const limits = Array.from(
      textOf("src/limits/rate-limits.ts").matchAll(/"plan\.\w+": \{ perMinute: (\d+)/g),
      amount,
    );
    const allowances = /^CREDIT_ALLOWANCES = "(.*)"$/m.exec(textOf("entrypoints/auth/wrangler.toml"))?.[1] ?? "";
    expect(guide).toContain(`| tool calls, reads and completions a minute | ${limits.join(" | ")} |`);
    expect(guide).toContain(`| credits a month | ${Array.from(allowances.matchAll(/:(\d+)/g), amount).join(" | ")} |`);
    const sizes = Array.from(
      textOf("entrypoints/img-forge/models.ts").matchAll(/^ {4}size: (\d+),/gm),
      ([, size]) => size,
    );
    for (const size of sizes) expect(guide).toMatch(new RegExp(`\`\\w+\` ${size}\\b`));
    expect([limits.length, sizes.length]).toEqual([4, 5]);
  });
});

/** Whitespace in prose is where the line was wrapped. */
function asLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

function amount([, digits]: RegExpMatchArray): string {
  return Number(digits).toLocaleString("en-US");
}

/** The texts between quotes in the first cell of each row. */
function messagesIn(markdown: string): string[] {
  const cells = Array.from(markdown.matchAll(/^\| ([^|]+) \|/gm), ([, cell = ""]) => cell);
  return cells.flatMap((cell) => Array.from(cell.matchAll(/"([^"]+)"/g), ([, text = ""]) => text));
}

/** True if the product can write the message. "…" stands for what it inserts. */
function isWritten(message: string): boolean {
  const parts = message.split("…").map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(parts.join("[^\\n]*")).test(product);
}

describe("a message that troubleshooting quotes", () => {
  it("is one that the product writes", () => {
    const quoted = ["docs/troubleshooting.md", "docs/operations.md"].flatMap((file) => messagesIn(textOf(file)));
    expect(quoted.length).toBeGreaterThan(15);
    expect(quoted.filter((message) => !isWritten(message))).toEqual([]);
  });

  it("is found if it is another one", () => {
    expect(messagesIn('| "Already used", later | a |\n| b | "not this" |')).toEqual(["Already used"]);
    expect([isWritten("Already used"), isWritten("Port … is in use"), isWritten("Already spent")]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

/** Options in commands that run a file of entrypoints/cli, as `command --option`. */
function optionsIn(markdown: string): { command: string; option: string }[] {
  const commands = markdown.matchAll(/npm run (?:-s )?(\w+) -- ([^`|#\n]*)/g);
  return Array.from(commands, ([, command = "", rest = ""]) =>
    Array.from(rest.matchAll(/(?:^|\s)--([a-z-]+)/g), ([, option = ""]) => ({ command, option })),
  ).flat();
}

/** True if the command has the option, in its help or where it reads options. */
function hasOption({ command, option }: { command: string; option: string }): boolean {
  const places = [`entrypoints/cli/${command}.ts`, `entrypoints/cli/${command}/`, `test/${command}/`];
  const files = FILES.filter((file) => places.some((place) => file.startsWith(place)));
  const named = new RegExp(`--${option}\\b|\\b${option}: \\{`);
  return files.length === 0 || files.some((file) => named.test(textOf(file)));
}

describe("a command in the documents", () => {
  it("has the options that the program has", () => {
    const used = documents.flatMap((file) => optionsIn(textOf(file)).map((use) => ({ ...use, file })));
    expect(used.length).toBeGreaterThan(15);
    expect(used.filter((use) => !hasOption(use))).toEqual([]);
    expect(optionsIn("`npm run dev -- --fresh` and `npm run dev -- --port 1 --gone`").map(hasOption)).toEqual([
      true,
      true,
      false,
    ]);
  });
});

/** Names of other programs, of the scaffold's example, and examples of clients. */
const FOREIGN =
  /^(?:EBADENGINE|localhost:\d+|\.vscode\/.*|head_sampling_rate|TODO|token_endpoint_\w+|any|utils|common|helpers|types|ES256|CreateItem|GetItem|richnessOf|https?:.*|\/?mcp[_.].*|\/stackbilt\..*|.*\bledger\b.*|ledger_.*|invocation\.token|Guard\.claim|data\..*)$/;

/** The names in code type that no file of code has, and that are no path of the repository. */
function unknownNames(markdown: string): string[] {
  const prose = markdown.replaceAll(/^( *)```.*?^\1```$/gms, "").replaceAll(/<!-- Generated.*?<!-- End/gs, "");
  const names = Array.from(prose.matchAll(/`([@\w./-][\w./:@-]*)(?:\(\))?`/g), ([, name = ""]) => name);
  return names.filter((name) => !FOREIGN.test(name) && !isKnown(name.replace(/\/$/, "")));
}

function isKnown(name: string): boolean {
  return code.includes(name) || existsSync(path.join(ROOT, name));
}

describe("a name in the documents", () => {
  // The page about clients names the files and settings of other programs.
  const own = documents.filter((file) => file !== "docs/clients.md");

  it.each(own)("of %s exists in the code or as a file", (document) => {
    expect(unknownNames(textOf(document)), "Correct these names; FOREIGN has those of other programs.").toEqual([]);
  });

  it("is found if it is gone", () => {
    expect(unknownNames("`CREDENTIAL_KEPT_SECONDS`, `rpc.faulty`, `src/other.ts`, `rpc.fault`, `src/env.ts`")).toEqual([
      "CREDENTIAL_KEPT_SECONDS",
      "rpc.faulty",
      "src/other.ts",
    ]);
  });

  it("of a binding is in the table of Workers, and each audience has a folder", () => {
    const architecture = textOf("docs/architecture.md");
    for (const { audience } of Object.values(BACKENDS)) expect(architecture).toContain(`../entrypoints/${audience}`);
  });
});
