// What every mode's writer takes and gives.
import type { Mode, Profile } from "../../../contracts/stackbilder.ts";
import type { Brief } from "../brief.ts";

/** One numbered statement of an artifact, which later modes take up by its id: a goal, a journey, a risk, a component, a test. */
export interface Point {
  /** A letter for the kind and a number, such as `G2`; unique within a flow. */
  readonly id: string;
  readonly text: string;
}

/** An artifact before it is scored. */
export interface Draft {
  readonly title: string;
  readonly markdown: string;
  readonly points: readonly Point[];
}

export interface Assignment {
  readonly brief: Brief;
  readonly profile: Profile;
  /** Completed modes, in order. */
  readonly earlier: readonly (Draft & { readonly mode: Mode })[];
  /** How often this mode has failed: each revision goes further into detail than the one before. */
  readonly revision: number;
}

/** How many items of a list are worked out: more with every revision. */
export function breadth({ revision }: Assignment): number {
  return 6 + 3 * revision;
}

/** The points of an earlier mode; none if it is not there. */
export function pointsOf({ earlier }: Assignment, mode: Mode): readonly Point[] {
  return earlier.find((draft) => draft.mode === mode)?.points ?? [];
}

/** A Markdown table. Cells are text, and stay in their cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replace(/\s+/g, " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}

/** Sections under a title; those without content are left out. */
export function markdownOf(title: string, sections: readonly (readonly [heading: string, content: string])[]): string {
  const shown = sections.filter(([, content]) => content !== "");
  return `${[`# ${title}`, ...shown.map(([heading, content]) => `## ${heading}\n\n${content}`)].join("\n\n")}\n`;
}

/** First letter in upper case, no full stop at the end. */
export function headline(text: string): string {
  const trimmed = text.trim().replace(/[.。!！?？;；,，、\s]+$/u, "");
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}
