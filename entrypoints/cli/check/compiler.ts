// The compiler's errors, shorter. A rule of this repository becomes its sentence, and of anything
// else the types that are quoted keep their beginning.

/** A quoted type longer than this is cut. */
const QUOTED_LIMIT = 60;
const HEAD = /^(?<file>[^\s(]+)\((?<line>\d+),\d+\): error (?<code>TS\d+): (?<text>.*)$/;

interface Rule {
  readonly code: string;
  readonly pattern: RegExp;
  /** Made from the groups of the pattern. */
  readonly sentence: (groups: Readonly<Record<string, string>>) => string;
}

const RULES: readonly Rule[] = [
  {
    code: "TS2741",
    pattern: /^Property '(?<field>\w+)' is missing in type .* required in type '(?:ToolDeclaration|Operation)</,
    sentence: ({ field }) => `lacks \`${field}\`: every declaration of this kind has it.`,
  },
  {
    code: "TS2420",
    pattern: /^Class '(?<name>\w+)' incorrectly implements .*?(?:Property '(?<field>\w+)'|: (?<fields>[\w, ]+)$)/,
    sentence: ({ name, field, fields }) =>
      `${name} lacks ${field ?? fields} of its contract, or has it with other types: implement it with serve().`,
  },
  {
    code: "TS2307",
    pattern: /^Cannot find module '(?<module>[^']+)'/,
    sentence: ({ module }) =>
      module?.startsWith(".")
        ? `imports ${module}, which does not exist: correct the path, which ends in .ts.`
        : `imports ${module}, which is not installed: run npm install, or see docs/decisions/ for a new dependency.`,
  },
  {
    code: "TS1117",
    pattern: /./,
    sentence: () =>
      "repeats a name of the lines above: of two tools or fields with one name, only the last would count.",
  },
];

/**
 * The output of `tsc --pretty false`, as one paragraph an error. Without the errors of projects
 * that lack the declarations of another one (TS6305): that one has the cause.
 */
export function readableErrors(output: string): string[] {
  const errors: string[][] = [];
  for (const line of output.split("\n").filter((text) => text.trim() !== "")) {
    if (HEAD.test(line) || errors.length === 0) errors.push([line]);
    else errors.at(-1)?.push(line);
  }
  const projects = errors.map(([head = ""]) => projectOf(HEAD.exec(head)?.groups?.file ?? ""));
  const waiting = new Set(projects.filter((_, index) => errors[index]?.[0]?.includes(" error TS6305: ")));
  const causes = errors.filter((_, index) => !waiting.has(projects[index] ?? ""));
  return [...new Set((causes.length > 0 ? causes : errors).map(readableError))];
}

/** The folder with the tsconfig.json of a file. */
function projectOf(file: string): string {
  return file
    .split("/")
    .slice(0, file.startsWith("entrypoints/") ? 2 : 1)
    .join("/");
}

function readableError([head = "", ...rest]: readonly string[]): string {
  const { file, line, code, text = "" } = HEAD.exec(head)?.groups ?? {};
  if (file === undefined) return [head, ...rest].join("\n");
  const whole = [text, ...rest.map((more) => more.trim())].join(" ");
  for (const { pattern, sentence, ...rule } of RULES) {
    const match = rule.code === code ? pattern.exec(whole) : null;
    if (match) return `${file}:${line} ${sentence(match.groups ?? {})}`;
  }
  return [`${file}:${line} ${shortened(text)} (${code})`, ...rest.slice(0, 2).map(shortened)].join("\n");
}

function shortened(text: string): string {
  return text.replaceAll(/'((?:[^']|(?<=\w)'(?=\w))+)'/g, (quoted, type: string) =>
    type.length > QUOTED_LIMIT ? `'${type.slice(0, QUOTED_LIMIT)}…'` : quoted,
  );
}
