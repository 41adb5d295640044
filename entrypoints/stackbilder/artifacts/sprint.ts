// SPRINT: stories in the order in which they are built, each with an estimate that follows from its tests and risks.
import { type Assignment, bullets, type Draft, headline, markdownOf, type Point, pointsOf, table } from "./draft.ts";

/** Story points that fit into one sprint. */
const CAPACITY = 13;
const SIZES = [1, 2, 3, 5, 8, 13] as const;

interface Story {
  readonly text: string;
  /** Ids of the tests that are green when it is done. */
  readonly tests: readonly string[];
  readonly points: number;
}

export function sprint(assignment: Assignment): Draft {
  const { brief, profile, revision } = assignment;
  const stories = plan(assignment);
  const total = stories.reduce((sum, { points }) => sum + points, 0);
  const sprints = stories.map((_, index) => 1 + Math.floor((sumTo(stories, index) - 1) / CAPACITY));
  const shown = stories.find(({ tests }) => tests.length > 0);
  const points: Point[] = stories.map(({ text }, index) => ({ id: `S${index + 1}`, text }));
  const title = `Sprints: ${brief.name}`;
  const markdown = markdownOf(title, [
    [
      "Stories",
      table(
        ["Id", "Sprint", "Story", "Points", "Done when green"],
        stories.map((story, index) => [
          `S${index + 1}`,
          `${sprints[index]}`,
          story.text,
          `${story.points}`,
          story.tests.join(", "),
        ]),
      ),
    ],
    [
      "Size",
      `${stories.length} stories, ${total} points, ${sprints.at(-1) ?? 0} sprints of ${CAPACITY} points. A point is about half a day of one person.`,
    ],
    ["First demonstration", shown ? `At the end of sprint ${sprints[stories.indexOf(shown)]}: ${shown.text}.` : ""],
    [
      "Definition of done",
      profile === "strict"
        ? bullets(["Its tests are green.", "Its constraint is measured.", "Somebody else has used it."])
        : "Its tests are green, and somebody else has used it.",
    ],
    [
      "If time runs short",
      profile === "exploratory" ? bullets(points.slice(-2).map(({ id, text }) => `${id} goes first: ${text}`)) : "",
    ],
    [
      `Revision ${revision}`,
      revision > 0 ? bullets(brief.sentences.map((sentence) => `Read aloud at each planning: ${sentence}`)) : "",
    ],
  ]);
  return { title, markdown, points };
}

/** The ground first, then the goals, then what holds each risk. */
function plan(assignment: Assignment): Story[] {
  const { brief } = assignment;
  const tests = pointsOf(assignment, "TDD");
  const proving = (id: string) => tests.filter(({ text }) => text.endsWith(`(${id})`)).map((test) => test.id);
  const ground = pointsOf(assignment, "ARCHITECT")
    .slice(0, 2)
    .map(({ text }) => text.split(":")[0]);
  const story = (text: string, green: readonly string[]): Story => ({
    text,
    tests: green,
    points: sizeOf(green.length),
  });
  return [
    {
      text: `Walking skeleton: ${ground.join(" and ") || brief.name}, deployed, with one empty ${brief.things[0] ?? "page"}`,
      tests: [],
      points: 3,
    },
    ...brief.keywords.map((keyword) => ({
      text: `Try ${keyword} and write down what was found`,
      tests: [],
      points: 1,
    })),
    ...pointsOf(assignment, "PRODUCT").map(({ id, text }) => story(`${text} (${id})`, proving(id))),
    ...pointsOf(assignment, "RISK").map(({ id, text }) => story(`Hold ${id}: ${text}`, proving(id))),
    ...(brief.constraints.length > 0
      ? [story(`Measure ${brief.constraints.map(headline).join("; ")}`, proving("brief"))]
      : []),
  ];
}

/** One point for the story and one for each test, rounded up to a size of the usual scale. */
function sizeOf(tests: number): number {
  return SIZES.find((size) => size >= 1 + tests) ?? 13;
}

function sumTo(stories: readonly Story[], index: number): number {
  return stories.slice(0, index + 1).reduce((sum, { points }) => sum + points, 0);
}
