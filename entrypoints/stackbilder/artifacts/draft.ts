// Input and output of the writers of the six modes, and their Markdown helpers.
import type { Mode, Profile } from "../../../contracts/stackbilder.ts";
import type { Brief } from "../brief.ts";

/**
 * One numbered statement of an artifact, which later modes cite by its id: a goal, journey, risk,
 * component or test.
 */
export interface Point {
  /** A letter for the kind and a number, such as `G2`; unique within a flow. */
  readonly id: string;
  readonly text: string;
}

/** An artifact without its scores. */
export interface Draft {
  readonly title: string;
  readonly markdown: string;
  readonly points: readonly Point[];
}

/** A heading and its content. An empty content omits the section. */
export type Section = readonly [heading: string, content: string];

export interface Assignment {
  readonly brief: Brief;
  readonly profile: Profile;
  /** Completed modes, in order. */
  readonly earlier: readonly (Draft & { readonly mode: Mode })[];
  /**
   * The number of times that this mode has failed. Each revision has more detail than the one
   * before.
   */
  readonly revision: number;
}

/** The number of items that a list contains; it grows with each revision. */
export function breadth({ revision }: Assignment): number {
  return 6 + 3 * revision;
}

/** The description and the keywords of the brief as one text. */
export function textOf({ brief }: Assignment): string {
  return [brief.description, ...brief.keywords].join(" ");
}

/** The points of an earlier mode; empty if the mode is not completed. */
export function pointsOf({ earlier }: Assignment, mode: Mode): readonly Point[] {
  return earlier.find((draft) => draft.mode === mode)?.points ?? [];
}

/** A Markdown table. Pipes in a cell are escaped, and line breaks become spaces. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replace(/\s+/g, " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}

/** A title and its non-empty sections. */
export function markdownOf(title: string, sections: readonly Section[]): string {
  const shown = sections.filter(([, content]) => content !== "");
  return `${[`# ${title}`, ...shown.map(([heading, content]) => `## ${heading}\n\n${content}`)].join("\n\n")}\n`;
}

/** The text with its first letter in upper case and without final punctuation. */
export function headline(text: string): string {
  const trimmed = text.trim().replace(/[.。!！?？;；,，、\s]+$/u, "");
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}
