// `npm run users`: what an operator does with users: look, disable, sign out, change plan and
// standing. It changes the auth Worker's database, which the gateway asks through `getUser`, so
// that a change reaches a running system within half a minute, and paid calls at once.
import { domainToUnicode } from "node:url";
import { canonicalEmail } from "../../contracts/email-address.ts";
import { Tier } from "../../contracts/rpc/identity.ts";
import { CliError } from "./cli-error.ts";
import {
  DATABASE_OPTIONS,
  type DatabaseOptions,
  databaseOptions,
  execute,
  LIST_MAX,
  type Row,
  type Sql,
  sql,
} from "./database.ts";
import { readArguments } from "./options.ts";

const STANDINGS = ["good", "unpaid"] as const;

const USAGE = `Usage: npm run users -- COMMAND [options]

  list                         the newest users
  show USER                    one user
  disable USER                 sign-in, sessions, apps, keys and tokens stop
  enable USER                  the user can sign in again; keys work again, apps must be connected again
  plan USER TIER               ${Tier.options.join(", ")}
  standing USER STANDING       ${STANDINGS.join(", ")}: with an unpaid bill, no call is served
  sign-out USER                every session, app and token ends; keys stay

USER is an e-mail address or a user id.

  --remote                     use the deployed database; default: that of \`npm run dev\`
  --persist-to DIR             the folder of \`npm run dev\` (default .wrangler/state)
  --limit N                    number of users to list, 1 to ${LIST_MAX} (default 50)
  --json                       print JSON
  --help                       show this`;

interface Options extends DatabaseOptions {
  readonly words: readonly string[];
}

/** Prints the users that were listed, shown or changed. Throws a `CliError` for any mistake. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  const [command = "", ...operands] = options.words;
  if (command === "list") {
    if (operands.length > 0) throw mistake("list takes no operand");
    return print(
      await execute({ owner: "auth", database: options.database }, selectUsers(sql`1`, options.limit)),
      options,
    );
  }
  const change = Object.hasOwn(CHANGES, command) ? CHANGES[command] : undefined;
  if (!change) throw mistake(command === "" ? "Name a command" : `There is no command "${command}"`);
  const [user, value] = operands;
  if (user === undefined || operands.length > 2) throw mistake(`${command} takes a user${operandOf(change)}`);
  checkValue(command, change, value);
  const named = isNamed(user);
  // No id, and no change, if several accounts have the address.
  const id = sql`(SELECT max(u.id) FROM user u WHERE ${named} HAVING count(*) = 1)`;
  const rows = await execute(
    { owner: "auth", database: options.database },
    ...change.statements(id, value ?? ""),
    selectUsers(named, LIST_MAX),
  );
  if (rows.length === 0) throw new CliError(`There is no user ${quoted(user)}. ${listHint(options)}`);
  if (rows.length > 1 && command !== "show")
    throw new CliError(
      `Several users have this address, and nothing was changed. Name one by its id:\n\n${tableOf(rows)}`,
    );
  print(rows, options);
}

function listHint({ database }: Options): string {
  return `\`npm run users -- list${database === "remote" ? " --remote" : ""}\` shows the newest.`;
}

interface Change {
  /** Values of the second operand; absent if there is none. */
  readonly values?: readonly string[];
  readonly statements: (id: Sql, value: string) => readonly Sql[];
}

const CHANGES: Readonly<Record<string, Change>> = {
  show: { statements: () => [] },
  // The database's triggers end every sign-in of a disabled user.
  disable: {
    statements: (id) => [
      sql`UPDATE user SET disabledAt = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = ${id} AND disabledAt IS NULL`,
    ],
  },
  enable: { statements: (id) => [sql`UPDATE user SET disabledAt = NULL WHERE id = ${id}`] },
  plan: {
    values: Tier.options,
    statements: (id, tier) => [provide(id), sql`UPDATE tenants SET tier = ${tier} WHERE user_id = ${id}`],
  },
  standing: {
    values: STANDINGS,
    statements: (id, standing) => [
      provide(id),
      sql`UPDATE tenants SET is_delinquent = ${standing === "unpaid" ? 1 : 0} WHERE user_id = ${id}`,
    ],
  },
  "sign-out": {
    statements: (id) => [
      sql`UPDATE user SET sessionVersion = sessionVersion + 1, signedOutAt = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = ${id}`,
    ],
  },
};

