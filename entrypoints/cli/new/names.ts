// The names of a new backend, all derived from one, and the checks that they are free.
import { existsSync } from "node:fs";
import path from "node:path";
import { BACKENDS } from "../../../contracts/backends.ts";
import { CliError } from "../cli-error.ts";
import { AUDIENCES, ROOT, readConfig } from "../workers.ts";

/** Each spelling of a backend's name. */
export interface BackendNames {
  /** `my-ledger`: files, the folder, the audience. */
  readonly name: string;
  /** `myLedger`: values in TypeScript. */
  readonly camel: string;
  /** `MyLedger`: types and classes. */
  readonly Pascal: string;
  /** `my ledger`: in sentences. */
  readonly words: string;
  /** `My ledger`: at the beginning of a sentence. */
  readonly Words: string;
  /** `my_ledger`: the first word of tool names. */
  readonly prefix: string;
  /** `MY_LEDGER`: the gateway's binding. */
  readonly binding: string;
}

const NAME = /^(?=.{2,31}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const PREFIX = /^(?=.{2,31}$)[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;
const BINDING = /^[A-Z][A-Z0-9_]{1,40}$/;

/** Folders of entrypoints/ and files of contracts/ that are not backends. */
const TAKEN = ["backends", "cli", "gateway", "local", "rpc", "tsconfig"];

/** Words that cannot name a constant in the new files: of the language, and of their imports. */
const RESERVED = new Set(
  `await break case catch class const constructor continue contract debugger default delete do else enum export extends fail
  false finally for function if implements import in instanceof interface let new null ok operation package private product
  protected public return serve static super switch this throw true try typeof undefined var void while with yield`.split(
    /\s+/,
  ),
);

/**
 * All names of the backend. Throws a `CliError`, one sentence, for the first name that cannot be
 * used.
 */
export function namesOf(
  name: string,
  given: { readonly prefix?: string | undefined; readonly binding?: string | undefined },
): BackendNames {
  checkName(name);
  const parts = name.split("-").filter(Boolean);
  const Pascal = parts.map(capitalized).join("");
  const words = parts.join(" ");
  const names = {
    name,
    camel: `${Pascal.slice(0, 1).toLowerCase()}${Pascal.slice(1)}`,
    Pascal,
    words,
    Words: capitalized(words),
    prefix: given.prefix ?? parts.join("_"),
    binding: given.binding ?? parts.join("_").toUpperCase(),
  };
  if (RESERVED.has(names.camel)) throw new CliError(`"${name}" is a word of the code itself: choose another name.`);
  checkPrefix(names.prefix);
  checkBinding(names.binding);
  return names;
}

function checkName(name: string): void {
  if (!NAME.test(name))
    throw new CliError(
      `"${name}" does not fit: a name has 2 to 31 small letters, digits and hyphens between them, a letter first.`,
    );
  if (AUDIENCES.some((audience) => audience === name)) throw new CliError(`There is a backend "${name}" already.`);
  if (TAKEN.includes(name)) throw new CliError(`"${name}" names another part of the repository: choose another name.`);
  const left = leftovers(name).find((file) => existsSync(path.join(ROOT, file)));
  if (left !== undefined)
    throw new CliError(
      `${left} exists, but contracts/backends.ts does not list "${name}": delete what an earlier run left, or choose another name.`,
    );
}

/** Paths that exist only for a backend of this name. */
function leftovers(name: string): string[] {
  return [`contracts/${name}.ts`, `src/tools/${name}.ts`, `entrypoints/${name}`, `test/backends/${name}.test.ts`];
}

function checkPrefix(prefix: string): void {
  if (!PREFIX.test(prefix))
    throw new CliError(
      `"${prefix}" does not fit: a prefix has 2 to 31 small letters, digits and underscores between them, a letter first.`,
    );
  for (const { audience, prefix: used } of Object.values(BACKENDS)) {
    if (prefix === used || prefix.startsWith(`${used}_`) || used.startsWith(`${prefix}_`))
      throw new CliError(`The prefix "${used}" belongs to ${audience}: choose another one with --prefix.`);
  }
}

function checkBinding(binding: string): void {
  if (!BINDING.test(binding))
    throw new CliError(
      `"${binding}" does not fit: a binding has 2 to 41 capital letters, digits and underscores, a letter first.`,
    );
  const isSetting = /^SERVICE_BINDING_SECRET(?:_PREVIOUS)?$/.test(binding);
  const isUsed = new RegExp(`^(?:(?:binding|name)\\s*=\\s*"${binding}"|${binding}\\s*=)`, "m");
  if (isSetting || isUsed.test(readConfig("gateway")))
    throw new CliError(
      `The gateway has a binding or a setting "${binding}" already: choose another one with --binding.`,
    );
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
