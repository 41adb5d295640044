// SPRINT: the stories in build order, each with an estimate that follows from its tests.
import {
  type Assignment,
  bullets,
  type Draft,
  headline,
  markdownOf,
  type Point,
  pointsOf,
  type Section,
  table,
} from "./draft.ts";

/** Story points per sprint. */
const CAPACITY = 13;
const SIZES = [1, 2, 3, 5, 8, 13] as const;

interface Story {
  readonly text: string;
  /** Ids of the tests that pass when the story is done. */
  readonly tests: readonly string[];
  readonly points: number;
  /** The number of its sprint, from 1. */
  readonly sprint: number;
}

export function writeSprints(assignment: Assignment): Draft {
  const { brief } = assignment;
  const stories = schedule(storiesOf(assignment));
  const demo = stories.find(({ tests }) => tests.length > 0);
  const points = stories.map(({ text }, index) => ({ id: `S${index + 1}`, text }));
  const title = `Sprints: ${brief.name}`;
  const markdown = markdownOf(title, [
    ["Stories", storyTable(stories)],
    ["Size", describeSize(stories)],
    ["First demonstration", demo ? `At the end of sprint ${demo.sprint}: ${demo.text}.` : ""],
    ...conclusion(assignment, points),
  ]);
  return { title, markdown, points };
}

/** The foundation first, then the goals, then the mitigation of each risk. */
function storiesOf(assignment: Assignment): Omit<Story, "sprint">[] {
  const { brief } = assignment;
  const tests = pointsOf(assignment, "TDD");
  const components = pointsOf(assignment, "ARCHITECT").slice(0, 2);
  const foundation = components.map(({ text }) => text.split(":")[0]).join(" and ") || brief.name;
  /** A story that is done when the tests that prove `id` pass. */
  const tested = (text: string, id: string) => {
    const proving = tests.filter((test) => test.text.endsWith(`(${id})`)).map((test) => test.id);
    return { text, tests: proving, points: sizeOf(proving.length) };
  };
  const skeleton = `Walking skeleton: ${foundation}, deployed, with one empty ${brief.subjects[0] ?? "page"}`;
  return [
    { text: skeleton, tests: [], points: 3 },
    ...brief.keywords.map((keyword) => ({
      text: `Evaluate ${keyword} and document the result`,
      tests: [],
      points: 1,
    })),
    ...pointsOf(assignment, "PRODUCT").map(({ id, text }) => tested(`${text} (${id})`, id)),
    ...pointsOf(assignment, "RISK").map(({ id, text }) => tested(`Mitigate ${id}: ${text}`, id)),
    ...(brief.constraints.length > 0 ? [tested(`Measure ${brief.constraints.map(headline).join("; ")}`, "brief")] : []),
  ];
}

/** Assigns each story to the sprint in which its last point fits. */
function schedule(stories: readonly Omit<Story, "sprint">[]): Story[] {
  let total = 0;
  return stories.map((story) => {
    total += story.points;
    return { ...story, sprint: 1 + Math.floor((total - 1) / CAPACITY) };
  });
}

function storyTable(stories: readonly Story[]): string {
  const rows = stories.map(({ sprint, text, points, tests }, index) => [
    `S${index + 1}`,
    `${sprint}`,
    text,
    `${points}`,
    tests.join(", "),
  ]);
  return table(["Id", "Sprint", "Story", "Points", "Done when these pass"], rows);
}

function describeSize(stories: readonly Story[]): string {
  const total = stories.reduce((sum, { points }) => sum + points, 0);
  const sprints = stories.at(-1)?.sprint ?? 0;
  return `${stories.length} stories, ${total} points, ${sprints} sprints of ${CAPACITY} points. One point is about half a day of work for one person.`;
}

/** The sections that depend on the profile and the revision. */
function conclusion({ brief, profile, revision }: Assignment, points: readonly Point[]): Section[] {
  const last = points.slice(-2).map(({ id, text }) => `Drop ${id} first: ${text}`);
  return [
    [
      "Definition of done",
      profile === "strict"
        ? bullets(["Its tests pass.", "Its constraint is measured.", "Another person has used it."])
        : "Its tests pass, and another person has used it.",
    ],
    ["If time runs short", profile === "exploratory" ? bullets(last) : ""],
    [
      `Revision ${revision}`,
      revision > 0 ? bullets(brief.sentences.map((sentence) => `Check at each planning: ${sentence}`)) : "",
    ],
  ];
}

/** One point for the story and one for each test, rounded up to the next size of the scale. */
function sizeOf(tests: number): number {
  return SIZES.find((size) => size >= 1 + tests) ?? 13;
}