/** Creates the tenant of a user who has not signed in at the gateway yet. */
function provide(id: Sql): Sql {
  return sql`INSERT INTO tenants (id, user_id, tier, source, created_at)
    SELECT lower(hex(randomblob(16))), u.id, 'free', 'oauth', unixepoch() FROM user u WHERE u.id = ${id}
    ON CONFLICT (user_id) DO NOTHING`;
}

/** The users that meet a condition, newest first. */
function selectUsers(condition: Sql, limit: number): Sql {
  return sql`SELECT u.id, u.email, u.name, coalesce(t.tier, 'free') AS plan,
    CASE WHEN t.is_delinquent = 1 THEN 'unpaid' ELSE 'good' END AS standing,
    CASE WHEN u.disabledAt IS NULL THEN 'active' ELSE 'disabled' END AS state,
    u.createdAt AS created, u.signedOutAt AS signedOut
    FROM user u LEFT JOIN tenants t ON t.user_id = u.id WHERE ${condition} ORDER BY u.createdAt DESC, u.id LIMIT ${limit}`;
}

/** The condition that a user has this id, or this address in any spelling. */
function isNamed(user: string): Sql {
  if (!user.includes("@")) return sql`u.id = ${user}`;
  const canonical = canonicalEmail(user.trim());
  return sql`u.email IN (${canonical}, ${readable(canonical)}, ${user.trim().normalize("NFC").toLowerCase()})`;
}

function checkValue(command: string, { values }: Change, value: string | undefined): void {
  if (values === undefined && value !== undefined) throw mistake(`${command} takes a user only`);
  if (values === undefined || (value !== undefined && values.includes(value))) return;
  throw mistake(
    value === undefined
      ? `${command} takes a user and one of ${values.join(", ")}`
      : `There is no ${command} ${quoted(value)}; use one of ${values.join(", ")}`,
  );
}

function operandOf({ values }: Change): string {
  return values === undefined ? "" : ` and one of ${values.join(", ")}`;
}

function readOptions(args: readonly string[]): Options | "help" {
  const command = { args, usage: USAGE, options: DATABASE_OPTIONS, takesWords: true };
  return readArguments(command, (values, words) => ({ words, ...databaseOptions(values) }));
}

function mistake(problem: string): CliError {
  return new CliError(`${problem}.\n\n${USAGE}`);
}

/** Text of others on one line, without characters that a terminal would act on. */
function quoted(text: string): string {
  return JSON.stringify(text.replace(/[\p{Cc}\p{Cf}]/gu, "?"));
}

function print(found: readonly Row[], { isJson }: Options): void {
  const rows = found.map((row) => ({ ...row, email: readable(String(row.email)) }));
  const text = rows.length === 0 ? "There are no users yet." : tableOf(rows);
  console.log(isJson ? JSON.stringify(rows, null, 2) : text);
}

/** The address as people write it, e.g. `ada@bücher.example`. */
function readable(email: string): string {
  const [, local, domain] = /^(.*)@([a-z0-9.-]*xn--[a-z0-9.-]+)$/.exec(email) ?? [];
  const decoded = domain === undefined ? "" : domainToUnicode(domain);
  return decoded === "" ? email : `${local}@${decoded}`;
}

const COLUMNS = ["id", "email", "name", "plan", "standing", "state"] as const;

/** A table whose columns line up, also with letters that take two columns. */
function tableOf(rows: readonly Row[]): string {
  const cells = [[...COLUMNS], ...rows.map((row) => COLUMNS.map((column) => clean(String(row[column] ?? ""))))];
  const widths = COLUMNS.map((_, at) => Math.max(...cells.map((row) => widthOf(row[at] ?? ""))));
  const lines = cells.map((row) => row.map((cell, at) => cell + " ".repeat((widths[at] ?? 0) - widthOf(cell))));
  return lines.map((line) => line.join("  ").trimEnd()).join("\n");
}

function clean(text: string): string {
  return text.replace(/[\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, "?");
}

/** Columns of a terminal that the text takes (Unicode TR11, in the main). */
function widthOf(text: string): number {
  const wide = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\uFF01-\uFF60]/u;
  return [...text].reduce((width, letter) => width + (/\p{M}/u.test(letter) ? 0 : wide.test(letter) ? 2 : 1), 0);
}
