// UX: the journey to each goal, and the states of each item on the screen: empty, loading, error
// and success.
import { roleIn, termIn } from "../brief.ts";
import {
  type Assignment,
  breadth,
  bullets,
  type Draft,
  headline,
  markdownOf,
  type Point,
  pointsOf,
  table,
} from "./draft.ts";

const ACCESSIBILITY = [
  "Every step works with a keyboard and at a width of 320 pixels.",
  "No information is conveyed by colour alone.",
];

export function writeExperience(assignment: Assignment): Draft {
  const { brief, profile, revision } = assignment;
  const journeys = journeysOf(assignment);
  const subjects = brief.subjects.slice(0, breadth(assignment));
  const title = `Experience: ${brief.name}`;
  const markdown = markdownOf(title, [
    ["Journeys", journeys.map((journey) => describeJourney(journey, subjects)).join("\n\n")],
    ["States", subjects.length === 0 ? "" : stateTable(subjects)],
    [
      "Constraints",
      bullets(
        brief.constraints.map((constraint) => `${headline(constraint)}: visible on every screen that it affects.`),
      ),
    ],
    [
      "Keywords",
      bullets(brief.keywords.map((keyword) => `**${keyword}**: shown to users only where they must decide about it.`)),
    ],
    ["Accessibility", profile === "strict" ? "" : bullets(ACCESSIBILITY)],
    [
      "Alternatives to try",
      profile === "exploratory"
        ? bullets(subjects.slice(0, 3).map((subject) => `Start from a list of ${subject} instead of a form.`))
        : "",
    ],
    [
      `Revision ${revision}`,
      revision > 0
        ? bullets(
            journeys.map(
              ({ id, text }) => `${id} on a slow connection: ${text} can be paused and resumed at each step.`,
            ),
          )
        : "",
    ],
  ]);
  return { title, markdown, points: journeys };
}

/** One journey for each goal, by the role that the goal names, else by each role in turn. */
function journeysOf(assignment: Assignment): Point[] {
  const { brief } = assignment;
  const roles = brief.roles.length > 0 ? brief.roles : ["first user"];
  return pointsOf(assignment, "PRODUCT").map((goal, index) => {
    const named = roleIn(goal.text, roles);
    const role = named ?? roles[index % roles.length] ?? "first user";
    return { id: `J${index + 1}`, text: `${named ? "" : `${headline(role)}: `}${goal.text} (${goal.id})` };
  });
}

function describeJourney(journey: Point, subjects: readonly string[]): string {
  const subject = termIn(journey.text, subjects) ?? subjects[0] ?? "the result";
  const steps = [
    `1. Opens the page and sees what ${subject} is about.`,
    "2. Completes the one task of the screen.",
    `3. Checks ${subject} before submitting it.`,
    "4. Sees a confirmation and the next step.",
  ];
  return `### ${journey.id} ${journey.text}\n\n${steps.join("\n")}`;
}

function stateTable(subjects: readonly string[]): string {
  const rows = subjects.map((subject) => [
    subject,
    `Explains ${subject} and offers the first step`,
    "Keeps its position and size",
    "Says what happened, keeps the input, offers a retry",
    `Shows ${subject} and the next actions`,
  ]);
  return table(["Item", "Empty", "Loading", "Error", "Success"], rows);
}
