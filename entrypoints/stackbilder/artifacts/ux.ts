// UX: who walks which way to which goal, and what each thing on the screen looks like when it is empty, waiting, broken or done.
import { personIn, termIn } from "../brief.ts";
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

export function ux(assignment: Assignment): Draft {
  const { brief, profile, revision } = assignment;
  const goals = pointsOf(assignment, "PRODUCT");
  const people = brief.people.length > 0 ? brief.people : ["first user"];
  const journeys: Point[] = goals.map((goal, index) => {
    // Whoever the goal names, else everybody in turn.
    const named = personIn(goal.text, people);
    const person = named ?? people[index % people.length] ?? "first user";
    return { id: `J${index + 1}`, text: `${named ? "" : `${headline(person)}: `}${goal.text} (${goal.id})` };
  });
  const things = brief.things.slice(0, breadth(assignment));
  const title = `Experience: ${brief.name}`;
  const markdown = markdownOf(title, [
    [
      "Journeys",
      journeys.map((journey) => `### ${journey.id} ${journey.text}\n\n${steps(journey, things)}`).join("\n\n"),
    ],
    [
      "States",
      things.length === 0
        ? ""
        : table(
            ["Thing", "Empty", "Waiting", "Broken", "Done"],
            things.map((thing) => [
              thing,
              `Says what ${thing} is for and offers the first step`,
              "Keeps its place and size",
              "Says what happened, keeps what was typed, offers to try again",
              `Shows ${thing} and what can be done next`,
            ]),
          ),
    ],
    [
      "Held to",
      bullets(
        brief.constraints.map((constraint) => `${headline(constraint)}: visible on every screen that it touches.`),
      ),
    ],
    [
      "Taken up",
      bullets(
        brief.keywords.map((keyword) => `**${keyword}**: named to people only where they have to decide about it.`),
      ),
    ],
    [
      "Access",
      profile === "strict"
        ? ""
        : bullets(["Every step works with a keyboard and at 320 pixels width.", "Nothing is told by colour alone."]),
    ],
    [
      "Alternatives to try",
      profile === "exploratory"
        ? bullets(things.slice(0, 3).map((thing) => `Start from a list of ${thing} instead of a form.`))
        : "",
    ],
    [
      `Revision ${revision}`,
      revision > 0
        ? bullets(
            journeys.map(({ id, text }) => `${id} on a slow connection: ${text} can be left and resumed at each step.`),
          )
        : "",
    ],
  ]);
  return { title, markdown, points: journeys };
}

function steps(journey: Point, things: readonly string[]): string {
  const thing = termIn(journey.text, things) ?? things[0] ?? "the result";
  return [
    `1. Arrives and sees what ${thing} is about.`,
    "2. Does the one thing that the screen asks for.",
    `3. Checks ${thing} before it counts.`,
    "4. Is told that it worked, and what comes next.",
  ].join("\n");
}
